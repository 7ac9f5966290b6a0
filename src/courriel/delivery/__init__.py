"""Transports for mail, and the settings that select one: URLs, profiles, files, secrets."""
