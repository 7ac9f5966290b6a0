"""What happens after a server's yes: reports that come back, and addresses that get no more mail."""
