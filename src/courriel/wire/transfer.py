"""Bodies to octets that every server carries: as they are, quoted-printable or base64 (RFC 2045 6)."""

from __future__ import annotations

from binascii import b2a_base64, b2a_qp
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from courriel.model.attachment import Attachment, changed, gone
from courriel.model.content import has_long_line

_ASCII = bytes(range(128))

# Base64 in lines of 76 characters, 57 octets each (RFC 2045 6.8), many lines at a time. Larger blocks are slower: what
# is returned to the system between two of them has to be asked for again, page by page.
_LINE = 57
_LINES = 384
_BLOCK = _LINE * _LINES
_CUT = Struct("76s" * _LINES)


def with_crlf(text: str) -> str:
    """End every line in CRLF, whichever of the three line ends it had; nothing else counts as one."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\n", "\r\n")


def encode_text(text: str, eight_bit: bool) -> tuple[str, bytes]:
    """Choose how a text travels, and write it so: the word for Content-Transfer-Encoding, and the octets.

    As it is when it fits (short lines, ASCII or a server that takes 8BITMIME); otherwise in the shorter of two codes.
    The octets end as the text ends, with a line end or without.
    """
    data = with_crlf(text).encode()
    if not has_long_line(data):
        if text.isascii():
            return "7bit", data
        if eight_bit:
            return "8bit", data
    # Quoted-printable writes three characters for an octet above 127, base64 four for every three octets.
    if len(data.translate(None, _ASCII)) * 6 > len(data):
        return "base64", encode_base64(data)
    return "quoted-printable", encode_quoted_printable(data)


def encode_quoted_printable(data: bytes) -> bytes:
    """Write text whose lines end in CRLF as quoted-printable.

    binascii looks for CRLF to decide which line end it writes, so there is always one: a last one, taken off again.
    """
    return b2a_qp(data + b"\r\n", quotetabs=False, istext=True, header=False)[:-2]


def encode_base64(data: bytes) -> bytes:
    """Write octets as lines of base64, each with its CRLF."""
    return b"".join(_lines(data[start : start + _BLOCK]) for start in range(0, len(data), _BLOCK))


def base64_size(size: int) -> int:
    """How long so many octets become: known without reading any of them."""
    full, rest = divmod(size, _LINE)
    return full * 78 + ((rest + 2) // 3 * 4 + 2 if rest else 0)


@dataclass(frozen=True, slots=True)
class Base64File:
    """A file as base64, read block by block each time it is asked for, so that it never stands in memory (scar 38)."""

    attachment: Attachment

    @property
    def size(self) -> int:
        """The length of its base64, by the length the file had when it was attached."""
        return base64_size(self.attachment.size)

    def __iter__(self) -> Iterator[bytes]:
        """Raises InvalidMessage when the file is gone, or has another length than it had."""
        from pathlib import Path

        left = self.attachment.size
        try:
            with Path(str(self.attachment.source)).open("rb") as file:
                # One octet more than there should be tells a file that grew.
                while block := file.read(min(_BLOCK, left + 1)):
                    left -= len(block)
                    if left < 0 or (len(block) < _BLOCK and left):
                        raise changed(self.attachment)
                    yield _lines(block)
        except OSError as why:
            raise gone(self.attachment, why) from why
        if left:
            raise changed(self.attachment)


# The steps.


def _lines(block: bytes) -> bytes:
    """One block as lines of base64."""
    code = b2a_base64(block, newline=False)
    if len(block) == _BLOCK:
        return b"\r\n".join(_CUT.unpack(code)) + b"\r\n"
    return b"".join(code[start : start + 76] + b"\r\n" for start in range(0, len(code), 76))
