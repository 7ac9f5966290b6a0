"""
Parser of IMAP responses: octets in, events out (RFC 9051 7).

    parser.add(octets)
    while (event := parser.next()) is not None: ...

A letter in the usual form is found by one regular expression; the rest is cut into texts and literals, which are read
as values where somebody asks for them. However the octets are cut, the events are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from typing import TypeAlias

from courriel._dataclass import dataclass
from courriel.errors import RemoteProtocolError
from courriel.model.received.limits import ReadLimits
from courriel.wire.imap.fetched import Fetched, read_fetched
from courriel.wire.imap.syntax import AnswerStatus, counted_at_end, read_status
from courriel.wire.imap.values import Value, read_values

_SMALL = 64 * 1024  # octets of an unfinished literal that may be copied again when more of it has arrived
_MOST_LITERALS = 10_000  # in one response

# The usual response for a letter that was asked for; a server may give the data in any order, the text last.
_LETTER = re.compile(
    rb"\* \d{1,10} FETCH \("
    rb'(?:UID (\d{1,10}) |FLAGS \(([^()"\r\n]*)\) |RFC822\.SIZE (\d{1,18}) |INTERNALDATE "([^"\\\r\n]*)" )*+'
    rb"(BODY\[[A-Z.]*(?: \([A-Z-]+(?: [A-Z-]+)*+\))?\]) \{(\d{1,18})\}\r\n"
)
# The usual responses where sizes alone were asked for.
_SIZES = re.compile(rb"(?:\* \d{1,10} FETCH \(UID \d{1,10} RFC822\.SIZE \d{1,18}\)\r\n)++")
_SIZE = re.compile(rb"UID (\d+) RFC822\.SIZE (\d+)")
_NUMBERED = re.compile(rb"(\d{1,10}) +([A-Za-z]+) *")
_NAMED = re.compile(rb"([A-Za-z0-9.=+-]+) *")
_STATUS_WORDS = ("OK", "NO", "BAD", "BYE", "PREAUTH")


@dataclass(frozen=True, slots=True)
class Tagged:
    """Answer to a command."""

    tag: bytes
    status: AnswerStatus


@dataclass(frozen=True, slots=True)
class Untagged:
    """Response that answers no command by itself.

    `name` is its word in capitals (EXISTS, LIST, OK), `number` the number before that, `status` that of OK, NO, BAD,
    BYE, PREAUTH, and `pieces` are the texts and literals behind the word.
    """

    name: str
    number: int | None = None
    pieces: tuple[bytes, ...] = (b"",)
    status: AnswerStatus | None = None

    def values(self) -> list[Value]:
        """Values behind the word. Raises RemoteProtocolError."""
        return read_values(self.pieces)


@dataclass(frozen=True, slots=True)
class Continuation:
    """The server's "+": it waits for more of a command."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Unknown:
    """A line that is no IMAP response."""

    line: bytes


Event: TypeAlias = "Tagged | Untagged | Fetched | Continuation | Unknown"


class ImapParser:
    """Incremental parser of responses, within limits; see ReadLimits. They count from one answer to the next."""

    def __init__(self, limits: ReadLimits) -> None:
        self._limits = limits
        self.pour: Callable[[bytes], object] | None = None
        """Receiver of the next literal of a FETCH response, however large, in place of the event, which has b""."""
        self.most_poured = 0  # octets of the largest literal that it takes
        self.clear()

    def clear(self) -> None:
        """Reset the parser for a new connection."""
        self._data = b""
        self._at = 0  # offset of the first octet that is not consumed
        self._looked = 0  # offset up to which no line end was found
        self._pieces: list[bytes] = []  # of a response that is not complete
        self._left: int | None = None  # octets of its current literal that are still to come
        self._parts: list[bytes] = []  # of that literal
        self._held = 0  # octets of the response, without its literals
        self._pours: Callable[[bytes], object] | None = None  # receiver of the current literal
        self.start_answer()

    def start_answer(self) -> None:
        """Count octets and lines from here."""
        self._octets = self._lines = 0

    def add(self, data: bytes) -> None:
        """Append received octets. Take events until there are none before you add more."""
        at = self._at
        if at < len(self._data):
            self._data = self._data[at:] + data
            self._looked = max(0, self._looked - at)
        else:
            self._data, self._looked = data, 0
        self._at = 0

    @property
    def empty(self) -> bool:
        """Whether all octets received were consumed."""
        return self._at == len(self._data) and self.between

    @property
    def between(self) -> bool:
        """Whether no response has begun that was consumed in part."""
        return not self._pieces and self._left is None

    @property
    def rest(self) -> bytes:
        """Octets that are not consumed, up to 80."""
        return self._data[self._at : self._at + 80]

    def take_rest(self) -> bytes:
        """Remove and return all octets that are not consumed: they are no responses of this connection."""
        rest, self._data = self._data[self._at :], b""
        self._at = self._looked = 0
        return rest

    @property
    def expected(self) -> int:
        """Octets of a literal that are still to come."""
        return self._left or 0

    def letters(self, found: list[Fetched]) -> bool:
        """Take the letters that are here as a whole, in the usual form, up to anything else.

        True when the next one has begun in that form, and is small enough to wait until all of it is here: `next` would
        take it too, in many more steps.
        """
        if self._pieces or self._left is not None or self.pour is not None:
            return False
        data, at = self._data, self._at
        here, begun = len(data), False
        match, largest = _LETTER.match, self._limits.letter
        before, name, section = len(found), "", b""
        while (usual := match(data, at)) is not None:
            uid, flags, size, date, part, length = usual.groups()
            start = usual.end()
            end = start + int(length)
            if uid is None or end - start > largest:
                break
            if end + 3 > here:
                begun = end - at < _SMALL
                break
            if not data.startswith(b")\r\n", end):
                break
            if data.count(b"UID ", at, start) != 1:
                break  # two of them may contradict each other
            if part != section:
                section, name = part, part.decode("ascii")
            known = None if size is None else int(size)
            found.append(Fetched(int(uid), known, flags, date, {name: data[start:end]}))
            at = end + 3
        if at != self._at:
            self._count(at - self._at, len(found) - before)
            self._at = self._looked = at
        return begun

    def sizes(self) -> list[tuple[int, int]]:
        """Take the UIDs and sizes that are here, in the usual form, up to anything else."""
        if self._pieces or self._left is not None:
            return []
        block = _SIZES.match(self._data, self._at)
        if block is None:
            return []
        numbers = map(int, chain.from_iterable(_SIZE.findall(block[0])))
        found = list(zip(numbers, numbers, strict=True))
        self._count(block.end() - self._at, len(found))
        self._at = self._looked = block.end()
        return found

    def line(self) -> bytes | None:
        """The next line as it is, without its end; None when it is incomplete. For the greeting."""
        line = self._next_line()
        self._held = 0 if line is not None else self._held
        return line

    def next(self) -> Event | None:
        """The next event, None when it is incomplete. Raises RemoteProtocolError above the limits."""
        while True:
            if self._left is not None and not self._take_literal():
                return None
            line = self._next_line()
            if line is None:
                return None
            event = self._take(line)
            if event is not None:
                return event

    # The steps.

    def _next_line(self) -> bytes | None:
        """Next line without its end; None when it is incomplete."""
        data, at, limit = self._data, self._at, self._limits.line
        end = data.find(b"\n", max(at, self._looked))
        here = (len(data) if end < 0 else end) - at
        if self._held + here > limit:
            raise _too_much("a line", limit)
        if end < 0:
            self._looked = len(data)
            return None
        self._held += here
        self._count(end + 1 - at, 1)
        self._at = self._looked = end + 1
        return data[at : end - 1 if data.endswith(b"\r", at, end) else end]

    def _take(self, line: bytes) -> Event | None:
        """The event that this line ends; None when a literal follows, or nothing was said."""
        pieces = self._pieces
        if not pieces:
            if not line.strip():
                self._held = 0
                return None  # some servers send a blank line between two responses
            if line.startswith(b"*  "):
                line = b"* " + line[2:].lstrip(b" ")
            if not line.startswith(b"* ") or _is_status(line):
                self._held = 0
                return _of_line(line)
        size = counted_at_end(line)
        if size is None:
            if pieces and not line.strip() and _is_open_fetch(pieces):
                return None  # and some behind a literal
            self._pieces, self._held = [], 0
            return _untagged([*pieces, line])
        self._begin_literal(line, size)
        return None

    def _begin_literal(self, line: bytes, size: int) -> None:
        self._pieces.append(line[: line.rindex(b"{")].removesuffix(b"~"))
        if len(self._pieces) > 2 * _MOST_LITERALS:
            raise _too_much("a response", _MOST_LITERALS, "literals")
        limit = self._limits.letter
        if self.pour is not None and _is_section(self._pieces):
            self._pours, self.pour, limit = self.pour, None, self.most_poured
        if size > limit:
            # Before an octet of it is awaited.
            raise _too_much("a letter", limit)
        self._left = size

    def _take_literal(self) -> bool:
        """Take what is here of the current literal; whether it is complete."""
        data, at = self._data, self._at
        missing = self._left or 0
        here = min(missing, len(data) - at)
        if here < missing and here < _SMALL and self._pours is None:
            return False  # it is copied once, when there is more of it
        if self._pours is not None:
            self._pours(data[at : at + here])
        else:
            self._parts.append(data[at : at + here])
            self._count(here, 0)
        self._at = self._looked = at + here
        self._left = missing - here
        if self._left:
            return False
        self._pieces.append(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
        self._parts, self._left, self._pours = [], None, None
        return True

    def _count(self, octets: int, lines: int) -> None:
        self._octets += octets
        self._lines += lines
        if self._octets > self._limits.answer:
            raise _too_much("an answer", self._limits.answer)
        if self._lines > self._limits.lines:
            raise _too_much("an answer", self._limits.lines, "lines")


def _untagged(pieces: list[bytes]) -> Event:
    """Response from its texts and literals; the first text begins with "* "."""
    first = pieces[0]
    numbered = _NUMBERED.match(first, 2)
    if numbered is not None:
        name, rest = numbered[2].decode("ascii").upper(), first[numbered.end() :]
        if name == "FETCH":
            return read_fetched([rest, *pieces[1:]])
        return Untagged(name, int(numbered[1]), (rest, *pieces[1:]))
    named = _NAMED.match(first, 2)
    if named is None:
        return Unknown(first)
    return Untagged(named[1].decode("ascii").upper(), None, (first[named.end() :], *pieces[1:]))


def _of_line(line: bytes) -> Event:
    """Event of a line that has no literals: a tagged answer, a continuation request, a status."""
    begin, _, rest = line.partition(b" ")
    if begin == b"+":
        return Continuation(rest)
    status = read_status(rest.lstrip(b" "))
    if status is None:
        return Unknown(line)
    if begin == b"*":
        return Untagged(status.word, None, (rest,), status)
    return Tagged(begin, status)


def _is_status(line: bytes) -> bool:
    """Whether a line is an untagged status, whose text may end like the beginning of a literal."""
    return line[2:10].partition(b" ")[0].decode("latin-1").upper() in _STATUS_WORDS


def _is_open_fetch(pieces: list[bytes]) -> bool:
    numbered = _NUMBERED.match(pieces[0], 2)
    return numbered is not None and numbered[2].upper() == b"FETCH"


def _is_section(pieces: list[bytes]) -> bool:
    """Whether the literal that follows is a text of a letter."""
    return _is_open_fetch(pieces) and pieces[-1].rstrip().endswith((b"]", b">", b"RFC822"))


def _too_much(what: str, limit: int, unit: str = "octets") -> RemoteProtocolError:
    return RemoteProtocolError(f"{what} of more than {limit:,} {unit}")
