"""What the pages in the admin show of a mail: its facts, the fate of each recipient, its content made harmless."""
