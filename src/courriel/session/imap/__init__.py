"""IMAP sessions, folders and the letters in them."""
