"""`courriel sendmail`: the help; the command itself has its own options."""
