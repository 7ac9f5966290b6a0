"""
MIME parts of a mail: every part that holds no others, in order (RFC 2046 5.1).

A single pass over the lines that begin with `--`; each is looked up in a table of the open boundaries. So a thousand
nested parts cost no more than a thousand parts of one multipart.
"""

from __future__ import annotations

from courriel._dataclass import dataclass, replace
from courriel.wire.parse.boundaries import OpenBoundaries, before_line_end, next_line
from courriel.wire.parse.charsets.decoding import ReportDefect
from courriel.wire.parse.header import Header, read_header
from courriel.wire.parse.part_info import PartInfo, part_info_of

MOST_PARTS = 2_000
DEEPEST = 50  # nested multiparts


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
        self._boundaries = OpenBoundaries()
        self._part: tuple[PartInfo, int] | None = None
        """Open leaf; None between parts."""
        self._begun = 0
        self._alternatives = 0

    def enter(self, label: PartInfo, start: int) -> None:
        """Begin a part, whose header was read."""
        self._part = None
        if label.is_multipart and len(self._levels) < DEEPEST:
            self._levels.append(_Level(label, start, self._alternative_of(label)))
            self._boundaries.add(label.boundary, len(self._levels) - 1)
            return
        if label.is_multipart:
            self._report_defect(
                f"multiparts stand within each other more than {DEEPEST} deep; the rest is left as it is"
            )
        self._part = label, start

    def go(self, position: int) -> None:
        """Read to the end of the data, which closes all open parts."""
        while self._levels and (line := next_line(self._data, position)):
            at, line_end = line
            level, final = self._boundaries.meant(self._data, at, line_end)
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

    def _begin(self, start: int) -> int:
        """Begin a part: read its header, and return the offset of its body."""
        level = self._levels[-1]
        level.parts += 1
        self._begun += 1
        header, body = read_header(self._data, start, self._boundaries.has, self._report_defect)
        default = "message/rfc822" if level.label.content_type == "multipart/digest" else "text/plain"
        self.enter(part_info_of(header, default, self._report_defect), body)
        return body

    def _close(self, depth: int, at: int) -> None:
        """End the open leaf at a delimiter, and every multipart below `depth`."""
        end = before_line_end(self._data, at)
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
            self._boundaries.keep(each.label.boundary for each in self._levels)

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
