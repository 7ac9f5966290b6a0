"""IMAP on the wire: arguments, status lines, searches (RFC 3501)."""
