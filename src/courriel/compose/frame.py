"""Text and HTML of a template as one format for octets: both bodies, their headers and boundaries in one stroke."""

from __future__ import annotations

from collections.abc import Mapping

from courriel.compose.body import Body
from courriel.wire.parts import Part, boundaries_of, multipart_header, text_header

_BOUNDARY = b"=boundary"  # no hole can be called so


class Frame:
    """A multipart/alternative that is nested once, for all rows whose values stay within their lines."""

    __slots__ = ("_dotless", "_format", "_keys", "_room", "_some_ascii", "_wide")

    def __init__(self, bodies: tuple[Body, ...]) -> None:
        self._room = min(body.room for body in bodies)
        self._dotless = all(body.dotless for body in bodies)
        self._wide = not all(body.ascii for body in bodies)
        self._some_ascii = any(body.ascii for body in bodies)
        boundary = b"--%(" + _BOUNDARY + b")b"
        parts = [
            b"".join((boundary, b"\r\n", text_header(body.kind, "7bit" if body.ascii else "8bit"), body.format))
            for body in bodies
        ]
        self._format = b"\r\n".join([*parts, boundary + b"--\r\n"])
        keys = {hole.key for body in bodies for hole in body.pattern.holes}
        self._keys = tuple((key, key.encode()) for key in keys)

    def fill(self, values: Mapping[str, str], message_id: str, eight_bit: bool) -> Part | None:
        """The part that `wire.mime.nested` makes of both bodies, to the octet; None where that takes a closer look."""
        octets = {key: values[name].encode() for name, key in self._keys}
        whole = b"".join(octets.values())
        if len(whole) > self._room or b"\n" in whole or b"\r" in whole:
            return None
        if (self._wide and not eight_bit) or (self._some_ascii and not whole.isascii()):
            return None
        octets[_BOUNDARY] = boundary = next(boundaries_of(message_id))
        body = self._format % octets
        if body.count(boundary) != 3:
            return None
        header = multipart_header("alternative", boundary, self._wide)
        return Part(header, (body,), len(body), True, self._wide, self._dotless)
