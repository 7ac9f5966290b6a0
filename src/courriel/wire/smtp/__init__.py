"""SMTP on the wire: commands, replies, parameters and dot-stuffing (RFC 5321)."""
