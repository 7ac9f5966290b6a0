"""What happens after a server's yes, in SQL: reports about sent mails, and addresses that get no more mail."""
