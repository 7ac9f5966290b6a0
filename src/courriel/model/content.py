"""Content of a message as octets, and what a server must support to take it."""

from __future__ import annotations

from collections.abc import Iterator

from courriel._dataclass import dataclass
from courriel._lazy_re import expression

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.model.typed import Piece

# A dot at the beginning of a line; where every line ends in CRLF its LF is enough. A literal expression takes half the
# time of `in`.
_DOT = expression(rb"\n\.")


@dataclass(frozen=True, slots=True)
class Content:
    """A complete message before dot-stuffing: every line ends in CRLF, the last one too.

    It can be iterated any number of times with the same result; files are read anew each time.
    """

    pieces: tuple[bytes | Piece, ...]
    size: int
    """Exact length in octets, for SIZE=."""
    eight_bit: bool = False
    """Whether an octet above 127 stands in it, so that the server must offer 8BITMIME."""
    utf8: bool = False
    """Whether a header holds raw UTF-8, so that the server must offer SMTPUTF8."""
    dotless: bool = False
    """Whether no line begins with a dot, so that dot-stuffing changes nothing."""
    binary: bool = False
    """Whether it holds arbitrary octets without line structure: only BDAT can send it (BINARYMIME, RFC 3030 3)."""

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from piece

    @property
    def alone(self) -> bytes | None:
        """Its octets when they are a single piece in memory, else None."""
        piece = self.pieces[0] if len(self.pieces) == 1 else None
        return piece if isinstance(piece, bytes) else None

    def __bytes__(self) -> bytes:
        """All octets, in memory."""
        pieces = self.pieces
        return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else b"".join(self)


def has_long_line(data: bytes, limit: int = 998, *, end: bytes = b"\n") -> bool:
    """Whether a line has more octets than `limit`, its CRLF not counted; by default that of RFC 5322 2.1.1.

    `end` is what ends a line: of received octets CRLF alone, where a bare CR or LF is a finding. It searches backwards
    from the limit for a line end, so that most octets are skipped.
    """
    position = 0
    size = len(data)
    while size - position > limit:
        found = data.rfind(end, position, position + limit + 2)
        if found < 0:
            return True
        position = found + len(end)
    return False


def is_dotless(data: bytes) -> bool:
    """Whether no line of the data begins with a dot; its lines end in CRLF."""
    return _DOT.search(data) is None and not data.startswith(b".")
