"""Tunnel to a mail server through a proxy of either kind."""

from __future__ import annotations

from courriel.dialogue.proxy.wants import Tunnel
from courriel.model.servers.proxy import Proxy


def open_tunnel(proxy: Proxy, host: str, port: int) -> Tunnel:
    """Have the proxy connect to a host: a name, which it resolves, or an IP address. Raises ProxyError."""
    if proxy.scheme == "http":
        from courriel.dialogue.proxy import http_connect  # noqa: PLC0415 - the kind that is used

        return http_connect.open_tunnel(proxy, host, port)
    from courriel.dialogue.proxy import socks5  # noqa: PLC0415

    return socks5.open_tunnel(proxy, host, port)
