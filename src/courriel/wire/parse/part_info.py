"""MIME fields of a part: type, charset, file name, disposition."""

from __future__ import annotations

import re

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
    main, parameters = parameters_of(value_of(header.first("content-type"), report_defect), report_defect)
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
    disposition, more = parameters_of(value_of(header.first("content-disposition"), report_defect), report_defect)
    return PartInfo(
        content_type,
        parameters.get("charset", ""),
        boundary.encode("utf-8", "replace")[:_LONGEST_BOUNDARY],
        _word(header.first("content-transfer-encoding")),
        attached=disposition.lower() == "attachment",
        name=more.get("filename") or parameters.get("name", ""),
        content_id=one_line(value_of(header.first("content-id"), report_defect), report_defect).strip("<> ")[:500],
    )


# The steps.

_LONGEST_BOUNDARY = 900  # RFC 2046 allows 70, some senders write more; a line has 998


def _word(value: bytes) -> str:
    """First token of a value in lower case, without comments and a semicolon after it."""
    return _COMMENT.sub(b"", value).partition(b";")[0].strip(b' \t;"').decode("ascii", "replace").lower()[:60]
