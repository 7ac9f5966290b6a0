"""`courriel providers`: facts of mail providers."""
