"""Sessions to mail servers: SMTP, POP3 and IMAP, blocking and asyncio, and SMTP connection pools."""
