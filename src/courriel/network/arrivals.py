"""What arrives on one connection of an event loop, for clients and servers."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import cast

from courriel.network import forks

_SPACE = 16 * 1024  # octets read at a time; asyncio's own 256 kB cost a system call for memory each
_FULL = 256 * 1024  # octets that wait to be read before the other side has to

# Windows' loop has always asked for the next octets before; what it was given cannot be seen on the socket any more.
_SOCKET_SHOWS = os.name != "nt"


class Arrivals(asyncio.BufferedProtocol):
    """What has arrived on one connection and nobody has read yet; whoever wants it at once sets `tell`."""

    def __init__(self, line: socket.socket | None = None) -> None:
        self.data = bytearray()
        self.ended = False
        self.lost: Exception | None = None
        self.transport: asyncio.Transport | None = None
        self.tell: Callable[[], None] | None = None  # called in the loop's own callback: no turn is lost
        self._line = line
        self._space = memoryview(bytearray(_SPACE))
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._full = False
        self._gone = False  # the transport may not even be asked to abort any more (CPython 3.11: AttributeError)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._space

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self._space[:nbytes]
        if len(self.data) > _FULL and not self._full and self.transport is not None:
            self._full = True
            self.transport.pause_reading()
        self._say()

    def eof_received(self) -> bool | None:
        self.ended = True
        self._say()
        return None  # close our half too

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.lost, self._gone = True, exc, True
        self._wake(self._writer)
        self._say()

    def pause_writing(self) -> None:
        self._writer = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        self._wake(self._writer)
        self._writer = None

    # What a line asks.

    def abort(self) -> None:
        """Cut the connection now; when it is gone already, nothing happens."""
        if self.transport is not None and not self._gone:
            self.transport.abort()

    def drop(self) -> None:
        """Close our descriptor of a connection that is our parent's; its transport would tell the parent's loop."""
        if self._line is not None:
            forks.drop(self._line)

    @property
    def crowded(self) -> bool:
        """Whether there is no room for writing."""
        return self._writer is not None

    def may_hold_more(self) -> bool:
        """Whether the system may hold something that the loop has not read yet, or the end of the line."""
        if self._line is None or not _SOCKET_SHOWS:
            return True
        try:
            _ = self._line.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def take(self) -> bytes:
        """Everything that has arrived; b"" when the other side hung up."""
        if not self.data and self.lost is not None:
            raise self.lost if isinstance(self.lost, OSError) else ConnectionResetError("the connection was lost")
        data = bytes(self.data)
        self.data.clear()
        if self._full and self.transport is not None:
            self._full = False
            self.transport.resume_reading()
        return data

    async def arrival(self, seconds: float) -> None:
        """Wait until something arrives or the other side hangs up. Raises TimeoutError."""
        if not self.data and not self.ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await _within(seconds, self._reader)
            finally:
                self._reader = None

    async def room(self, seconds: float) -> None:
        """Wait until there is room for writing. Raises TimeoutError, and what broke the connection."""
        if self._writer is not None and not self.ended:
            await _within(seconds, self._writer)
        if self.lost is not None:
            raise self.lost if isinstance(self.lost, OSError) else ConnectionResetError("the connection was lost")

    async def settle(self) -> None:
        """Let the loop hand over what the system holds already.

        Two turns: in the first it sees what the socket holds, in the second it has handed it over.
        """
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    # The steps.

    def _say(self) -> None:
        if self.tell is not None:
            self.tell()
        else:
            self._wake(self._reader)

    def _wake(self, waiter: asyncio.Future[None] | None) -> None:
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class Alarm:
    """One timer for all the waits of a connection: they follow each other by the thousand, and few end by it."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._due = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Ring when so many seconds have passed, and not at the moment that was set before."""
        loop = asyncio.get_running_loop()
        self._due = due = loop.time() + seconds
        if self._timer is None or self._timer.when() > due:
            self.cancel()
            self._timer = loop.call_at(due, self._look)

    def cancel(self) -> None:
        """Never ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """A timer that was set for an earlier wait goes on to the moment that matters now."""
        self._timer = None
        loop = asyncio.get_running_loop()
        if loop.time() < self._due - 0.001:
            self._timer = loop.call_at(self._due, self._look)
        else:
            self._ring()


async def _within(seconds: float, waited_for: asyncio.Future[None]) -> None:
    """Wait for a future of our own, for so long at most; one timer, no task. Raises TimeoutError."""
    if seconds <= 0:
        raise TimeoutError
    loop = asyncio.get_running_loop()

    def ring() -> None:
        if not waited_for.done():
            waited_for.set_exception(TimeoutError())

    timer = loop.call_later(seconds, ring)
    try:
        await waited_for
    finally:
        timer.cancel()
