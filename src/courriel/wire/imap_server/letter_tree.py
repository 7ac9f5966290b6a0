"""
Letter as IMAP sees it: a tree of parts, each a slice of its octets (RFC 9051 6.4.5.1).

A single pass over the lines that begin with `--`, as `courriel.wire.parse.parts` does it, too; here the parts that hold
others are kept, and the mails within mails.
"""

from __future__ import annotations

from collections.abc import Iterator

from courriel.wire.imap_server.mime_fields import MimeFields, mime_fields
from courriel.wire.parse.boundaries import OpenBoundaries, before_line_end, next_line
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.header import Header, read_header

DEEPEST = 30
"""Parts within each other; deeper ones are texts."""
MOST_PARTS = 500
"""Parts of one letter; the rest belongs to the last one."""


class LetterContent:
    """Octets of a letter, and its tree, made at first use; the copies of a letter in several folders share it."""

    __slots__ = ("_tree", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._tree: TreePart | None = None

    @property
    def size(self) -> int:
        """Octets of the letter."""
        return len(self.raw)

    @property
    def tree(self) -> TreePart:
        """The letter as its outermost part."""
        if self._tree is None:
            self._tree = _Reader(self.raw).read()
        return self._tree


class TreePart:
    """Part of a letter: its header from `start`, its body from `body` to `end`, and what it holds.

    `parts` are those of a multipart; `message` is the mail that a part of type message/rfc822 holds.
    """

    __slots__ = ("body", "depth", "end", "fields", "header", "message", "parts", "start")

    def __init__(self, start: int, header: Header, body: int, fields: MimeFields, depth: int) -> None:
        self.start = start
        self.header = header
        self.body = self.end = body
        self.fields = fields
        self.depth = depth
        self.parts: list[TreePart] = []
        self.message: TreePart | None = None

    @property
    def is_multipart(self) -> bool:
        """Whether the part is a multipart, with parts in it."""
        return bool(self.parts)

    def numbered(self, path: tuple[int, ...]) -> TreePart | None:
        """Part of this number, such as (1, 2), counted in a whole letter; None when there is none."""
        here: TreePart = self
        is_letter = True
        for number in path:
            if not is_letter and here.message is not None:
                here, is_letter = here.message, True
            if here.parts:
                if not 0 < number <= len(here.parts):
                    return None
                here, is_letter = here.parts[number - 1], False
            elif is_letter and number == 1:
                is_letter = False  # the body of a letter that is no multipart is its part 1
            else:
                return None
        return here

    def leaves(self) -> Iterator[TreePart]:
        """Leaves of the tree, in order: parts that hold no others."""
        waiting: list[TreePart] = [self]
        while waiting:
            part = waiting.pop()
            if part.parts:
                waiting.extend(reversed(part.parts))
            elif part.message is not None:
                waiting.append(part.message)
            else:
                yield part


# The steps.


class _Reader:
    """Pass over the octets of a letter, with the multiparts that are open at the current position."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._open: list[TreePart] = []  # from the outermost to the innermost; all that have no end yet
        self._multiparts: list[tuple[bytes, TreePart]] = []
        self._boundaries = OpenBoundaries()  # with their place in `_multiparts`
        self._count = 0

    def read(self) -> TreePart:
        data = self._data
        root = self._begin(0, "text/plain", 0)
        position = self._open[-1].body
        while self._multiparts and self._count < MOST_PARTS and (line := next_line(data, position)):
            at, line_end = line
            level, final = self._boundaries.meant(data, at, line_end)
            position = line_end
            if level is None:
                continue
            self._close(level, at, final=final)
            if not final:
                around = self._multiparts[-1][1]
                kind = "message/rfc822" if around.fields.content_type == "multipart/digest" else "text/plain"
                around.parts.append(self._begin(line_end, kind, around.depth + 1))
                position = max(self._open[-1].body, line_end)
        for part in self._open:
            part.end = len(data)
        return root

    def _begin(self, start: int, default: str, depth: int) -> TreePart:
        """Begin a part: read its header, and that of a mail that it holds."""
        self._count += 1
        header, body = read_header(self._data, start, self._boundaries.has, ignore_defect)
        part = TreePart(start, header, body, mime_fields(header, default), depth)
        self._open.append(part)
        if part.fields.boundary and depth < DEEPEST:
            self._multiparts.append((part.fields.boundary, part))
            self._boundaries.add(part.fields.boundary, len(self._multiparts) - 1)
        elif part.fields.content_type in ("message/rfc822", "message/global") and depth < DEEPEST:
            part.message = self._begin(body, "text/plain", depth + 1)
        return part

    def _close(self, level: int, at: int, *, final: bool) -> None:
        """End all parts within the multipart of that level; behind its `final` boundary it has no more of them."""
        multipart, end = self._multiparts[level][1], before_line_end(self._data, at)
        while self._open[-1] is not multipart:
            part = self._open.pop()
            part.end = max(part.body, end)
        del self._multiparts[level + (0 if final else 1) :]
        self._boundaries.keep(boundary for boundary, _ in self._multiparts)
