"""Conversations with proxies, which open a tunnel to the mail server."""
