"""Transcripts: what client and server said, without its secrets."""
