"""Relays: server conversations that are held with a second server at the same time (the bridge for OAuth)."""
