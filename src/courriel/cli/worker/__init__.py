"""`courriel worker`."""
