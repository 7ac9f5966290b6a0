"""The client side of POP3 (RFC 1939)."""
