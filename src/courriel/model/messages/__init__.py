"""Message to be sent: its parts, its prepared octets, and its preview."""
