"""
MIME parts of a mail: every part that holds no others, in order (RFC 2046 5.1).

A single pass over the lines that begin with `--`; each is looked up in a table of the open boundaries. So a thousand
nested parts cost no more than a thousand parts of one multipart.
"""

from __future__ import annotations

from courriel._dataclass import dataclass, replace
from courriel.wire.parse.charsets.decoding import ReportDefect
from courriel.wire.parse.header import Header, read_header
from courriel.wire.parse.part_info import PartInfo, part_info_of

MOST_PARTS = 2_000
DEEPEST = 50  # nested multiparts

_LONGEST_LINE = 1_000  # octets of a line that are compared with boundaries


@dataclass(frozen=True, slots=True)
class Leaf:
    """Part that holds no others: its MIME fields, and the position of its body."""

    label: PartInfo
    start: int
    end: int
    within: str = ""
    """Type of the multipart around it, such as `multipart/related`; "" for a mail of a single part."""
    order: int = 0
    """Number of parts before it in that multipart."""
    alternative: int = 0
    """Number of the innermost multipart/alternative around it; 0 for none."""


def leaves(data: bytes, header: Header, start: int, report_defect: ReportDefect) -> list[Leaf]:
    """Parts of a mail whose body begins at `start`, as slices of `data`; nothing is copied."""
    label = part_info_of(header, "text/plain", report_defect)
    if not label.is_multipart:
        return [Leaf(label, start, len(data))]
    walk = _Walk(data, report_defect)
    walk.enter(label, start)
    walk.go(start)
    return walk.found


# The steps.


class _Level:
    """Open multipart."""

    def __init__(self, label: PartInfo, start: int, alternative: int) -> None:
        self.label = label
        self.start = start
        self.parts = 0
        self.alternative = alternative
        """Number of the innermost multipart/alternative, this one or one around it; 0 for none."""


class _Walk:
    """Pass over the octets of a mail, with the multiparts that are open at the current position."""

    def __init__(self, data: bytes, report_defect: ReportDefect) -> None:
        self.found: list[Leaf] = []
        self._data = data
        self._report_defect = report_defect
        self._levels: list[_Level] = []
        self._known: dict[bytes, int] = {}
        """Open boundaries, each with its level; of two equal ones the inner one."""
        self._part: tuple[PartInfo, int] | None = None
        """Open leaf; None between parts."""
        self._begun = 0
        self._alternatives = 0

    def enter(self, label: PartInfo, start: int) -> None:
        """Begin a part, whose header was read."""
        self._part = None
        if label.is_multipart and len(self._levels) < DEEPEST:
            self._levels.append(_Level(label, start, self._alternative_of(label)))
            self._known[label.boundary] = len(self._levels) - 1
            return
        if label.is_multipart:
            self._report_defect(
                f"multiparts stand within each other more than {DEEPEST} deep; the rest is left as it is"
            )
        self._part = label, start

    def go(self, position: int) -> None:
        """Read to the end of the data, which closes all open parts."""
        while self._levels and (line := self._next_line(position)):
            at, line_end = line
            level, final = self._meant(at, line_end)
            position = line_end
            if level is None:
                continue
            self._close(level + (0 if final else 1), at)
            if not final:
                if self._begun >= MOST_PARTS:
                    self._report_defect(f"it has more than {MOST_PARTS} parts; the rest was left out")
                    return
                position = self._begin(line_end)
        if self._levels:
            self._report_defect("a multipart is not closed")
        self._close(0, len(self._data))

    def _next_line(self, position: int) -> tuple[int, int] | None:
        """Next line that begins with `--`: its offset, and that of the line after it."""
        data = self._data
        if position == 0 and data.startswith(b"--"):
            at = 0
        else:
            found = data.find(b"\n--", max(position - 1, 0))
            if found < 0:
                return None
            at = found + 1
        return at, data.find(b"\n", at) + 1 or len(data)

    def _meant(self, at: int, line_end: int) -> tuple[int | None, bool]:
        """Level of which the line ends a part, and whether it closes the multipart itself."""
        line = self._data[at + 2 : min(line_end, at + _LONGEST_LINE)].rstrip(b" \t\r\n")
        level = self._known.get(line)
        if level is None and line.endswith(b"--"):
            return self._known.get(line[:-2]), True
        return level, False

    def _begin(self, start: int) -> int:
        """Begin a part: read its header, and return the offset of its body."""
        level = self._levels[-1]
        level.parts += 1
        self._begun += 1
        header, body = read_header(self._data, start, self._is_boundary, self._report_defect)
        default = "message/rfc822" if level.label.content_type == "multipart/digest" else "text/plain"
        self.enter(part_info_of(header, default, self._report_defect), body)
        return body

    def _is_boundary(self, line: bytes) -> bool:
        line = line[2:].rstrip(b" \t\r\n")
        return line in self._known or (line.endswith(b"--") and line[:-2] in self._known)

    def _close(self, depth: int, at: int) -> None:
        """End the open leaf at a delimiter, and every multipart below `depth`."""
        end = self._before_line_end(at)
        if self._part is not None:
            label, start = self._part
            self._part = None
            order = self._levels[-1].parts - 1 if self._levels else 0
            self.found.append(Leaf(label, start, max(start, end), self._innermost, order, self._alternative))
        while len(self._levels) > depth:
            level = self._levels.pop()
            if not level.parts:
                self._report_defect("the boundary of a multipart is nowhere in it; it is shown as text")
                text = replace(level.label, content_type="text/plain", boundary=b"")
                self.found.append(Leaf(text, level.start, max(level.start, end), self._innermost))
            self._known = {each.label.boundary: number for number, each in enumerate(self._levels)}

    def _alternative_of(self, label: PartInfo) -> int:
        if label.content_type != "multipart/alternative":
            return self._alternative
        self._alternatives += 1
        return self._alternatives

    @property
    def _alternative(self) -> int:
        return self._levels[-1].alternative if self._levels else 0

    @property
    def _innermost(self) -> str:
        return self._levels[-1].label.content_type if self._levels else ""

    def _before_line_end(self, at: int) -> int:
        """Offset before the line end in front of a delimiter, which belongs to the delimiter (RFC 2046 5.1.1)."""
        if at == len(self._data):
            return at
        at -= self._data.startswith(b"\n", at - 1)
        return at - self._data.startswith(b"\r", at - 1)
