"""The server side of IMAP, as the practice server speaks it (RFC 3501, RFC 9051)."""
