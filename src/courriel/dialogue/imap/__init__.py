"""The client side of IMAP (RFC 3501)."""
