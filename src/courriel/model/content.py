"""What goes over the wire for one message: octets, and what a server has to know before it takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from courriel.values import dataclass

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol

    class Piece(Protocol):
        """A stretch of a message that is made when it is asked for, as often as it is asked for: a file, mostly."""

        @property
        def size(self) -> int:
            """Its length in octets, known before the first of them is made."""
            ...

        def __iter__(self) -> Iterator[bytes]: ...


# A dot at the beginning of a line; where every line ends in CRLF its LF is enough. An expression that is nothing but
# certain characters is found in half the time that `in` takes.
_DOT = re.compile(rb"\n\.")


@dataclass(frozen=True, slots=True)
class Content:
    """A whole message, ready to leave: every line ends in CRLF, the last one too, and no dot is stuffed yet.

    It can be read any number of times, with the same outcome; what comes from a file is read from the file each time.
    """

    pieces: tuple[bytes | Piece, ...]
    size: int
    """Its length in octets, exactly: what SIZE= says."""
    eight_bit: bool = False
    """Whether an octet above 127 stands in it, so that the server has to know 8BITMIME."""
    utf8: bool = False
    """Whether a header holds raw UTF-8, so that the server has to know SMTPUTF8."""
    dotless: bool = False
    """Whether no line begins with a dot, so that there is nothing to stuff."""
    binary: bool = False
    """Whether octets of any kind stand in it, in no lines at all: it leaves by BDAT alone (BINARYMIME, RFC 3030 3)."""

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from piece

    @property
    def alone(self) -> bytes | None:
        """Its octets, when they are one piece in memory; None when it takes more to read it."""
        piece = self.pieces[0] if len(self.pieces) == 1 else None
        return piece if isinstance(piece, bytes) else None

    def __bytes__(self) -> bytes:
        """The whole of it in memory."""
        pieces = self.pieces
        return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else b"".join(self)


def has_long_line(data: bytes, limit: int = 998) -> bool:
    """Whether a line has more octets than `limit`, its CRLF not counted; by default that of RFC 5322 2.1.1.

    It leaps from line end to line end, many octets at a time, so that it costs a small part of reading the data.
    """
    position = 0
    size = len(data)
    while size - position > limit:
        end = data.rfind(b"\n", position, position + limit + 2)
        if end < 0:
            return True
        position = end + 1
    return False


def is_dotless(data: bytes) -> bool:
    """Whether no line of it begins with a dot; its lines end in CRLF."""
    return _DOT.search(data) is None and not data.startswith(b".")
