"""Blocking connection driven by another library: many small flows in one call, with one lock and one deadline."""

from __future__ import annotations

import socket
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from typing import TypeVar

from courriel.dialogue.flow import Flow
from courriel.model.server import Server
from courriel.network import blocking
from courriel.network.line import refuse_if_broken
from courriel.network.transcripts.transcript import Transcript

T = TypeVar("T")


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


class SteppingLine(blocking.Line):
    """Connection on which many small flows make up one call; the caller holds `turn`, and closes it on errors.

    With a `bell`, waiting for untagged data (ReceivePending) ends without data when it is set.
    """

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        super().__init__(server, transcript)
        self.bell: ThreadWakeup | None = None

    def begin(self) -> None:
        """Start the total deadline of a call. Raises ConnectionFailed on a closed connection."""
        refuse_if_broken(self)
        self._clock.start_call()

    def step(self, flow: Flow[T]) -> T:
        """Run one flow of the call; its errors are left to the caller."""
        try:
            return self._converse(flow)
        finally:
            flow.close()

    def _receive_pending(self, seconds: float) -> bytes:
        line = self._open_socket("connect")
        if not seconds or self.bell is None or line.early:
            return super()._receive_pending(seconds)
        with DefaultSelector() as waiting:
            waiting.register(line.raw, EVENT_READ)
            waiting.register(self.bell.heard, EVENT_READ)
            said = [key.fileobj for key, _ in waiting.select(self._clock.at_most(seconds))]
        return super()._receive_pending(0) if line.raw in said else b""
