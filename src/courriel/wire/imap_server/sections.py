"""Sections of a letter: BODY[1.2.HEADER.FIELDS (DATE)]<0.100>, BINARY[1] (RFC 9051 6.4.5, RFC 3516)."""

from __future__ import annotations

import re

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.imap_server.letter_tree import LetterContent, TreePart
from courriel.wire.parse.transfer import unpacked_slice
from courriel.wire.smtp.server_syntax import Objection

_SECTION = expression(
    r"(?:([1-9][0-9]{0,8}(?:\.[1-9][0-9]{0,8})*+)(?:\.(?=[A-Za-z])|\Z))?"
    r"(?:(HEADER\.FIELDS(?:\.NOT)?) *\(([^()]*)\)|(HEADER|TEXT|MIME))?",
    re.IGNORECASE,
)
_FIELD = expression(rb"([^:\r\n]*+):[^\n]*+(?:\n[ \t][^\n]*+)*+\n?")
_QUOTED = expression(r'"([^"]*)"|(\S+)')
_MOST_NUMBERS = 60
_ENCODINGS = (b"", b"7BIT", b"8BIT", b"BINARY", b"BASE64", b"QUOTED-PRINTABLE")


@dataclass(frozen=True, slots=True)
class BodySection:
    """TreePart of a letter that is asked for: its numbers, what of it, and the names of header fields."""

    path: tuple[int, ...] = ()
    what: str = ""
    fields: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The section as responses name it."""
        names = f" ({' '.join(self.fields)})" if self.fields else ""
        return ".".join([*map(str, self.path), *([self.what] if self.what else [])]) + names


def read_section(text: str) -> BodySection:
    """Read what stands in the brackets. Raises Objection."""
    found = _SECTION.fullmatch(text.strip())
    if found is None or text.count(".") > _MOST_NUMBERS:
        raise Objection(500, "There is no such section")
    path = tuple(map(int, found[1].split("."))) if found[1] else ()
    what = (found[2] or found[4] or "").upper()
    fields = tuple((quoted or plain).upper() for quoted, plain in _QUOTED.findall(found[3] or ""))
    if (what == "MIME" and not path) or (found[2] and not fields):
        raise Objection(500, "There is no such section")
    return BodySection(path, what, fields)


def octets_of(letter: LetterContent, section: BodySection) -> bytes | None:
    """Octets of a section; None where the letter has no such part."""
    if not section.path and not section.what:
        return letter.raw
    part = letter.tree.numbered(section.path)
    if part is None:
        return None
    data = letter.raw
    if section.what == "MIME":
        return _head(data, part)
    if section.what:
        holder = part.message if section.path else part
        if holder is None:
            return None  # HEADER and TEXT are those of a letter
        if section.what == "TEXT":
            return data[holder.body : holder.end]
        head = _head(data, holder)
        return head if section.what == "HEADER" else _fields(head, section)
    return data[part.body : part.end]


def decoded(letter: LetterContent, path: tuple[int, ...]) -> bytes | None:
    """Content of a part without its transfer encoding; None where there is no such part. Raises Objection."""
    if not path:
        return letter.raw
    part = letter.tree.numbered(path)
    if part is None:
        return None
    if part.parts or part.message is not None:
        return letter.raw[part.body : part.end]
    encoding = part.fields.encoding.upper()
    if encoding not in _ENCODINGS:
        raise Objection(550, "[UNKNOWN-CTE] This transfer encoding is not known here")
    return unpacked_slice(letter.raw, part.body, part.end, encoding.decode("ascii").lower(), _ignore)


# The steps.


def _head(data: bytes, part: TreePart) -> bytes:
    """Header of a part, with the empty line behind it; where that line is missing it is added."""
    head = data[part.start : part.body]
    if head.endswith((b"\n\r\n", b"\n\n")) or head in (b"\r\n", b"\n"):
        return head
    return head + (b"\r\n" if head.endswith(b"\n") or not head else b"\r\n\r\n")


def _fields(head: bytes, section: BodySection) -> bytes:
    """Fields of these names, or all others, as they stand, with an empty line behind them."""
    names = {name.encode("utf-8", "replace") for name in section.fields}
    excluding = section.what.endswith("NOT")
    chosen = [
        found[0] for found in _FIELD.finditer(head) if (found[1].rstrip(b" \t").upper() in names) is not excluding
    ]
    return b"".join(each if each.endswith(b"\n") else each + b"\r\n" for each in chosen) + b"\r\n"


def _ignore(defect: str) -> None:
    """Defects are nobody's concern here: what cannot be decoded is handed out as it is."""
