"""SASL on the wire: challenges and answers of client and server (RFC 4422)."""
