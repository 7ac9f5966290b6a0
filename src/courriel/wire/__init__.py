"""The words: bytes to values and back. Pure functions; nothing waits here."""
