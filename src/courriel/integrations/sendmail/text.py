"""
The message on standard input, read in pieces: header and body, the dot, lines and octets that no server would take.

Memory holds the header and one line at a time. What programs write is mended as mail servers do it, because a mail of
cron must not be lost for a long line: lines are broken at 990 octets, and a NUL is written as `\\0`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from courriel import errors
from courriel._lazy_re import expression

MOST_OCTETS = 50 * 1024 * 1024
"""Octets of the largest message that an outbox takes, its lines ended by CRLF."""
_ADDED = 4096  # octets that are left for Received, Date and Message-ID, which are added later
LONGEST_HEADER = 256 * 1024
LONGEST_LINE = 990  # octets without the line end; RFC 5322 2.1.1 allows 998

_PIECE = LONGEST_HEADER  # so that a header field is never in two pieces
_FIELD = expression(rb"[!-9;-~]{1,200}[ \t]*:")
_LONE_CR = expression(rb"\r(?!\n)")
_MOST_FIELDS = 1900  # fields of a header; an outbox takes some more


def pieces_of(source: BinaryIO) -> Iterator[bytes]:
    """Lines of a stream, the very long ones in pieces."""
    while piece := source.readline(_PIECE):
        yield piece


def lines_of(pieces: Iterable[bytes], *, dot_ends: bool) -> Iterator[bytes]:
    """Lines as they are written, until the end of the input, or a line with a dot alone. Raises InvalidMessage."""
    octets = 0
    begun = False  # whether the last piece had no line end
    for piece in pieces:
        octets += len(piece)
        if octets > MOST_OCTETS:
            raise _too_big()
        if dot_ends and not begun and piece in (b".\n", b".\r\n", b"."):
            return
        begun = not piece.endswith(b"\n")
        yield piece.replace(b"\0", b"\\0") if b"\0" in piece else piece


def header_of(lines: Iterator[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Header fields, each with its folds and LF, and the lines that were read beyond them.

    Without a header (a text alone) there are no fields, and all that was read belongs to the body. A line "From " of a
    mailbox file before the header is left out. A carriage return within a line is a space, since some reader would take
    it for a line end, and what follows for a field. Raises InvalidMessage.
    """
    fields: list[bytes] = []
    octets = 0
    for line in lines:
        octets += len(line)
        if octets > LONGEST_HEADER and fields:
            raise errors.InvalidMessage(f"its header is longer than {LONGEST_HEADER:,} octets", stage="compose")
        if line in (b"\n", b"\r\n"):
            return fields, []
        if fields and line[:1] in (b" ", b"\t"):
            fields[-1] += _LONE_CR.sub(b" ", line) if line.strip() else b""  # for some readers it ends the header
        elif _FIELD.match(line):
            if len(fields) == _MOST_FIELDS:
                raise errors.InvalidMessage(f"it has more than {_MOST_FIELDS:,} header fields", stage="compose")
            fields.append(_LONE_CR.sub(b" ", line))
        elif not fields and line.startswith(b"From "):
            continue
        else:
            return fields, [line]
    return fields, []


def mended(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of a body that every server takes: each with its end, the long ones broken."""
    for line in lines:
        if len(line) <= LONGEST_LINE and line.endswith(b"\n"):
            yield line
            continue
        rest = line.rstrip(b"\r\n")
        while len(rest) > LONGEST_LINE:
            cut = _longest_cut(rest)
            yield rest[:cut] + b"\n"
            rest = rest[cut:]
        yield rest + b"\n"


def measured(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of a message that an outbox takes, which counts each line end as CRLF. Raises InvalidMessage.

    The service of a drop folder could only refuse a larger one, when its caller has gone.
    """
    octets = _ADDED
    for line in lines:
        octets += len(line) + line.count(b"\n") + line.count(b"\r") - 2 * line.count(b"\r\n")
        if octets > MOST_OCTETS:
            raise _too_big()
        yield line


def folded(fields: Iterable[bytes]) -> list[bytes]:
    """Header fields with their long lines folded at a space, behind a comma, or where no server would take more."""
    return [_folded(field) if len(field) > LONGEST_LINE else field for field in fields]


# The steps.


def _folded(field: bytes) -> bytes:
    lines: list[bytes] = []
    least = field.index(b":") + 1  # not between a name and its colon
    for line in field.rstrip(b"\r\n").split(b"\n"):
        rest = line
        while len(rest) > LONGEST_LINE:
            cut = max(rest.rfind(b" ", least, LONGEST_LINE), rest.rfind(b",", least, LONGEST_LINE) + 1)
            if cut <= 1:
                cut = _longest_cut(rest)
            lines.append(rest[:cut])
            least = 1
            rest = b" " + rest[cut:].lstrip(b" ")
        if rest.strip():
            lines.append(rest)
    return b"\n".join(lines) + b"\n"


def _longest_cut(line: bytes) -> int:
    """Octets of the longest line that begins this one, with whole characters of UTF-8."""
    cut = LONGEST_LINE
    while cut > LONGEST_LINE - 4 and line[cut] & 0xC0 == 0x80:
        cut -= 1
    return cut


def _too_big() -> errors.InvalidMessage:
    return errors.InvalidMessage(
        f"the message has more than {MOST_OCTETS:,} octets", stage="compose", hint_id="MESSAGE-TOO-BIG"
    )
