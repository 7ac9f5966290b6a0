"""`courriel sandbox`."""
