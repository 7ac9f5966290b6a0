"""`courriel send`."""
