"""Connecting through a proxy, in both colours."""
