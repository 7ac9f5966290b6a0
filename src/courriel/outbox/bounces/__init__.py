"""What happens after a server's yes: reports that come back, the mails that they are about, addresses that get no more."""
