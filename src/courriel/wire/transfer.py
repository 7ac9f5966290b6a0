"""Bodies to octets that every server carries: as they are, quoted-printable or base64 (RFC 2045 6)."""

from __future__ import annotations

import os
from binascii import b2a_base64, b2a_qp
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from struct import Struct

from courriel.model.attachment import Attachment, changed, check_identity, gone, open_at_once, written_to
from courriel.model.content import has_long_line
from courriel.values import dataclass

_ASCII = bytes(range(128))
_CODED_LINE = 76  # characters of a line of quoted-printable, its = included (RFC 2045 6.7, rule 5)
_EQUALS = 0x3D
_CR = 0x0D  # a number is found in octets sooner than an octet

# Base64 in lines of 76 characters, 57 octets each (RFC 2045 6.8), many lines at a time. Larger blocks are slower: what
# is returned to the system between two of them has to be asked for again, page by page.
_LINE = 57
_LINES = 384
_BLOCK = _LINE * _LINES
_CUT = Struct("76s" * _LINES + "0s").unpack  # and nothing behind the last, so that it has a line end too

_RAW_BLOCK = 64 * 1024  # octets of a file as it is: as many as are put on the line at a time, so none are joined


def with_crlf(text: str) -> bytes:
    """Text as UTF-8, every line ended in CRLF whichever of the three line ends it had; nothing else counts as one."""
    data = text.encode()
    if _CR in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.replace(b"\n", b"\r\n")


def encode_text(text: str, eight_bit: bool) -> tuple[str, bytes]:
    """Choose how a text travels, and write it so: the word for Content-Transfer-Encoding, and the octets.

    As it is when it fits (short lines, ASCII or a server that takes 8BITMIME); otherwise in the shorter of two codes.
    The octets end as the text ends, with a line end or without.
    """
    data = with_crlf(text)
    if not has_long_line(data):
        if text.isascii():
            return "7bit", data
        if eight_bit:
            return "8bit", data
    if pays_as_base64(foreign_octets(data), len(data)):
        return "base64", encode_base64(data)
    return "quoted-printable", encode_quoted_printable(data)


def foreign_octets(data: bytes) -> int:
    """How many octets are not ASCII."""
    return len(data.translate(None, _ASCII))


def pays_as_base64(foreign: int, size: int) -> bool:
    """Whether base64 is the shorter code for text: quoted-printable writes three characters for an octet above 127,
    base64 four for every three octets."""
    return foreign * 6 > size


def encode_quoted_printable(data: bytes) -> bytes:
    """Write text whose lines end in CRLF as quoted-printable.

    binascii looks for CRLF to decide which line end it writes, so there is always one: a last one, taken off again.
    """
    coded = b2a_qp(data + b"\r\n", quotetabs=False, istext=True, header=False)[:-2]
    return _with_short_lines(coded) if has_long_line(coded, _CODED_LINE) else coded


def encode_base64(data: bytes) -> bytes:
    """Write octets as lines of base64, each with its CRLF."""
    view = memoryview(data)
    return b"".join([_lines(view[start : start + _BLOCK]) for start in range(0, len(data), _BLOCK)])


def base64_size(size: int) -> int:
    """How long so many octets become: known without reading any of them."""
    full, rest = divmod(size, _LINE)
    return full * 78 + ((rest + 2) // 3 * 4 + 2 if rest else 0)


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as it is, read block by block each time it is asked for (scar 38), and given on before the next one."""

    attachment: Attachment

    @property
    def size(self) -> int:
        """The length that it had when it was attached."""
        return self.attachment.size

    def __iter__(self) -> Iterator[bytes]:
        """Raises InvalidMessage when the file is gone, has another length than it had, or is written to meanwhile."""
        return map(bytes, _blocks_of(self.attachment, _RAW_BLOCK))


@dataclass(frozen=True, slots=True)
class Base64File:
    """A file as base64, read block by block each time it is asked for, so that it never stands in memory (scar 38)."""

    attachment: Attachment

    @property
    def size(self) -> int:
        """The length of its base64, by the length the file had when it was attached."""
        return base64_size(self.attachment.size)

    def __iter__(self) -> Iterator[bytes]:
        """Raises InvalidMessage when the file is gone, has another length than it had, or is written to meanwhile."""
        return map(_lines, _blocks_of(self.attachment, _BLOCK))


# The steps.


def _with_short_lines(coded: bytes) -> bytes:
    """Break the lines of quoted-printable that binascii leaves at 77 characters: it counts a blank at the end of a line
    of text as one character and writes three. No `=XX` is cut."""
    lines: list[bytes] = []
    for line in coded.split(b"\r\n"):
        rest = line
        while len(rest) > _CODED_LINE:
            end = _CODED_LINE - 1
            if rest[end - 1] == _EQUALS:
                end -= 1
            elif rest[end - 2] == _EQUALS:
                end -= 2
            lines.append(rest[:end] + b"=")
            rest = rest[end:]
        lines.append(rest)
    return b"\r\n".join(lines)


def _blocks_of(attachment: Attachment, size: int) -> Iterator[memoryview]:
    """The file, a block at a time, in one place in memory."""
    left = attachment.size
    block = memoryview(bytearray(min(size, left + 1)))
    try:
        with open(str(attachment.source), "rb", 0, opener=open_at_once) as file:
            before = os.fstat(file.fileno())
            check_identity(attachment, before)
            # A block that is not full is the last one; one octet more than there should be tells a file that grew.
            while length := _fill(file.readinto, block):
                left -= length
                if left < 0 or (length < size and left):
                    raise changed(attachment)
                yield block[:length]
            if _print_of(os.fstat(file.fileno())) != _print_of(before):
                raise written_to(attachment)
    except OSError as why:
        raise gone(attachment, why) from why
    if left:
        raise changed(attachment)


def _fill(read: Callable[[memoryview], int | None], block: memoryview) -> int:
    """Fill the block from the file, as far as there is something: some file systems give less than was asked for."""
    length = read(block) or 0
    while 0 < length < len(block) and (more := read(block[length:])):
        length += more
    return length


def _print_of(known: os.stat_result) -> tuple[int, int, int]:
    """What changes when somebody writes to a file."""
    return known.st_size, known.st_mtime_ns, known.st_ctime_ns


def _lines(block: memoryview) -> bytes:
    """One block as lines of base64."""
    code = _base64()(block)
    if len(block) == _BLOCK:
        return b"\r\n".join(_CUT(code))
    return b"".join([code[start : start + 76] + b"\r\n" for start in range(0, len(code), 76)])


@lru_cache(maxsize=1)
def _base64() -> Callable[[memoryview], bytes]:
    """The fastest base64 there is: pybase64 when it is installed (the extra `speed`), looked for on first use."""
    from importlib import import_module

    try:
        found: Callable[[memoryview], bytes] = import_module("pybase64").b64encode
    except ImportError:
        return partial(b2a_base64, newline=False)
    return found
