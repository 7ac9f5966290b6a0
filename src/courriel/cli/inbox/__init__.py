"""`courriel inbox`."""
