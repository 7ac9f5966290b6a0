"""MIME fields of a part: type, charset, file name, disposition."""

from __future__ import annotations

import re
from functools import lru_cache

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.parse.charsets.decoding import ReportDefect
from courriel.wire.parse.header import Header
from courriel.wire.parse.parameters import parameters_of
from courriel.wire.parse.words import one_line, value_of

_TYPE = expression(r"\s*([\w!#$&^+.*%'-]{1,100})\s*/\s*([\w!#$&^+.*%'-]{1,100})", re.ASCII)
_COMMENT = expression(rb"\([^()]*+\)")
_WHOLE_TYPES = {"text": "text/plain", "plain": "text/plain", "html": "text/html", "multipart": "multipart/mixed"}


@dataclass(frozen=True, slots=True)
class PartInfo:
    """MIME fields of one part, decoded. Missing or invalid ones have their defaults (RFC 2045 5.2)."""

    content_type: str = "text/plain"
    charset: str = ""
    boundary: bytes = b""
    encoding: str = ""
    attached: bool = False
    """Whether its disposition is `attachment`."""
    name: str = ""
    content_id: str = ""

    @property
    def is_multipart(self) -> bool:
        """Whether it holds other parts, and has a boundary."""
        return self.content_type.startswith("multipart/") and bool(self.boundary)


def part_info_of(header: Header, default_type: str, report_defect: ReportDefect) -> PartInfo:
    """Parse the MIME fields of a header."""
    content_type, disposition, encoding, content_id = [header.first(name) for name in _FIELDS]
    individual = disposition or content_id or b"boundary" in content_type or b"name" in content_type
    if individual or len(content_type) + len(encoding) > _LONGEST_KEPT:
        return _read(content_type, disposition, encoding, content_id, default_type, report_defect)
    info, defects = _known(content_type, encoding, default_type)
    for defect in defects:
        report_defect(defect)
    return info


# The steps.

_FIELDS = ("content-type", "content-disposition", "content-transfer-encoding", "content-id")
_LONGEST_BOUNDARY = 900  # RFC 2046 allows 70, some senders write more; a line has 998
_LONGEST_KEPT = 300  # octets of fields that are remembered


@lru_cache(maxsize=256)  # most letters of a mailbox have one of a few types, charsets and encodings
def _known(content_type: bytes, encoding: bytes, default_type: str) -> tuple[PartInfo, tuple[str, ...]]:
    """MIME fields, decoded, and the defects that they have."""
    defects: list[str] = []
    return _read(content_type, b"", encoding, b"", default_type, defects.append), tuple(defects)


def _read(
    type_field: bytes,
    disposition_field: bytes,
    encoding: bytes,
    content_id: bytes,
    default_type: str,
    report_defect: ReportDefect,
) -> PartInfo:
    main, parameters = parameters_of(value_of(type_field, report_defect), report_defect)
    found = _TYPE.match(main)
    content_type = (
        f"{found[1]}/{found[2]}".lower() if found else _WHOLE_TYPES.get(main.lower().rstrip("/"), default_type)
    )
    if main and not found:
        report_defect(f"{one_line(main[:60], report_defect)!r} is no content type; it is taken for {content_type}")
    boundary = parameters.get("boundary", "").rstrip()
    if content_type.startswith("multipart/") and not boundary:
        report_defect("a multipart without a boundary is shown as text")
        content_type = "text/plain"
    disposition, more = parameters_of(value_of(disposition_field, report_defect), report_defect)
    return PartInfo(
        content_type,
        parameters.get("charset", ""),
        boundary.encode("utf-8", "replace")[:_LONGEST_BOUNDARY],
        _word(encoding),
        attached=disposition.lower() == "attachment",
        name=more.get("filename") or parameters.get("name", ""),
        content_id=one_line(value_of(content_id, report_defect), report_defect).strip("<> ")[:500],
    )


def _word(value: bytes) -> str:
    """First token of a value in lower case, without comments and a semicolon after it."""
    return _COMMENT.sub(b"", value).partition(b";")[0].strip(b' \t;"').decode("ascii", "replace").lower()[:60]
