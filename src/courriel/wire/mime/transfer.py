"""Content-Transfer-Encodings for sending: 7bit, 8bit, quoted-printable, base64 (RFC 2045 6)."""

from __future__ import annotations

import os
from binascii import b2a_base64, b2a_qp
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from struct import Struct

from courriel._dataclass import dataclass
from courriel.model.content import has_long_line
from courriel.model.messages.attachment import Attachment, changed, check_identity, gone, open_at_once, written_to

_ASCII = bytes(range(128))
_CODED_LINE = 76  # characters of a line of quoted-printable, its = included (RFC 2045 6.7, rule 5)
_EQUALS = 0x3D
_CR = 0x0D  # `in` finds a number in octets faster than an octet

# Base64 in lines of 76 characters, 57 octets each (RFC 2045 6.8), many lines at a time. Larger blocks are slower: the
# memory freed between two of them goes back to the system, and is allocated again page by page.
_LINE = 57
_LINES = 384
_BLOCK = _LINE * _LINES
_CUT = Struct("76s" * _LINES + "0s").unpack  # an empty last field, so that the last line gets a line end too

_RAW_BLOCK = 64 * 1024  # octets of a binary file, the size of one write, so that no blocks are joined


def with_crlf(text: str) -> bytes:
    """Encode text as UTF-8, with CRLF for each of the three kinds of line end; nothing else counts as one."""
    data = text.encode()
    if _CR in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.replace(b"\n", b"\r\n")


def encode_text(text: str, eight_bit: bool) -> tuple[str, bytes]:
    """Choose the encoding of a text, and encode it: the value of Content-Transfer-Encoding, and the octets.

    Unencoded when possible (short lines, ASCII or a server with 8BITMIME); otherwise in the shorter of the two
    encodings. The octets end as the text ends, with a line end or without.
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
    """Number of octets above 127."""
    return len(data.translate(None, _ASCII))


def pays_as_base64(foreign: int, size: int) -> bool:
    """Whether base64 is the shorter encoding of text: quoted-printable writes three characters for an octet above 127,
    base64 four for every three octets."""
    return foreign * 6 > size


def encode_quoted_printable(data: bytes) -> bytes:
    """Encode text with CRLF line ends as quoted-printable.

    binascii looks for a CRLF to choose the line end it writes, so one is appended, and removed again.
    """
    coded = b2a_qp(data + b"\r\n", quotetabs=False, istext=True, header=False)[:-2]
    return _with_short_lines(coded) if has_long_line(coded, _CODED_LINE) else coded


def encode_base64(data: bytes) -> bytes:
    """Encode octets as lines of base64, each with its CRLF."""
    view = memoryview(data)
    return b"".join([_lines(view[start : start + _BLOCK]) for start in range(0, len(data), _BLOCK)])


def base64_size(size: int) -> int:
    """Length of that many octets in base64, computed without reading them."""
    full, rest = divmod(size, _LINE)
    return full * 78 + ((rest + 2) // 3 * 4 + 2 if rest else 0)


@dataclass(frozen=True, slots=True)
class RawFile:
    """File sent unencoded, read block by block at each iteration (hazard H37)."""

    attachment: Attachment

    @property
    def size(self) -> int:
        """Length of the file when it was attached."""
        return self.attachment.size

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the blocks. Raises InvalidMessage when the file is gone, or was changed meanwhile."""
        return map(bytes, _blocks_of(self.attachment, _RAW_BLOCK))


@dataclass(frozen=True, slots=True)
class Base64File:
    """File in base64, read block by block at each iteration, so that it is never in memory as a whole (hazard H37)."""

    attachment: Attachment

    @property
    def size(self) -> int:
        """Length of its base64, computed from the length of the file when it was attached."""
        return base64_size(self.attachment.size)

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the blocks. Raises InvalidMessage when the file is gone, or was changed meanwhile."""
        return map(_lines, _blocks_of(self.attachment, _BLOCK))


# The steps.


def _with_short_lines(coded: bytes) -> bytes:
    """Break the lines of quoted-printable that binascii leaves longer than 76 characters: it counts a space at the end
    of a line of text as one character and writes three. No `=XX` is split."""
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
    """Yield the file block by block, all in the same buffer."""
    left = attachment.size
    block = memoryview(bytearray(min(size, left + 1)))
    try:
        with open(str(attachment.source), "rb", 0, opener=open_at_once) as file:
            before = os.fstat(file.fileno())
            check_identity(attachment, before)
            # A block that is not full is the last one; one octet more than expected means that the file grew.
            while length := fill_block(file.readinto, block):
                left -= length
                if left < 0 or (length < size and left):
                    raise changed(attachment)
                yield block[:length]
            if _file_fingerprint(os.fstat(file.fileno())) != _file_fingerprint(before):
                raise written_to(attachment)
    except OSError as why:
        raise gone(attachment, why) from why
    if left:
        raise changed(attachment)


def fill_block(read: Callable[[memoryview], int | None], block: memoryview) -> int:
    """Fill the block from the file as far as possible: some file systems return less than was asked for."""
    length = read(block) or 0
    while 0 < length < len(block) and (more := read(block[length:])):
        length += more
    return length


def _file_fingerprint(known: os.stat_result) -> tuple[int, int, int]:
    """Values of a file that change with each write to it."""
    return known.st_size, known.st_mtime_ns, known.st_ctime_ns


def _lines(block: memoryview) -> bytes:
    """One block as lines of base64."""
    code = fastest_base64()(block)
    if len(block) == _BLOCK:
        return b"\r\n".join(_CUT(code))
    return b"".join([code[start : start + 76] + b"\r\n" for start in range(0, len(code), 76)])


@lru_cache(maxsize=1)
def fastest_base64() -> Callable[[memoryview], bytes]:
    """Fastest base64 encoder: pybase64 when it is installed (the extra `speed`), looked up on first use."""
    from importlib import import_module

    try:
        found: Callable[[memoryview], bytes] = import_module("pybase64").b64encode
    except ImportError:
        return partial(b2a_base64, newline=False)
    return found
