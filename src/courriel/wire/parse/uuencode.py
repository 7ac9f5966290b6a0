"""Uuencode decoder, tolerant of the variants of its many encoders (POSIX uuencode)."""

from __future__ import annotations

from binascii import Error, a2b_base64, a2b_uu

from courriel._lazy_re import expression
from courriel.wire.parse.charsets.decoding import ReportDefect

# The mode is octal digits, the name is any text, or missing. `uuencode -m` writes `-base64`.
_BEGIN = expression(rb"begin(-base64)?[ \t]+[0-7]{3,6}(?:[ \t]|\Z)")
# Each octet as one of the 64 characters of the code, by the arithmetic of the first decoders.
_MEANT = bytes(((octet - 32) & 63) + 32 for octet in range(256))

_FOREIGN = expression(rb"[^ -`]")
_MOST_SPARE = 2  # characters behind those of a line's octets: a checksum, or a filler


class UuDecoder:
    """Decoder of uuencoded lines, one at a time.

    A line begins with the number of its octets; characters beyond those (a checksum, a filler) are ignored, and
    trailing spaces that were lost count as spaces. `begun` and `ended` tell whether the lines `begin` and `end` were
    seen.
    """

    def __init__(self, report_defect: ReportDefect) -> None:
        self.begun = self.ended = False
        self._base64 = False
        self._report_defect = report_defect

    def take(self, line: bytes) -> bytes:
        """Decode one line, given without its line end."""
        if not self.begun:
            if found := _BEGIN.match(line):
                self.begun, self._base64 = True, bool(found[1])
            return b""
        if line.rstrip() in (b"end", b"===="):
            self.ended = True
            return b""
        # A blank line was a line of no octets; binascii would decode it to forty NULs.
        if not line.strip():
            return b""
        return self._from_base64(line) if self._base64 else self._from_line(line)

    def _from_line(self, line: bytes) -> bytes:
        octets = (line[0] - 32) & 63
        characters = (octets + 2) // 3 * 4
        spare = len(line.rstrip()) - 1 - characters
        foreign = _FOREIGN.search(line, 0, characters + 1) is not None
        # Trailing spaces may have been lost; a line with foreign characters must have its exact length.
        if spare > _MOST_SPARE or (foreign and spare < 0):
            self._report_defect("a line that is not uuencoded was left out")
            return b""
        if foreign:
            self._report_defect("characters that uuencode does not have were read as those that they stand for")
        # The characters of the last group that encode no octet may be any.
        return a2b_uu(bytes((octets + 32,)) + line[1 : (octets * 8 + 5) // 6 + 1].translate(_MEANT))

    def _from_base64(self, line: bytes) -> bytes:
        try:
            return a2b_base64(line)
        except Error:
            self._report_defect("a line that is not uuencoded was left out")
            return b""
