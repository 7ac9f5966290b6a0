"""
Compression of a whole connection by DEFLATE (RFC 1951), as COMPRESS switches it on in IMAP (RFC 4978).

    inflater.add(received)
    while (octets := inflater.take()): ...

A little compressed data may become a thousand times as much. So it is inflated in portions, and a server that sends
more than a mailbox could hold at such a rate is refused: see Inflater.
"""

from __future__ import annotations

import zlib

from courriel.errors import RemoteProtocolError

PORTION = 256 * 1024
"""Inflated octets that are returned at once, at most."""
_RAW = -zlib.MAX_WBITS  # without the header and checksum of zlib
_FREE = 64 * 1024 * 1024  # inflated octets for which no proportion holds: a letter of zeros is no attack
_PROPORTION = 250  # inflated octets for one that was received, above that; DEFLATE reaches 1032, mail 3 to 20


class Deflater:
    """Compression of what we send; each piece is complete, so that the server can read it at once."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(wbits=_RAW)

    def deflated(self, data: bytes | memoryview) -> bytes:
        """These octets, compressed."""
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)


class Inflater:
    """Decompression of what the server sends, in portions.

    `take` raises RemoteProtocolError for data that are not compressed, and for more than 64 MB that inflate to more
    than 250 times their size: memory is bounded by the portions and by ReadLimits, and this bounds the work.
    """

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=_RAW)
        self._waiting = b""  # octets received that are not inflated yet
        self._more = False  # whether a portion was full, so that more of it may be inside the stream
        self._received = self._inflated = 0

    @property
    def ended(self) -> bool:
        """End of the compressed stream: the server will say no more, and what follows it is nobody's."""
        return self._stream.eof

    def add(self, received: bytes) -> None:
        """Append received octets."""
        self._received += len(received)
        self._waiting = self._waiting + received if self._waiting else received

    def take(self) -> bytes:
        """The next inflated octets, b"" when there are none. Raises RemoteProtocolError."""
        if self._stream.eof or not (self._waiting or self._more):
            return b""
        try:
            portion = self._stream.decompress(self._waiting, PORTION)
        except zlib.error as wrong:
            self._waiting, self._more = b"", False
            raise RemoteProtocolError(
                f"the server agreed to compress, and sends something else ({wrong})", stage="mailbox"
            ) from wrong
        self._waiting = self._stream.unconsumed_tail
        self._more = len(portion) == PORTION
        self._inflated += len(portion)
        if self._inflated > _FREE + _PROPORTION * self._received:
            raise RemoteProtocolError(
                f"{self._received:,} octets of the server have become {self._inflated:,} by decompression: no mail is "
                "like that; leave compress out",
                stage="mailbox",
            )
        return portion
