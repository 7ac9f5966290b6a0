"""Receive buffer of one asyncio connection, for clients and servers."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import cast

from courriel.network import forks

_SPACE = 16 * 1024  # bytes per read; asyncio's own 256 kB buffers cost a system call each to allocate
_LARGE_SPACE = 128 * 1024  # bytes per read while reads fill their space: a large mail wakes its reader less often
_FULL = 256 * 1024  # bytes; when so many are unread, reading is paused

# The Windows loop keeps a read pending, so MSG_PEEK on the socket shows nothing.
_SOCKET_SHOWS = os.name != "nt"


class ReceiveBuffer(asyncio.BufferedProtocol):
    """Data received on one connection and not read yet; `tell` is called at each arrival."""

    reads_on = False
    """Whether the other side is written to after its end of stream, and must make room for it."""

    def __init__(self, line: socket.socket | None = None) -> None:
        self.data = bytearray()
        self.ended = False
        self.lost: Exception | None = None
        self.transport: asyncio.Transport | None = None
        self.tell: Callable[[], None] | None = None  # called in the loop's own callback: no loop iteration is lost
        self.line = line
        self._space = self._usual_space = memoryview(bytearray(_SPACE))
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._full = False
        self._gone = False  # then `abort` of the transport may fail (CPython 3.11: AttributeError)

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._space

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self._space[:nbytes]
        if nbytes == len(self._space) == _SPACE:
            self._space = memoryview(bytearray(_LARGE_SPACE))
        elif nbytes < _SPACE:
            self._space = self._usual_space  # a connection that waits holds no large one
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

    # Methods for the connection.

    def abort(self) -> None:
        """Close the connection at once; ignored when it is closed already."""
        if self.transport is not None and not self._gone:
            self.transport.abort()

    def drop(self) -> None:
        """Close our descriptor of an inherited connection; its transport is part of the parent's event loop."""
        if self.line is not None:
            forks.drop(self.line)

    @property
    def crowded(self) -> bool:
        """Whether the write buffer is full."""
        return self._writer is not None

    def may_hold_more(self) -> bool:
        """Whether the socket may hold data, or the end of the stream, that the loop has not read yet."""
        if self.line is None or not _SOCKET_SHOWS:
            return True
        try:
            _ = self.line.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def take(self) -> bytes:
        """Return and clear all data received; b"" at the end of the stream."""
        if not self.data and self.lost is not None:
            raise self.lost if isinstance(self.lost, OSError) else ConnectionResetError("the connection was lost")
        data = bytes(self.data)
        self.data.clear()
        if self._full and self.transport is not None:
            self._full = False
            self.transport.resume_reading()
        return data

    async def arrival(self, seconds: float) -> None:
        """Wait until data arrives or the stream ends. Raises TimeoutError."""
        if not self.data and not self.ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await _within(seconds, self._reader)
            finally:
                self._reader = None

    def wake(self) -> None:
        """End the wait for data without any."""
        self._wake(self._reader)

    async def room(self, seconds: float) -> None:
        """Wait until the write buffer has room. Raises TimeoutError, and what broke the connection."""
        if self._writer is not None and not self._gone and (self.reads_on or not self.ended):
            await _within(seconds, self._writer)
        if self.lost is not None:
            raise self.lost if isinstance(self.lost, OSError) else ConnectionResetError("the connection was lost")

    async def settle(self) -> None:
        """Let the loop read what the socket holds already.

        This takes two iterations: in the first the loop selects the socket, in the second its data has been read.
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
    """One reusable timer for all waits of a connection: there are thousands of waits, and few time out."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._due = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Call back after so many seconds, replacing the time set before."""
        loop = asyncio.get_running_loop()
        self._due = due = loop.time() + seconds
        if self._timer is None or self._timer.when() > due:
            self.cancel()
            self._timer = loop.call_at(due, self._look)

    def cancel(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Timer callback: rearm a timer that was set for an earlier wait, or call back."""
        self._timer = None
        loop = asyncio.get_running_loop()
        if loop.time() < self._due - 0.001:
            self._timer = loop.call_at(self._due, self._look)
        else:
            self._ring()


async def _within(seconds: float, waited_for: asyncio.Future[None]) -> None:
    """Wait for a future of ours for at most `seconds`; one timer, no task. Raises TimeoutError."""
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
