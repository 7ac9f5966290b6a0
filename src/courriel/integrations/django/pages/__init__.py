"""A mail as the pages of the admin show it: its facts, the fate of each recipient, its content made harmless."""
