"""Charsets of mails: their names, and octets to text."""
