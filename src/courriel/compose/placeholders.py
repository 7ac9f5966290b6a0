"""
Placeholders in a text, `Hello {name}`: parsed when a template is made, filled for each message.

A placeholder is a name in braces and nothing else: no attribute, no index, no format, so that neither a template nor a
row can access the program's objects. Literal braces are doubled, `{{` and `}}`. In HTML a value is escaped, unless the
template (never the row) says `{name!raw}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from courriel._dataclass import dataclass
from courriel.model.checks.header import refusal

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_RAW = "!raw"
LONGEST_NAME = 100  # characters of a placeholder name


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A placeholder; `escapes`: its value is escaped for HTML."""

    name: str
    escapes: bool = False

    @property
    def key(self) -> str:
        """Key of its value in the mapping for `format`, which holds plain and escaped values."""
        return self.name + "!escaped" if self.escapes else self.name


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with placeholders: literal text and placeholders, in order."""

    pieces: tuple[str | Placeholder, ...]
    format: str
    """The same for the `%` operator and a mapping, which is the fastest way to fill it."""

    @classmethod
    def parse(cls, field: str, text: str, *, html: bool = False) -> Pattern:
        """Parse the placeholders. Raises InvalidMessage, naming the field, for anything else in braces."""
        pieces: list[str | Placeholder] = []
        literal = ""
        position = 0
        for token in _TOKEN.finditer(text):
            literal += text[position : token.start()]
            position = token.end()
            if token[0] in ("{{", "}}"):
                literal += token[0][0]
                continue
            placeholder = _placeholder(field, token[0], token[1], html)
            pieces += (literal, placeholder) if literal else (placeholder,)
            literal = ""
        literal += text[position:]
        return cls.of(*pieces, *((literal,) if literal else ()))

    @classmethod
    def of(cls, *pieces: str | Placeholder) -> Pattern:
        """A pattern of these parts."""
        written = [
            f"%({piece.key})s" if isinstance(piece, Placeholder) else piece.replace("%", "%%") for piece in pieces
        ]
        return cls(pieces, "".join(written))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Its placeholders, repeated ones included."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Placeholder))

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with a value for each placeholder."""
        return self.format % values


def needs_escaping(text: str) -> bool:
    """Whether the text has a character special in HTML; most have none, and skip five replacements."""
    return "&" in text or "<" in text or ">" in text or '"' in text or "'" in text


def escaped(value: str) -> str:
    """Text escaped for HTML, between tags or in a quoted attribute."""
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return value.replace('"', "&quot;").replace("'", "&#x27;")


# The steps.


def _placeholder(field: str, written: str, inside: str | None, html: bool) -> Placeholder:
    if inside is None:
        raise refusal(field, f"a {written} stands alone; one that is meant is doubled, {written * 2}")
    name = inside.removesuffix(_RAW)
    if not name.isidentifier() or len(name) > LONGEST_NAME:
        raise refusal(
            field,
            f"{written!r:.100} is not a hole: a name in braces, and nothing else; braces that are meant are doubled",
        )
    if name != inside and not html:
        raise refusal(field, f"{written}: !raw is for HTML; everywhere else a value is put in as it is")
    return Placeholder(name, escapes=html and name == inside)
