"""Header of a mail or of a part: fields in order, as octets, and the offset of the body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from courriel._lazy_re import expression
from courriel.wire.parse.charsets.decoding import ReportDefect

LONGEST_HEADER = 1_048_576  # octets of one header; a usual one has 10 kB
MOST_FIELDS = 2_000

_NAME = expression(rb"([!-9;-~]+)[ \t]*:")
# A field as it should be, with its continuation lines; names that begin with a hyphen may be boundaries. It is looked
# for at the beginning of a line only, so that what is none costs a single pass.
_USUAL = expression(rb"(?<![^\n])([!-,.-9;-~][!-9;-~]*+):([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+)\r\n")
_USUAL_SIZE = 65_536  # octets; a larger header is read line by line, within the limits


class Header:
    """Header fields as octets: names as received, each value on one line.

    A value is unfolded when it is asked for: of the fields of a list a program reads three.
    """

    __slots__ = ("_fields", "_firsts")

    def __init__(self, fields: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Names, and values as received or on one line."""
        self._fields = fields
        self._firsts: dict[bytes, bytes] | None = None  # by names in lower case

    @property
    def fields(self) -> tuple[tuple[str, bytes], ...]:
        """All fields in order."""
        return tuple([(name.decode("ascii"), _on_one_line(value)) for name, value in self._fields])

    def all(self, name: str) -> list[bytes]:
        """All values of a field, whose name is given in lower case."""
        key, firsts = _key(name), self._firsts or self._index()
        if len(firsts) == len(self._fields):
            value = firsts.get(key)
            return [] if value is None else [_on_one_line(value)]
        return [_on_one_line(value) for known, value in self._fields if known.lower() == key]

    def first(self, name: str) -> bytes:
        """First value of a field, b"" when there is none: later ones were added on the way."""
        value = (self._firsts or self._index()).get(_key(name))
        return b"" if value is None else _on_one_line(value)

    def __eq__(self, other: object) -> bool:
        return self.fields == other.fields if isinstance(other, Header) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.fields)

    def __repr__(self) -> str:
        return f"Header({self.fields!r})"

    # The steps.

    def _index(self) -> dict[bytes, bytes]:
        self._firsts = firsts = {name.lower(): value for name, value in reversed(self._fields)}
        return firsts


def read_header(
    data: bytes, start: int, ends: Callable[[bytes], bool], report_defect: ReportDefect
) -> tuple[Header, int]:
    """Read fields from `start` to an empty line, or a line for which `ends` is true; return also the body's offset.

    Each line is read once, so that parts without an empty line cost no more than others.
    """
    end = data.find(b"\r\n\r\n", start, start + _USUAL_SIZE)
    if end > start:
        fields: list[tuple[bytes, bytes]] = _USUAL.findall(data[start : end + 2])
        # Beside names and values a field has a colon and a line end. If all octets are theirs, nothing lies between.
        octets = len(b"".join(chain.from_iterable(fields))) + 3 * len(fields)
        if octets == end + 2 - start and len(fields) <= MOST_FIELDS:
            return Header(fields), end + 4
    lines = _Lines(report_defect)
    position = start
    while position < len(data):
        line_end = data.find(b"\n", position) + 1 or len(data)
        line = data[position:line_end].rstrip(b"\r\n")
        if not line:
            return lines.header(), line_end if lines.stray is None else lines.stray
        if line.startswith(b"--") and ends(line):
            report_defect("a part breaks off within its header")
            return lines.header(), position
        lines.take(line, position)
        position = line_end
    return lines.header(), position if lines.stray is None else lines.stray


# The steps.


def _on_one_line(value: bytes) -> bytes:
    return value.replace(b"\r\n", b"").strip(b" \t\r")


def _key(name: str) -> bytes:
    # No name of a field has octets above 127.
    return name.encode("utf-8", "surrogatepass")


class _Lines:
    """Collector of header lines into fields."""

    def __init__(self, report_defect: ReportDefect) -> None:
        self.stray: int | None = None
        """Offset of the first line that is no field: when no field follows, the body begins there."""
        self._report_defect = report_defect
        self._fields: list[tuple[bytes, list[bytes]]] = []
        self._room = LONGEST_HEADER

    def take(self, line: bytes, position: int) -> None:
        if line[:1] in (b" ", b"\t"):
            if self._fields and self.stray is None:
                self._keep(line, self._fields[-1][1])
                return
        elif name := _NAME.match(line):
            if self.stray is not None:
                self._report_defect("a line within the header is no field, and was left out")
                self.stray = None
            if len(self._fields) < MOST_FIELDS:
                value: list[bytes] = []
                self._keep(line[name.end() :], value)
                self._fields.append((name[1], value))
            else:
                self._report_defect(f"a header has more than {MOST_FIELDS} fields; the rest was left out")
            return
        elif not self._fields and line.startswith((b"From ", b">From ")):
            self._report_defect("it begins with a line of a mailbox file, which was left out")
            return
        if self.stray is None:
            self.stray = position

    def header(self) -> Header:
        if self.stray is not None:
            self._report_defect("no empty line stands between the header and the body")
        return Header([(name, b"".join(value)) for name, value in self._fields])

    def _keep(self, piece: bytes, value: list[bytes]) -> None:
        if len(piece) > self._room:
            self._report_defect(f"a header is longer than {LONGEST_HEADER} octets; the rest was left out")
            piece = piece[: self._room]
        self._room -= len(piece)
        value.append(piece)
