"""Compressed connections: the socket and the receive buffer that replace the usual ones after COMPRESS (RFC 4978).

Everything above them, transcripts among it, sees clear text.
"""

from __future__ import annotations

import asyncio
from typing import Any

from courriel import errors
from courriel.network.receive_buffer import ReceiveBuffer
from courriel.network.timed_socket import TimedSocket
from courriel.wire.deflate import PORTION, Deflater, Inflater


class DeflatedSocket(TimedSocket):
    """Socket of a blocking connection that is compressed; `received` arrived behind the answer to COMPRESS.

    `early` has the next portion of what was received, so that nobody waits for octets that are here.
    """

    def __init__(self, plain: TimedSocket, received: bytes) -> None:
        super().__init__(plain.raw, secured=plain.secured)
        self._deflater, self._inflater = Deflater(), Inflater()
        self._unsent = memoryview(b"")  # compressed octets for which there was no room
        self._wrong: errors.RemoteProtocolError | None = None  # found while another portion was handed on
        self._inflater.add(received + plain.take_early())
        self._inflate_early()

    def send(self, data: bytes | memoryview) -> int:
        """Write without waiting: all of these octets, or 0 when they have to be offered once more."""
        if not self._unsent:
            self._unsent = memoryview(self._deflater.deflated(data))
        self._unsent = self._unsent[super().send(self._unsent) :]
        return 0 if self._unsent else len(data)

    def receive(self, seconds: float) -> bytes | None:
        """Read octets, b"" at the end of the stream; None when those received are not enough for one."""
        self._refuse_wrong()
        if self._inflater.ended:
            return b""
        received = super().receive(seconds)
        return self._inflated(received) or None if received else received

    def receive_pending(self, seconds: float) -> bytes:
        """Read octets that have arrived, or arrive within these seconds; b"" means none."""
        self._refuse_wrong()
        return super().receive_pending(seconds)

    def take_early(self) -> bytes:
        """Return the octets that are here, and inflate the next ones."""
        data = super().take_early()
        self._inflate_early()
        return data

    # The steps.

    def _receive_at_once(self) -> bytes:
        if self._inflater.ended:
            raise ConnectionResetError("the server ended its compressed stream")
        return self._inflated(super()._receive_at_once())

    def _inflated(self, received: bytes) -> bytes:
        self._inflater.add(received)
        portion = self._inflater.take()
        self._inflate_early()
        return portion

    def _inflate_early(self) -> None:
        try:
            self.early += self._inflater.take()
        except errors.RemoteProtocolError as wrong:
            self._wrong = wrong

    def _refuse_wrong(self) -> None:
        if self._wrong is not None:
            raise self._wrong


class DeflatedBuffer(ReceiveBuffer):
    """Receive buffer of an asyncio connection that is compressed; `received` arrived behind the answer to COMPRESS."""

    def __init__(self, plain: ReceiveBuffer, received: bytes) -> None:
        super().__init__(plain.line)
        assert plain.transport is not None
        self.transport = DeflatedTransport(plain.transport)
        self._inflater = Inflater()
        self._wrong: errors.RemoteProtocolError | None = None
        self._inflater.add(received + plain.take())
        self._inflate()
        self.ended = self.ended or plain.ended
        plain.transport.set_protocol(self)

    def buffer_updated(self, nbytes: int) -> None:
        self._inflater.add(bytes(self._space[:nbytes]))
        self._inflate()
        self._say()

    def take(self) -> bytes:
        """Return all octets that are here, and inflate the next ones. Raises RemoteProtocolError."""
        if not self.data and self._wrong is not None:
            raise self._wrong
        data = super().take()
        self._inflate()
        return data

    # The steps.

    def _inflate(self) -> None:
        """Inflate up to one portion; the server has to wait while that is here."""
        try:
            while len(self.data) < PORTION and (inflated := self._inflater.take()):
                self.data += inflated
        except errors.RemoteProtocolError as wrong:
            self._wrong = wrong
        self.ended = self.ended or self._inflater.ended or self._wrong is not None
        if len(self.data) >= PORTION and not self._full and self.transport is not None:
            self._full = True
            self.transport.pause_reading()


class DeflatedTransport(asyncio.Transport):
    """Transport that compresses what is written."""

    def __init__(self, plain: asyncio.Transport) -> None:
        super().__init__()
        self._plain, self._deflater = plain, Deflater()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Write data, compressed."""
        self._plain.write(self._deflater.deflated(memoryview(data)))

    def is_closing(self) -> bool:
        """Whether the connection is closing."""
        return self._plain.is_closing()

    def abort(self) -> None:
        """Close the connection at once."""
        self._plain.abort()

    def pause_reading(self) -> None:
        """Pause the reading of data: the server has to wait."""
        self._plain.pause_reading()

    def resume_reading(self) -> None:
        """Resume the reading of data."""
        self._plain.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Property of the connection below: its socket, its TLS object."""
        return self._plain.get_extra_info(name, default)
