"""POP3 on the wire: commands, status lines, listings (RFC 1939)."""
