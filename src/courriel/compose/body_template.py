"""Text and HTML bodies of a template: lines without placeholders are encoded once, the others for each row."""

from __future__ import annotations

from collections.abc import Mapping

from courriel.compose.placeholders import Pattern, Placeholder
from courriel.model.content import has_long_line, is_dotless
from courriel.wire.mime.parts import Part, encoded_part
from courriel.wire.mime.transfer import (
    encode_base64,
    encode_quoted_printable,
    foreign_octets,
    pays_as_base64,
    with_crlf,
)

LONGEST_LINE = 998  # bytes without line end, RFC 5322 2.1.1


class Fixed:
    """Lines without placeholders, encoded."""

    __slots__ = ("data", "dotless", "dotless_qp", "foreign", "long", "qp")

    def __init__(self, text: str) -> None:
        self.data = with_crlf(text)
        self.qp = encode_quoted_printable(self.data)
        self.long = has_long_line(self.data)
        self.dotless, self.dotless_qp = is_dotless(self.data), is_dotless(self.qp)
        self.foreign = foreign_octets(self.data)


class BodyTemplate:
    """One text with placeholders, split at line ends: encoding, length and leading dot of each line are independent."""

    __slots__ = ("_lines", "_long", "ascii", "dotless", "format", "kind", "pattern", "room")

    def __init__(self, kind: str, pattern: Pattern) -> None:
        self.kind = kind
        self.pattern = Pattern.of(*[p if isinstance(p, Placeholder) else _with_lf(p) for p in pattern.pieces])
        self._lines = _fixed_and_variable_lines(self.pattern)
        fixed = [each for each in self._lines if isinstance(each, Fixed)]
        self._long = any(each.long for each in fixed)
        self.dotless = all(each.dotless for each in fixed)
        self.ascii = "".join(piece for piece in pattern.pieces if isinstance(piece, str)).isascii()
        """Whether the text without its placeholders is ASCII."""
        self.format, self.room = self._as_one_format()

    def part_of_lines(self, octets: Mapping[bytes, bytes], longest: int, eight_bit: bool) -> Part | None:
        """The same as `part`, for single-line values of `longest` bytes in all: one formatting step.

        None when such values might make a line too long, or start one with a dot.
        """
        if longest > self.room:
            return None
        whole = self.format % octets
        if whole.isascii():
            return encoded_part(self.kind, "7bit", whole, self.dotless)
        return encoded_part(self.kind, "8bit", whole, self.dotless) if eight_bit else None

    def part(self, values: Mapping[str, str], eight_bit: bool) -> Part:
        """The encoded body part for these values, equal to what `wire.mime` makes of the filled text."""
        pieces: list[bytes] = []
        long, dotless = self._long, self.dotless
        for stretch in self._lines:
            if isinstance(stretch, str):
                data = with_crlf(stretch % values)
                long = long or has_long_line(data)
                dotless = dotless and is_dotless(data)
                pieces.append(data)
            else:
                pieces.append(stretch.data)
        whole = b"".join(pieces)
        if not long:
            if whole.isascii():
                return encoded_part(self.kind, "7bit", whole, dotless)
            if eight_bit:
                return encoded_part(self.kind, "8bit", whole, dotless)
        return self._encoded_part(pieces, whole)

    # The steps.

    def _as_one_format(self) -> tuple[bytes, int]:
        """The whole as one bytes format, and the most bytes of values for which no line becomes too long.

        The number is -1 when no value is safe, also where a line starts with a dot, or with a placeholder, which may
        add one.
        """
        written = [
            f"%({piece.key})b".encode() if isinstance(piece, Placeholder) else with_crlf(piece.replace("%", "%%"))
            for piece in self.pattern.pieces
        ]
        room = -1 if self._long else LONGEST_LINE
        literal, placeholders = "\n", 0
        for piece in (*self.pattern.pieces, "\n"):
            if isinstance(piece, Placeholder):
                placeholders += 1
                if literal.endswith("\n"):
                    return b"".join(written), -1
                literal += "."
                continue
            rest, end, after = piece.partition("\n")
            literal += rest
            if end:
                if placeholders and literal.startswith("\n."):
                    return b"".join(written), -1
                if placeholders:
                    room = min(room, (LONGEST_LINE - len(literal.encode())) // placeholders)
                literal, placeholders = "\n" + after.rpartition("\n")[2], 0
        return b"".join(written), max(room, -1)

    def _encoded_part(self, pieces: list[bytes], whole: bytes) -> Part:
        foreign = 0
        for stretch, data in zip(self._lines, pieces, strict=True):
            foreign += stretch.foreign if isinstance(stretch, Fixed) else foreign_octets(data)
        if pays_as_base64(foreign, len(whole)):
            return encoded_part(self.kind, "base64", encode_base64(whole), True)
        coded: list[bytes] = []
        dotless = True
        for stretch, data in zip(self._lines, pieces, strict=True):
            if isinstance(stretch, Fixed):
                coded.append(stretch.qp)
                dotless = dotless and stretch.dotless_qp
            else:
                coded.append(encode_quoted_printable(data))
                dotless = dotless and is_dotless(coded[-1])
        return encoded_part(self.kind, "quoted-printable", b"".join(coded), dotless)


def _with_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _fixed_and_variable_lines(pattern: Pattern) -> tuple[str | Fixed, ...]:
    """Complete lines without placeholders, encoded, and complete lines with them, as formats; in order."""
    stretches: list[str | Fixed] = []
    live: list[str | Placeholder] = []
    for piece in pattern.pieces:
        if isinstance(piece, Placeholder):
            live.append(piece)
            continue
        if live:
            # The line of the last placeholder continues to its end.
            rest, end, following = piece.partition("\n")
            live.append(rest + end)
            if not end:
                continue
            stretches.append(Pattern.of(*live).format)
            live = []
        else:
            following = piece
        lines, end, begun = following.rpartition("\n")
        if end:
            stretches.append(Fixed(lines + end))
        if begun:
            live = [begun]
    if live:
        alone = len(live) == 1 and isinstance(live[0], str)
        stretches.append(Fixed(str(live[0])) if alone else Pattern.of(*live).format)
    return tuple(stretches)
