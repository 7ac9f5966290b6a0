"""The client side of SMTP: login to QUIT, one message or many (RFC 5321)."""
