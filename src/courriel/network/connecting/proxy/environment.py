"""
The proxy that the environment names: ALL_PROXY, or else HTTPS_PROXY, unless NO_PROXY names the server.

It is asked only where a setting says `proxy=environment`. As in curl, the lower-case spelling of a variable comes
first, and a value without a scheme is an HTTP proxy. This machine itself is always reached directly, as in Go.

    NO_PROXY=example.org          example.org and what is below it (.example.org and *.example.org say the same)
    NO_PROXY=example.org:25       the same, on this port only
    NO_PROXY=192.0.2.7,10.0.0.0/8,[2001:db8::1]     addresses and networks, where the server is given by its address
    NO_PROXY=*                    every server
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from courriel import errors
from courriel.model.servers.proxy import Proxy
from courriel.model.servers.server import Server

_NAMES = ("ALL_PROXY", "HTTPS_PROXY")


def proxy_of(server: Server, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy through which this server is to be reached, if any: its own, or the environment's.

    Raises InvalidServer for a variable that cannot be read, without quoting it: it may hold a password.
    """
    proxy = server.proxy
    if proxy is None or not proxy.by_environment:
        return proxy
    if server.loopback or is_excepted(server.host, server.port, _variable("NO_PROXY", environment)[1]):
        return None
    for name in _NAMES:
        spelled, value = _variable(name, environment)
        if value:
            return _read(spelled, value)
    return None


def is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether a list of NO_PROXY names this server; nothing is looked up."""
    host = host.lower().removesuffix(".")
    return any(_matches(host, port, entry) for entry in exceptions.lower().replace(",", " ").split())


# The steps.


def _variable(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """A variable in its lower-case or its upper-case spelling, and its value."""
    for spelled in (name.lower(), name):
        value = environment.get(spelled, "").strip()
        if value:
            return spelled, value
    return name, ""


def _read(name: str, value: str) -> Proxy:
    try:
        proxy = Proxy.parse(value if "://" in value else f"http://{value}")
    except errors.InvalidServer as wrong:
        raise errors.InvalidServer(f"{name}: {wrong.detail}", stage="connect") from wrong
    return proxy


def _matches(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    entry, only = _without_port(entry)
    if only and only != str(port):
        return False
    try:
        address = ip_address(host)
    except ValueError:
        name = entry.removeprefix("*").removeprefix(".").removesuffix(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
    try:
        return address in ip_network(entry, strict=False)
    except ValueError:
        return False


def _without_port(entry: str) -> tuple[str, str]:
    """An entry and its port, "" where it has none; an IPv6 address with a port stands in brackets."""
    if entry.startswith("["):
        inside, _, behind = entry[1:].partition("]")
        return inside, behind.removeprefix(":")
    place, colon, port = entry.rpartition(":")
    return (place, port) if colon and ":" not in place and port.isascii() and port.isdigit() else (entry, "")
