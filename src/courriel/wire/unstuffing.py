"""Where a message ends: what DATA brings, read back to the content that was meant (RFC 5321 4.5.2)."""

from __future__ import annotations

_DOT = 0x2E


class Unstuffing:
    """Takes the content out of what arrives, in any portions, up to CR LF . CR LF; nothing else ends it.

    More than `limit` octets are swallowed and not kept: `size` goes on counting, and `overflowed` says so.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self.single_dots = 0
        """Lines that began with one dot where two belong; the dot is lost, as at every other server."""
        self._limit = limit
        self._chunks: list[bytes] = []
        self._fresh = True  # the content begins at the beginning of a line

    @property
    def overflowed(self) -> bool:
        """Whether there was more than may be kept."""
        return self.size > self._limit

    @property
    def content(self) -> bytes:
        """What has been kept; only part of it when it overflowed."""
        return b"".join(self._chunks)

    def take(self, buffer: bytearray) -> bool:
        """Take what can be told from the buffer, and say whether the end was there; what follows the end stays."""
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
        """Move octets from the buffer to the content; a CR at their end would have been left, for its LF to come."""
        if not length:
            return
        self.size += length
        chunk = bytes(buffer[:length])
        if not self.overflowed:
            self._chunks.append(chunk)
        self._fresh = chunk.endswith(b"\r\n")
        del buffer[:length]
