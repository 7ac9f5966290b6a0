"""Reports about sent mails, and suppressed addresses, in SQL."""
