"""Everything of a template below the header as one bytes format: bodies and boundaries in one formatting step."""

from __future__ import annotations

from collections.abc import Mapping

from courriel.compose.body_template import BodyTemplate
from courriel.wire.mime.parts import first_boundary, multipart_header, text_header

_BOUNDARY = b"=boundary"  # not a valid placeholder name
_CR, _LF, _EQUALS, _UNDERSCORE = b"\r\n=_"


class PreEncoded:
    """A text or multipart/alternative body, built once for all rows whose values contain no line end.

    `wide`: it holds bytes above 127; `dotless`: no line of it starts with a dot.
    """

    __slots__ = ("_format", "_keys", "_marks", "_room", "_some_ascii", "_unlike", "dotless", "wide")

    def __init__(self, bodies: tuple[BodyTemplate, ...]) -> None:
        self.dotless = all(body.dotless for body in bodies)
        self.wide = not all(body.ascii for body in bodies)
        self._room = min(body.room for body in bodies)
        self._some_ascii = any(body.ascii for body in bodies)
        keys = {placeholder.key for body in bodies for placeholder in body.pattern.placeholders}
        self._keys = tuple((key, key.encode()) for key in keys)
        self._format, self._marks = self._joined_format(bodies)
        # The fixed text contains no start of a boundary, not even where the value between two parts is empty.
        self._unlike = b"=_" not in self._format % dict.fromkeys([key for _, key in self._keys] + [_BOUNDARY], b"")

    def fill(self, values: Mapping[str, str], message_id: str, eight_bit: bool) -> bytes | None:
        """The same bytes as `wire.mime` makes of these bodies; None where a full build is needed."""
        octets = {key: values[name].encode() for name, key in self._keys}
        whole = b"".join(octets.values())
        if len(whole) > self._room or _LF in whole or _CR in whole:
            return None
        if (self.wide and not eight_bit) or (self._some_ascii and not whole.isascii()):
            return None
        if not self._marks:
            return self._format % octets
        octets[_BOUNDARY] = boundary = first_boundary(message_id)
        data = self._format % octets
        if self._unlike and _EQUALS not in whole and _UNDERSCORE not in whole:
            return data
        return data if data.count(boundary) == self._marks else None

    # The steps.

    def _joined_format(self, bodies: tuple[BodyTemplate, ...]) -> tuple[bytes, int]:
        """The format, and the number of boundaries in it."""
        parts = [text_header(body.kind, "7bit" if body.ascii else "8bit") + body.format for body in bodies]
        if len(parts) == 1:
            return parts[0], 0
        boundary = b"%(" + _BOUNDARY + b")b"
        bounded = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
        header = multipart_header("alternative", boundary, self.wide)
        return b"%b%b--%b--\r\n" % (header, bounded, boundary), len(parts) + 2
