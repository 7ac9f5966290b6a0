"""The server side: SMTP, LMTP and POP3 as the practice server speaks them."""
