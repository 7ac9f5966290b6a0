"""Free ports of the loopback interface, and how to see that somebody listens on one without knocking."""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ask the kernel for as many different free ports as wanted.

    They are free when this returns; nothing holds them. Whoever starts a server on them must be ready to be refused
    and to ask again.
    """
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def listening(ports: list[int]) -> bool:
    """Whether somebody listens on each of these loopback ports.

    The kernel's own table is read: a server that counts its sessions, or that hangs up on everybody, is not disturbed.
    """
    address = struct.unpack("=I", socket.inet_aton(LOOPBACK))[0]
    wanted = {f"{address:08X}:{port:04X}" for port in ports}
    rows = (line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:])
    listen = "0A"
    return wanted <= {row[1] for row in rows if row[3] == listen}
