"""IMAP server syntax: commands to values, letters and folders to responses (RFC 3501, RFC 9051)."""
