"""Name resolution of a server, with a time limit."""

from __future__ import annotations

import socket
from collections.abc import Callable

from courriel import errors
from courriel.model.servers.server import Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias

    from courriel.model.servers.proxy import Proxy

Place: TypeAlias = "tuple[int, object]"
"""An address family, and the address for `connect`."""


class AddressesFailed(TimeoutError):
    """No address answered in time; the text lists the addresses tried."""


def places_at_once(server: Server | Proxy) -> list[Place] | None:
    """Addresses of a server that needs no name lookup (IP literal, Unix socket), else None. Raises InvalidServer."""
    if server.host.startswith("/"):
        if not hasattr(socket, "AF_UNIX"):  # Python on Windows
            raise errors.InvalidServer(f"{server.host}: this system has no Unix sockets; name a host and a port")
        return [(socket.AF_UNIX, server.host)]
    # The host is ASCII already; given as str, Python would import its IDNA tables (1 ms).
    host = server.host.encode("ascii")
    try:
        found = socket.getaddrinfo(host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return None
    return [(family, address) for family, _, _, _, address in found]


def ask(server: Server | Proxy, done: Callable[[list[Place] | OSError], None]) -> None:
    """Resolve the host in a thread of its own, which passes the result to `done`.

    The system's resolver has no time limit and cannot be interrupted: after a time-out the thread is left behind. Where
    no thread can be started, the caller's own waits.
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

    try:
        Thread(target=look_up, name=f"resolve {server.host}", daemon=True).start()
    except RuntimeError:
        # Python 3.12 starts no thread any more while a process ends, which is when the last mail of a log leaves.
        look_up()


def our_name(own_address: object) -> bytes:
    """Name for EHLO: the full host name when the machine has a public one, else the address literal (hazard H33).

    The name server is not asked: the name of a laptop or a container means nothing to the server, and the address at
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
        return b"[127.0.0.1]"  # a Unix socket has no IP address
    host = str(own_address[0]).partition("%")[0]
    return f"[IPv6:{host}]".encode() if ":" in host else f"[{host}]".encode()


def _is_plain(name: str) -> bool:
    return name.isascii() and all(c.isalnum() or c in "-." for c in name) and name[0].isalnum() and name[-1].isalnum()
