"""MIME fields of a part as BODYSTRUCTURE tells them: names and values as they stand (RFC 9051 7.5.2)."""

from __future__ import annotations

from collections.abc import Iterator

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.parse.header import Header
from courriel.wire.parse.part_info import part_info_of

_PARAMETER = expression(rb';[ \t]*+([^\s=;"()]{1,100})[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^;"]*+))')
_PAIR = expression(rb"\\(.)")
_COMMENT = expression(rb"\([^()]*+\)")
_TOKEN = expression(rb"[\w!#$&^+.*%'-]+")
_MOST = 100  # parameters of one field


@dataclass(frozen=True, slots=True)
class MimeFields:
    """MIME fields of a part; `boundary` is b"" for anything but a multipart that has one."""

    content_type: str
    boundary: bytes
    parameters: tuple[tuple[bytes, bytes], ...]
    encoding: bytes
    content_id: bytes
    description: bytes
    md5: bytes
    disposition: bytes
    disposition_parameters: tuple[tuple[bytes, bytes], ...]
    languages: tuple[bytes, ...]
    location: bytes


def mime_fields(header: Header, default: str) -> MimeFields:
    """MIME fields of a header; `default` is the type where it names none."""
    info = part_info_of(header, default, _ignore)
    disposition = _COMMENT.sub(b"", header.first("content-disposition"))
    language = header.first("content-language")
    return MimeFields(
        info.content_type,
        info.boundary if info.is_multipart else b"",
        tuple(_parameters(header.first("content-type"))),
        _word(header.first("content-transfer-encoding")),
        header.first("content-id"),
        header.first("content-description"),
        header.first("content-md5"),
        _word(disposition),
        tuple(_parameters(disposition)),
        tuple(_TOKEN.findall(language))[:_MOST],
        header.first("content-location"),
    )


# The steps.


def _parameters(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    for count, found in enumerate(_PARAMETER.finditer(value)):
        if count == _MOST:
            return
        quoted = found[2]
        yield found[1], found[3].strip() if quoted is None else _PAIR.sub(rb"\1", quoted)


def _word(value: bytes) -> bytes:
    found = _TOKEN.match(value.strip())
    return found[0] if found else b""


def _ignore(defect: str) -> None:
    """Defects are nobody's concern here."""
