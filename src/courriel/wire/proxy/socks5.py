"""SOCKS5 as octets: methods, login, request and reply (RFC 1928, RFC 1929)."""

from __future__ import annotations

from ipaddress import ip_address

VERSION = 5
NO_LOGIN, BY_PASSWORD, NONE_FITS = 0x00, 0x02, 0xFF
"""Methods of login (RFC 1928 3)."""

SUCCEEDED = 0x00
NOT_ALLOWED = 0x02
REASONS = {
    0x01: "general failure",
    0x02: "not allowed by the rules of the proxy",
    0x03: "network unreachable",
    0x04: "host unreachable",
    0x05: "connection refused",
    0x06: "time to live expired",
    0x07: "command not supported",
    0x08: "address type not supported",
}
"""Replies other than success (RFC 1928 6)."""
NOT_SUPPORTED = (0x07, 0x08)

_CONNECT, _IPV4, _NAME, _IPV6 = 0x01, 0x01, 0x03, 0x04
_LENGTHS = {_IPV4: 4, _IPV6: 16}


def methods(*, login: bool) -> bytes:
    """The first words of a client: the methods of login that it has."""
    offered = (NO_LOGIN, BY_PASSWORD) if login else (NO_LOGIN,)
    return bytes((VERSION, len(offered), *offered))


def login(user: str, password: str) -> bytes:
    """User name and password (RFC 1929 2)."""
    name, secret = user.encode(), password.encode()
    return bytes((1, len(name))) + name + bytes((len(secret),)) + secret


def connect(host: str, port: int) -> bytes:
    """The request for a connection to a host: a name in ASCII, as `Server` holds it, or an IP address (hazard H41)."""
    return bytes((VERSION, _CONNECT, 0)) + _address(host) + port.to_bytes(2, "big")


def length_of_address(kind: int, first: int) -> int | None:
    """Octets of the bound address and its port that follow the `first` octet of a reply; None for an unknown kind."""
    length = first if kind == _NAME else _LENGTHS.get(kind, 0) - 1
    return length + 2 if length >= 0 else None


def reason(reply: int) -> str:
    """Meaning of a reply other than success, in words."""
    return REASONS.get(reply, f"reply {reply:#04x}")


# The steps.


def _address(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        return bytes((_NAME, len(name))) + name
    return bytes((_IPV4 if address.version == 4 else _IPV6,)) + address.packed
