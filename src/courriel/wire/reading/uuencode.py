"""Uuencoded lines, as the many programs that never agreed on a standard wrote them (POSIX uuencode)."""

from __future__ import annotations

from binascii import Error, a2b_base64, a2b_uu

from courriel.expressions import expression
from courriel.wire.reading.charsets import Complain

# The mode is octal digits, the name is anything, or missing. `-base64` is what `uuencode -m` writes.
_BEGIN = expression(rb"begin(-base64)?[ \t]+[0-7]{3,6}(?:[ \t]|\Z)")
# All octets that are printed, brought to the 64 that are meant, as the first decoders did by their arithmetic.
_MEANT = bytes(((octet - 32) & 63) + 32 for octet in range(256))

_FOREIGN = expression(rb"[^ -`]")
_MOST_SPARE = 2  # characters behind those of a line's octets: a checksum, or a filler


class UuDecoder:
    """Takes line after line, and gives back the octets of each.

    A line begins with the number of its octets; what it holds beyond their characters (a checksum, a filler) is left
    out, and blanks that were lost at its end are blanks. `begun` and `ended` are the lines `begin` and `end`.
    """

    def __init__(self, complain: Complain) -> None:
        self.begun = self.ended = False
        self._base64 = False
        self._complain = complain

    def take(self, line: bytes) -> bytes:
        """Take one line without its end."""
        if not self.begun:
            if found := _BEGIN.match(line):
                self.begun, self._base64 = True, bool(found[1])
            return b""
        if line.rstrip() in (b"end", b"===="):
            self.ended = True
            return b""
        # A blank line is what is left of a line of no octets; binascii reads forty NULs out of it.
        if not line.strip():
            return b""
        return self._from_base64(line) if self._base64 else self._from_line(line)

    def _from_line(self, line: bytes) -> bytes:
        octets = (line[0] - 32) & 63
        characters = (octets + 2) // 3 * 4
        spare = len(line.rstrip()) - 1 - characters
        foreign = _FOREIGN.search(line, 0, characters + 1) is not None
        # Blanks may have been lost at its end; a line of foreign characters must have the length that it says.
        if spare > _MOST_SPARE or (foreign and spare < 0):
            self._complain("a line that is not uuencoded was left out")
            return b""
        if foreign:
            self._complain("characters that uuencode does not have were read as those that they stand for")
        # Of the last four characters those that hold no octet are anything.
        return a2b_uu(bytes((octets + 32,)) + line[1 : (octets * 8 + 5) // 6 + 1].translate(_MEANT))

    def _from_base64(self, line: bytes) -> bytes:
        try:
            return a2b_base64(line)
        except Error:
            self._complain("a line that is not uuencoded was left out")
            return b""
