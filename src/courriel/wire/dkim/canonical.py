"""
Canonical forms of DKIM (RFC 6376 3.4): of header fields, and of a body that comes in blocks.

A body is digested block by block, in constant memory and in time that grows with its length alone: of what may still
turn out to be the end of the body (empty lines, white space at the end of a line) only the number is kept. Lines end
in CRLF; a lone CR or LF is an octet like any other.
"""

from __future__ import annotations

from hashlib import sha256

from courriel._lazy_re import expression

_SPACES = expression(rb"  +")
_BLOCK = 256 * 1024  # octets in hand at a time, of a piece of any size
_EMPTY_LINES = b"\r\n" * 4096


class BodyDigest:
    """SHA-256 of a body in its canonical form, "relaxed" or "simple"; `most` is the number of octets of `l=`."""

    def __init__(self, *, relaxed: bool = True, most: int | None = None) -> None:
        self._relaxed = relaxed
        self._most = most
        self._digest = sha256()
        self._empty_lines = 0  # CRLFs that count if more follows
        self._pending = b""  # white space or a CR of which the next octet decides
        self._any = False
        self.size = 0
        """Octets of the canonical form so far, those beyond `most` counted too."""

    def feed(self, octets: bytes) -> None:
        """Digest the next octets of the body."""
        if len(octets) <= _BLOCK:
            self._feed(octets)
            return
        for start in range(0, len(octets), _BLOCK):
            self._feed(octets[start : start + _BLOCK])

    def finish(self) -> bytes:
        """The digest of the whole body."""
        # White space at the end of a line that has no CRLF is dropped as well in the relaxed form.
        if b"\r" in self._pending:
            self._take(self._pending)
        # An empty body is an empty line in the simple form, and nothing in the relaxed one (RFC 6376 3.4.3, 3.4.4).
        if self._any or not self._relaxed:
            self._put(b"\r\n")
        return self._digest.digest()

    # The steps.

    def _feed(self, block: bytes) -> None:
        data = self._pending + block if self._pending else block
        if self._relaxed:
            if b"\t" in data:
                data = data.replace(b"\t", b" ")
            if b"  " in data:
                data = _SPACES.sub(b" ", data)
            if b" \r\n" in data:
                data = data.replace(b" \r\n", b"\r\n")
        end = len(data)
        if data.endswith(b"\r"):
            end -= 1
        if self._relaxed and data.endswith(b" ", 0, end):
            end -= 1
        self._pending = data[end:]
        text = _end_of_text(data, end)
        if text:
            self._take(data[:text] if text < len(data) else data)
            self._empty_lines = 0
        self._empty_lines += (end - text) // 2

    def _take(self, data: bytes) -> None:
        """Digest the empty lines that have been counted, and data that does not end in a CRLF."""
        left = self._empty_lines
        while left > 0:
            self._put(_EMPTY_LINES[: 2 * left])
            left -= len(_EMPTY_LINES) // 2
        self._empty_lines = 0
        self._any = True
        self._put(data)

    def _put(self, data: bytes) -> None:
        if self._most is not None:
            room = max(0, self._most - self.size)
            self._digest.update(data[:room])
        else:
            self._digest.update(data)
        self.size += len(data)


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """A header field in its relaxed form, without the CRLF at its end; `value` is what stands behind the colon."""
    value = value.replace(b"\r\n", b"")
    if b"\t" in value:
        value = value.replace(b"\t", b" ")
    if b"  " in value:
        value = _SPACES.sub(b" ", value)
    return name.strip(b" \t").lower() + b":" + value.strip(b" ")


# The steps.


def _end_of_text(data: bytes, end: int) -> int:
    """Where the CRLFs begin with which data ends, up to `end`."""
    if not data.endswith(b"\n", 0, end):
        return end
    start = len(data[:end].rstrip(b"\r\n"))
    if data.count(b"\r\n", start, end) * 2 == end - start:
        return start
    # Lone CRs or LFs are among them: the pairs after the last one count.
    broken = max(data.rfind(b"\n\n", start, end), data.rfind(b"\r\r", start, end))
    start = max(start, broken + 1)
    return start if data.startswith(b"\r", start) else start + 1
