"""POP3 sessions and the letters in their mailbox."""
