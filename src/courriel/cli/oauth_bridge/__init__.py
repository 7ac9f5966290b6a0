"""`courriel oauth-bridge`."""
