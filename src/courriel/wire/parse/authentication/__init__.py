"""Fields in which a receiving host says what it checked: Authentication-Results (RFC 8601)."""
