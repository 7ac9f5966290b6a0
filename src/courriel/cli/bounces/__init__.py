"""`courriel bounces`: reports about mails of the outbox, taken from a mailbox."""
