"""The form in a request: application/x-www-form-urlencoded or multipart/form-data (RFC 7578), short ones only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

LARGEST = 10_000
"""Octets of a form: the one that is asked for has thirty, and a browser's boundary adds two hundred."""
_MOST_FIELDS = 20
_BOUNDARY = re.compile(r"""boundary=(?:"([^"\r\n]{1,70})"|([!-:<-~]{1,70}))""", re.IGNORECASE)
_NAME = re.compile(
    rb'^content-disposition:[ \t]*form-data[ \t]*;(?:[^\r\n]*;)?[ \t]*name="?([^";\r\n]*)"?',
    re.IGNORECASE | re.MULTILINE,
)


class UnknownForm(ValueError):
    """Signal: the content type of a body is not that of a form."""


class BrokenForm(ValueError):
    """Signal: the body is not what its content type says."""


def fields_of(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Fields of a form, in their order; a body without a type is read as urlencoded. Raises UnknownForm, BrokenForm."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind in ("", "application/x-www-form-urlencoded"):
            return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        if kind == "multipart/form-data":
            return list(_parts(content_type, body))
    except ValueError:
        raise BrokenForm from None
    raise UnknownForm


# The steps.


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Name and value of each part. Raises ValueError for a form that is cut off."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise ValueError("no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + (found[1] or found[2]).encode("latin-1"), _MOST_FIELDS + 1)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        header, empty, value = piece.partition(b"\r\n\r\n")
        named = _NAME.search(header)
        if not empty or named is None:
            raise ValueError("no part of a form")
        yield named[1].decode(), value.decode()
    raise ValueError("no end")
