"""
The language of the conversations with proxies: three wants, of which the last two read.

    Say       write bytes                               result: b""
    Hear      read so many octets, neither more nor less    result: the octets; the end of the stream is raised
    Glance    read what has arrived, without waiting    result: the octets, b"" for none

A tunnel reads no octet beyond the proxy's answer: those that follow are the mail server's, and stay in the socket for
the conversation with it.
"""

from __future__ import annotations

from collections.abc import Generator

from courriel._dataclass import dataclass, field

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Say:
    """Write these bytes, which may hold a login: the repr does not show them."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hear:
    """Read exactly so many octets."""

    octets: int


@dataclass(frozen=True, slots=True)
class Glance:
    """Read what has arrived already, some hundred octets at most."""


Want: TypeAlias = Say | Hear | Glance
Tunnel: TypeAlias = "Generator[Want, bytes, None]"
"""A conversation that ends when the tunnel to the mail server is open. Raises ProxyError."""
