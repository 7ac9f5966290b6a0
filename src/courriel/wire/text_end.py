"""End of a dot-stuffed text (a dot alone on a line) in octets that pass in pieces (RFC 5321 4.5.2, RFC 1939 3)."""

from __future__ import annotations

import re

END = b"\r\n.\r\n"

_KEPT = len(END)  # octets of what has passed that the next piece is looked at with
# A dot between line ends of another kind: some servers take it for the end, and the rest for commands (SMTP smuggling).
_DOUBTFUL = re.compile(rb"(?<!\r)\n\.[\r\n]|\n\.\n|\n\.\r[^\n]|\r\.[\r\n]")


class TextEnd:
    """Search for the end of one text. A dot in the first line counts as well: the text may be empty."""

    def __init__(self) -> None:
        self._passed = b"\r\n"

    def find(self, piece: bytes) -> int:
        """Number of octets of this piece up to the end of the text, the end included; -1 when it is not in it."""
        before = self._passed[1 - len(END) :]
        at = (before + piece[: len(END) - 1]).find(END)
        if at >= 0:
            return at + len(END) - len(before)
        at = piece.find(END)
        return at + len(END) if at >= 0 else -1

    def is_doubtful(self, piece: bytes) -> bool:
        """Whether this piece has a dot alone on a line that ends with CR or LF alone: servers disagree about it."""
        seen = self._passed + piece
        return _DOUBTFUL.search(seen, min(1, len(self._passed) - 2)) is not None

    def go_past(self, piece: bytes) -> None:
        """Keep the last octets of a piece in which the end is not."""
        self._passed = (self._passed + piece)[-_KEPT:] if len(piece) < _KEPT else piece[-_KEPT:]
