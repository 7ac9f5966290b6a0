"""Free ports of the loopback interface, and how to see that somebody listens on one without knocking."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import tempfile
from pathlib import Path

LOOPBACK = "127.0.0.1"


# Below the ports that the kernel gives to whoever asks for any: neither an outgoing connection nor a server on port 0
# comes upon one of ours before its server is there.
FIRST, LAST = 15_000, 31_999


def free_ports(count: int) -> list[int]:
    """As many different free ports as wanted, which no process of any test run is given while this one lives.

    They are free when this returns; nothing listens on them. Whoever starts a server on them must still be ready to be
    refused because of a program that is none of ours, and to ask again.
    """
    return [_ports.next() for _ in range(count)]


class Ports:
    """Ports one after the other, each locked in a file that the processes of all runs share: an octet for each."""

    def __init__(self, begin: int | None = None) -> None:
        """`begin` is the first one to try; by default it depends on the process, so that few are tried in vain."""
        self._begin = begin
        self._file = -1
        self._process = 0
        self._last = 0

    def next(self) -> int:
        """The next port that nobody has. A forked child has no lock of its parent's, and a beginning of its own."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._last = (self._process * 97 if self._begin is None else self._begin - FIRST) - 1
            place = Path(tempfile.gettempdir()) / f"courriel-ports-{os.getuid()}"
            self._file = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(LAST - FIRST):
            self._last += 1
            port = FIRST + self._last % (LAST - FIRST)
            if _locked(self._file, port) and _is_free(port):
                return port
        raise AssertionError(f"no port from {FIRST} to {LAST} is free")


_ports = Ports()


def _locked(file: int, port: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def listening(ports: list[int]) -> bool:
    """Whether somebody listens on each of these loopback ports.

    The kernel's own table is read: a server that counts its sessions, or that hangs up on everybody, is not disturbed.
    """
    address = struct.unpack("=I", socket.inet_aton(LOOPBACK))[0]
    wanted = {f"{address:08X}:{port:04X}" for port in ports}
    rows = (line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:])
    listen = "0A"
    return wanted <= {row[1] for row in rows if row[3] == listen}
