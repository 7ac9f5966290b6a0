"""
Letter as IMAP sees it: a tree of parts, each a slice of its octets (RFC 9051 6.4.5.1).

A single pass over the lines that begin with `--`, as `courriel.wire.parse.parts` does it; here the parts that hold
others are kept, and the mails within mails.
"""

from __future__ import annotations

from collections.abc import Iterator

from courriel.wire.imap_server.mime_fields import MimeFields, mime_fields
from courriel.wire.parse.header import Header, read_header

DEEPEST = 30
"""Parts within each other; deeper ones are texts."""
MOST_PARTS = 500
"""Parts of one letter; the rest belongs to the last one."""

_LONGEST_LINE = 1_000  # octets of a line that are compared with boundaries


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
    """TreePart of a letter: its header from `start`, its body from `body` to `end`, and what it holds.

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
        """TreePart of this number, such as (1, 2), counted in a whole letter; None when there is none."""
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
        self._known: dict[bytes, int] = {}  # open boundaries, with their place in `_multiparts`
        self._count = 0

    def read(self) -> TreePart:
        data = self._data
        root = self._begin(0, "text/plain", 0)
        position = max(self._open[-1].body - 1, 0)
        while self._multiparts and self._count < MOST_PARTS:
            found = 0 if position == 0 and data.startswith(b"--") else data.find(b"\n--", position) + 1
            if not found and not (position == 0 and data.startswith(b"--")):
                break
            line_end = data.find(b"\n", found) + 1 or len(data)
            position = line_end - 1 if line_end > found else len(data)
            level, final = self._meant(found, line_end)
            if level is None:
                continue
            self._close(level, found, final=final)
            if not final:
                around = self._multiparts[-1][1]
                kind = "message/rfc822" if around.fields.content_type == "multipart/digest" else "text/plain"
                around.parts.append(self._begin(line_end, kind, around.depth + 1))
                position = max(self._open[-1].body - 1, line_end - 1)
        for part in self._open:
            part.end = len(data)
        return root

    def _begin(self, start: int, default: str, depth: int) -> TreePart:
        """Begin a part: read its header, and that of a mail that it holds."""
        self._count += 1
        header, body = read_header(self._data, start, self._is_boundary, _ignore)
        part = TreePart(start, header, body, mime_fields(header, default), depth)
        self._open.append(part)
        if part.fields.boundary and depth < DEEPEST:
            self._multiparts.append((part.fields.boundary, part))
            self._known[part.fields.boundary] = len(self._multiparts) - 1
        elif part.fields.content_type in ("message/rfc822", "message/global") and depth < DEEPEST:
            part.message = self._begin(body, "text/plain", depth + 1)
        return part

    def _meant(self, at: int, line_end: int) -> tuple[int | None, bool]:
        line = self._data[at + 2 : min(line_end, at + _LONGEST_LINE)].rstrip(b" \t\r\n")
        level = self._known.get(line)
        if level is None and line.endswith(b"--"):
            return self._known.get(line[:-2]), True
        return level, False

    def _is_boundary(self, line: bytes) -> bool:
        line = line[2:].rstrip(b" \t\r\n")
        return line in self._known or (line.endswith(b"--") and line[:-2] in self._known)

    def _close(self, level: int, at: int, *, final: bool) -> None:
        """End all parts within the multipart of that level; behind its `final` boundary it has no more of them."""
        multipart, end = self._multiparts[level][1], self._before_line_end(at)
        while self._open[-1] is not multipart:
            part = self._open.pop()
            part.end = max(part.body, end)
        del self._multiparts[level + (0 if final else 1) :]
        self._known = {boundary: place for place, (boundary, _) in enumerate(self._multiparts)}

    def _before_line_end(self, at: int) -> int:
        if at == len(self._data) or at == 0:
            return at
        at -= self._data.startswith(b"\n", at - 1)
        return at - self._data.startswith(b"\r", at - 1)


def _ignore(defect: str) -> None:
    """Defects are nobody's concern here: the letter is handed out as it is."""
