"""A blocking line for a conversation that somebody else's library leads: step by step, under one turn and one clock."""

from __future__ import annotations

import socket
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from typing import TypeVar

from courriel.dialogue.flow import Flow
from courriel.model.server import Server
from courriel.network import blocking
from courriel.network.line import refuse_if_broken
from courriel.network.transcript import Transcript

T = TypeVar("T")


class Bell:
    """Wakes who waits for news on a line, from any thread; once rung it goes on ringing until it is hushed."""

    def __init__(self) -> None:
        self._hammer, self.heard = socket.socketpair()
        self._hammer.setblocking(False)
        self.heard.setblocking(False)

    def ring(self) -> None:
        """End the wait that goes on, or else the next one."""
        with suppress(OSError):  # it rings already, or nobody waits any more
            self._hammer.send(b"!")

    def hush(self) -> None:
        """Forget that somebody rang."""
        with suppress(OSError):
            self.heard.recv(4096)

    def close(self) -> None:
        """Give the bell back; one that is forgotten (a loop that was left by `break`) does so by itself."""
        self._hammer.close()
        self.heard.close()

    __del__ = close


class SteppingLine(blocking.Line):
    """A line on which many small flows make one call; whoever takes them has the `turn`, and hangs up when one fails.

    With a `bell`, a wait for news (Overhear) ends in silence when it rings.
    """

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        super().__init__(server, transcript)
        self.bell: Bell | None = None

    def begin(self) -> None:
        """A call begins: its total deadline runs from now on. Raises ConnectionFailed on a line that was cut."""
        refuse_if_broken(self)
        self._clock.start_call()

    def step(self, flow: Flow[T]) -> T:
        """Run one flow of the call; it may raise, and nothing is done about it here."""
        try:
            return self._converse(flow)
        finally:
            flow.close()

    def _overhear(self, seconds: float) -> bytes:
        if not seconds or self.bell is None or self._early:
            return super()._overhear(seconds)
        line = self._open_socket("connect")
        with DefaultSelector() as waiting:
            waiting.register(line, EVENT_READ)
            waiting.register(self.bell.heard, EVENT_READ)
            said = [key.fileobj for key, _ in waiting.select(self._clock.at_most(seconds))]
        return super()._overhear(0) if line in said else b""
