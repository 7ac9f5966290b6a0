"""Boundaries of multiparts: lines that begin with `--`, looked up in a table of the open ones (RFC 2046 5.1.1)."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST_LINE = 1_000  # octets of a line that are compared with boundaries


class OpenBoundaries:
    """Boundaries of the open multiparts, each with its level; of two equal ones the inner one."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}

    def add(self, boundary: bytes, level: int) -> None:
        """Add the boundary of a multipart that begins."""
        self._known[boundary] = level

    def keep(self, boundaries: Iterable[bytes]) -> None:
        """Replace the table by these boundaries, from the outermost to the innermost."""
        self._known = {boundary: level for level, boundary in enumerate(boundaries)}

    def meant(self, data: bytes, at: int, line_end: int) -> tuple[int | None, bool]:
        """Level of which the line at `at` ends a part, and whether it closes the multipart itself."""
        line = data[at + 2 : min(line_end, at + _LONGEST_LINE)].rstrip(b" \t\r\n")
        level = self._known.get(line)
        if level is None and line.endswith(b"--"):
            return self._known.get(line[:-2]), True
        return level, False

    def has(self, line: bytes) -> bool:
        """Whether a line that begins with `--` is an open boundary, which ends a header too."""
        line = line[2:].rstrip(b" \t\r\n")
        return line in self._known or (line.endswith(b"--") and line[:-2] in self._known)


def next_line(data: bytes, position: int) -> tuple[int, int] | None:
    """Next line that begins with `--`: its offset, and that of the line after it."""
    if position == 0 and data.startswith(b"--"):
        at = 0
    else:
        found = data.find(b"\n--", max(position - 1, 0))
        if found < 0:
            return None
        at = found + 1
    return at, data.find(b"\n", at) + 1 or len(data)


def before_line_end(data: bytes, at: int) -> int:
    """Offset before the line end in front of a delimiter, which belongs to the delimiter (RFC 2046 5.1.1)."""
    if at in (0, len(data)):
        return at
    at -= data.startswith(b"\n", at - 1)
    return at - data.startswith(b"\r", at - 1)
