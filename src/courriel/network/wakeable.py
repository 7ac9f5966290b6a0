"""Blocking connection whose wait for news another thread may end."""

from __future__ import annotations

import socket
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector

from courriel.network import blocking


class ThreadWakeup:
    """Wake-up for a thread that waits on a connection, callable from any thread; stays set until reset."""

    def __init__(self) -> None:
        self._hammer, self.heard = socket.socketpair()
        self._hammer.setblocking(False)
        self.heard.setblocking(False)

    def ring(self) -> None:
        """End the current wait, or else the next one."""
        with suppress(OSError):  # set already, or closed
            self._hammer.send(b"!")

    def hush(self) -> None:
        """Reset the signal."""
        with suppress(OSError):
            self.heard.recv(4096)

    def close(self) -> None:
        """Close its sockets; an object that is dropped (a loop left by `break`) closes them itself."""
        self._hammer.close()
        self.heard.close()

    __del__ = close


class WakeableLine(blocking.Line):
    """Blocking connection on which a wait for untagged data (ReceivePending) ends without data when `bell` is rung."""

    bell: ThreadWakeup | None = None

    def _receive_pending(self, seconds: float) -> bytes:
        line = self._open_socket("connect")
        if not seconds or self.bell is None or line.early:
            return super()._receive_pending(seconds)
        with DefaultSelector() as waiting:
            waiting.register(line.raw, EVENT_READ)
            waiting.register(self.bell.heard, EVENT_READ)
            said = [key.fileobj for key, _ in waiting.select(self._clock.at_most(seconds))]
        return super()._receive_pending(0) if line.raw in said else b""
