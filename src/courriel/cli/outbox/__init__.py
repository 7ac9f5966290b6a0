"""`courriel outbox`."""
