"""Limits on the silence of whoever asks for the page: connections that say nothing, or read nothing, are closed.

uvicorn limits the time between two requests, and neither that before the first one nor that within one. Without these
limits strangers, by a few hundred connections that they leave open, keep everybody else out.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

LOOK = 5.0
"""Seconds between two looks at a connection."""
SILENCE = 30.0
"""Seconds in which the head of a request must be there, and in which its body, or a reader, must make progress."""


class PatientProtocol(H11Protocol):
    """HTTP connection of uvicorn that ends when its other side makes no progress."""

    _look: asyncio.TimerHandle | None = None
    _taken = 0  # octets that came
    _answered = 0  # requests
    _before: object = None  # what was seen at the last look
    _since = 0.0  # when that was seen first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look = self.loop.call_later(LOOK, self._look_at)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._taken += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._answered += 1
        super().on_response_complete()

    # The steps.

    def _look_at(self) -> None:
        now, seen = self.loop.time(), self._progress()
        if seen is None or seen != self._before:
            self._before, self._since = seen, now
        elif now - self._since >= SILENCE:
            self.transport.abort()  # not close: that would wait until everything was read
            return
        self._look = self.loop.call_later(LOOK, self._look_at)

    def _progress(self) -> object:
        """State that must change before the time is over; None while it is for us to answer."""
        unread = self.transport.get_write_buffer_size()
        if unread:
            return ("reading", unread)
        if self.cycle is None or self.cycle.response_complete:
            # The same whatever trickles in: the head of a request has to come at once.
            return ("head", self._answered)
        if self.cycle.more_body:
            return ("body", self._taken)
        return None
