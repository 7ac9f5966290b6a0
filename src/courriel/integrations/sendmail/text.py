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
"""Octets of the largest message that is taken: what an outbox takes as well."""
LONGEST_HEADER = 256 * 1024
LONGEST_LINE = 990  # octets without the line end; RFC 5322 2.1.1 allows 998

_PIECE = 64 * 1024
_FIELD = expression(rb"[!-9;-~]+[ \t]*:")


def pieces_of(source: BinaryIO) -> Iterator[bytes]:
    """Lines of a stream, the very long ones in pieces."""
    while piece := source.readline(_PIECE):
        yield piece


def lines_of(pieces: Iterable[bytes], *, dot_ends: bool) -> Iterator[bytes]:
    """Lines that a server takes, until the end of the input, or a line with a dot alone. Raises InvalidMessage."""
    octets = 0
    begun = False  # whether the last piece had no line end
    for piece in pieces:
        octets += len(piece)
        if octets > MOST_OCTETS:
            raise errors.InvalidMessage(
                f"the message has more than {MOST_OCTETS:,} octets", stage="compose", hint_id="MESSAGE-TOO-BIG"
            )
        if dot_ends and not begun and piece in (b".\n", b".\r\n", b"."):
            return
        begun = not piece.endswith(b"\n")
        yield from _mended(piece)


def header_of(lines: Iterator[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Header fields, each with its folds and LF, and the lines that were read beyond them.

    Without a header (a text alone) there are no fields, and all that was read belongs to the body. A line "From " of a
    mailbox file before the header is left out. Raises InvalidMessage.
    """
    fields: list[bytes] = []
    octets = 0
    for line in lines:
        octets += len(line)
        if octets > LONGEST_HEADER:
            raise errors.InvalidMessage(f"its header is longer than {LONGEST_HEADER:,} octets", stage="compose")
        if line in (b"\n", b"\r\n"):
            return fields, []
        if fields and line[:1] in (b" ", b"\t"):
            fields[-1] += line
        elif _FIELD.match(line):
            fields.append(line)
        elif not fields and line.startswith(b"From "):
            continue
        else:
            return fields, [line]
    return fields, []


# The steps.


def _mended(piece: bytes) -> Iterator[bytes]:
    """Lines that a server takes, each with its end: a piece of a longer line gets one, too."""
    if b"\0" in piece:
        piece = piece.replace(b"\0", b"\\0")
    if len(piece) <= LONGEST_LINE and piece.endswith(b"\n"):
        yield piece
        return
    rest = piece.rstrip(b"\r\n")
    while len(rest) > LONGEST_LINE:
        cut = LONGEST_LINE
        while cut > LONGEST_LINE - 4 and rest[cut] & 0xC0 == 0x80:
            cut -= 1  # not within a character of UTF-8
        yield rest[:cut] + b"\n"
        rest = rest[cut:]
    yield rest + b"\n"
