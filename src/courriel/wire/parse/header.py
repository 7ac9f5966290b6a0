"""Header of a mail or of a part: fields in order, as octets, and the offset of the body."""

from __future__ import annotations

from collections.abc import Callable

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.parse.charsets import ReportDefect

LONGEST_HEADER = 1_048_576  # octets of one header; a usual one has 10 kB
MOST_FIELDS = 2_000

_NAME = expression(rb"([!-9;-~]+)[ \t]*:")
# A header in which every line is as it should be; names that begin with a hyphen may be boundaries.
_USUAL = expression(rb"(?:[!-,.-9;-~][!-9;-~]*+[ \t]*+:[^\r\n]*+\r\n(?:[ \t][^\r\n]*+\r\n)*+)++\r\n")
_FIELD = expression(rb"([!-9;-~]+)[ \t]*+:([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+)\r\n")
_USUAL_SIZE = 65_536  # octets; a larger one is read line by line, within the limits


@dataclass(frozen=True, slots=True)
class Header:
    """Header fields as octets, each value on one line."""

    fields: tuple[tuple[str, bytes], ...] = ()

    def all(self, name: str) -> list[bytes]:
        """All values of a field, whose name is given in lower case."""
        return [value for known, value in self.fields if known.lower() == name]

    def first(self, name: str) -> bytes:
        """First value of a field, b"" when there is none: later ones were added on the way."""
        return next((value for known, value in self.fields if known.lower() == name), b"")


def read_header(
    data: bytes, start: int, ends: Callable[[bytes], bool], report_defect: ReportDefect
) -> tuple[Header, int]:
    """Read fields from `start` to an empty line, or a line for which `ends` is true; return also the body's offset.

    Each line is read once, so that parts without an empty line cost no more than others.
    """
    usual = _USUAL.match(data, start, start + _USUAL_SIZE)
    if usual is not None:
        fields = _FIELD.findall(usual[0])
        if len(fields) <= MOST_FIELDS:
            return _of_fields(fields), usual.end()
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


def _of_fields(fields: list[tuple[bytes, bytes]]) -> Header:
    return Header(
        tuple([(name.decode("ascii"), value.replace(b"\r\n", b"").strip(b" \t\r")) for name, value in fields])
    )


class _Lines:
    """Collector of header lines into fields."""

    def __init__(self, report_defect: ReportDefect) -> None:
        self.stray: int | None = None
        """Offset of the first line that is no field: when no field follows, the body begins there."""
        self._report_defect = report_defect
        self._fields: list[tuple[str, list[bytes]]] = []
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
                self._fields.append((name[1].decode("ascii"), value))
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
        return Header(tuple((name, b"".join(value).strip(b" \t\r")) for name, value in self._fields))

    def _keep(self, piece: bytes, value: list[bytes]) -> None:
        if len(piece) > self._room:
            self._report_defect(f"a header is longer than {LONGEST_HEADER} octets; the rest was left out")
            piece = piece[: self._room]
        self._room -= len(piece)
        value.append(piece)
