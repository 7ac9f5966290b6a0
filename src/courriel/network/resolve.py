"""From a server's name to the addresses it may be reached at, within a time limit of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable

from courriel.model.server import Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias

Place: TypeAlias = "tuple[int, object]"
"""An address family, and what `connect` wants for it."""


def places_at_once(server: Server) -> list[Place] | None:
    """The addresses of a server that needs no name service, or None when it has to be asked."""
    if server.host.startswith("/"):
        return [(socket.AF_UNIX, server.host)]
    # It is ASCII already; given as text, Python would load its tables for the world's scripts (1 ms).
    host = server.host.encode("ascii")
    try:
        found = socket.getaddrinfo(host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return None
    return [(family, address) for family, _, _, _, address in found]


def ask(server: Server, done: Callable[[list[Place] | OSError], None]) -> None:
    """Ask the name service in a thread of its own, and hand the answer to `done` there.

    The system's resolver knows no time limit and cannot be interrupted: whoever is tired of waiting leaves the thread
    behind.
    """
    from threading import Thread  # noqa: PLC0415 - not for addresses, nor for local sockets

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        except OSError as unknown:
            done(unknown)
        except UnicodeError:
            done(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        else:
            done([(family, address) for family, _, _, _, address in found])

    Thread(target=look_up, name=f"resolve {server.host}", daemon=True).start()


def our_name(own_address: object) -> bytes:
    """The EHLO name: the machine's full name when it has one, else the address literal of the line (hazard H33).

    The name service is not asked: a laptop's or a container's name means nothing to the server, and its address at
    least is true.
    """
    name = socket.gethostname()
    if (
        "." in name
        and not name.lower().endswith((".local", ".localdomain", ".lan", ".internal", ".home"))
        and _is_plain(name)
    ):
        return name.encode("ascii")
    if not isinstance(own_address, tuple):
        return b"[127.0.0.1]"  # a local socket has no address to speak of
    host = str(own_address[0]).partition("%")[0]
    return f"[IPv6:{host}]".encode() if ":" in host else f"[{host}]".encode()


def _is_plain(name: str) -> bool:
    return name.isascii() and all(c.isalnum() or c in "-." for c in name) and name[0].isalnum() and name[-1].isalnum()
