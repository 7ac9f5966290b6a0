"""An open session: one conversation, for those who block and those who await."""
