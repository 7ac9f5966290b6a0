"""Proxy that cuts the connection after a number of bytes."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from session.play import PATIENCE


class Proxy:
    """Forwards both directions; after `cut_after` more bytes the current connection is cut, once."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._left: dict[str, int | None] = {"server": None, "client": None}
        self._turn = threading.Lock()
        self.calls = 0
        self._lines: set[socket.socket] = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def cut_after(self, octets: int, *, said_by: str = "server") -> None:
        """Cut the connection after this side has sent so many more bytes."""
        with self._turn:
            self._left[said_by] = octets

    @property
    def was_cut(self) -> bool:
        """Whether the cut has happened."""
        with self._turn:
            return all(left is None for left in self._left.values())

    def close(self) -> None:
        """Stop serving, and cut every connection."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in tuple(self._lines):
            _cut(line)

    # The steps.

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.calls += 1
            server = socket.create_connection(("127.0.0.1", self._target), PATIENCE)
            for line in (client, server):
                line.settimeout(PATIENCE * 3)
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._lines.add(line)
            for one, other, who in ((client, server, "client"), (server, client, "server")):
                threading.Thread(target=self._pass_on, args=(one, other, who), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, who: str) -> None:
        with suppress(OSError):
            while data := one.recv(4096):
                allowed = self._allowed(who, len(data))
                other.sendall(data[:allowed])
                if allowed < len(data):
                    break
        for line in (one, other):
            _cut(line)
            self._lines.discard(line)

    def _allowed(self, who: str, octets: int) -> int:
        with self._turn:
            left = self._left[who]
            if left is None:
                return octets
            if octets <= left:
                self._left[who] = left - octets
                return octets
            self._left[who] = None
            return left


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.shutdown(socket.SHUT_RDWR)
    line.close()


@contextmanager
def cutting_proxy(port: int) -> Iterator[Proxy]:
    """Context manager: a running proxy."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
