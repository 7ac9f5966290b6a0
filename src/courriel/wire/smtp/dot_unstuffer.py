"""Incremental dot-unstuffing of DATA: the content of a message and its end (RFC 5321 4.5.2)."""

from __future__ import annotations

_DOT = 0x2E


class DotUnstuffer:
    """Decoder of the octets after DATA, in any portions, up to CR LF . CR LF; no other sequence ends the message.

    Octets beyond `limit` are discarded: `size` goes on counting, and `overflowed` is True.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self.single_dots = 0
        """Lines that began with a single dot instead of two; the dot is lost, as at every other server."""
        self._limit = limit
        self._chunks: list[bytes] = []
        self._fresh = True  # at the beginning of a line, as the content starts

    @property
    def overflowed(self) -> bool:
        """Whether the message is longer than the limit."""
        return self.size > self._limit

    @property
    def content(self) -> bytes:
        """Content received; only part of it when it overflowed."""
        return b"".join(self._chunks)

    def take(self, buffer: bytearray) -> bool:
        """Consume the buffer, and return whether the end of the message was in it; octets after the end stay."""
        while buffer:
            if self._fresh and buffer[0] == _DOT:
                if buffer.startswith(b".\r\n"):
                    del buffer[:3]
                    return True
                if b".\r\n".startswith(buffer):
                    return False
                self.single_dots += buffer[1] != _DOT
                del buffer[:1]
                self._fresh = False
            cut = buffer.find(b"\r\n.")
            if cut < 0:
                self._keep(buffer, len(buffer) - buffer.endswith(b"\r"))
                return False
            self._keep(buffer, cut + 2)
        return False

    def _keep(self, buffer: bytearray, length: int) -> None:
        """Move octets from the buffer to the content; a trailing CR was left in the buffer, for its LF may follow."""
        if not length:
            return
        self.size += length
        chunk = bytes(buffer[:length])
        if not self.overflowed:
            self._chunks.append(chunk)
        self._fresh = chunk.endswith(b"\r\n")
        del buffer[:length]
