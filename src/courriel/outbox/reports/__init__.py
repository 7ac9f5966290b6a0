"""Reports about mails of an outbox: tokens that lead them back, the fates that they change, the history of a mail."""
