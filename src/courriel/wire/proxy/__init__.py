"""Syntax of the proxies: SOCKS5 and HTTP CONNECT."""
