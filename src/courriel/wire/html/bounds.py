"""Bounds on the HTML of a mail, so that parsing it takes seconds at most.

Parsers of HTML look through all that is open at many a tag, compare each attribute of an element with those before it,
repeat formatting elements that were left open in every paragraph that follows, and move what stands between the cells
of a table one by one. A mail of a megabyte that is made for it takes minutes, and gigabytes.
"""

from __future__ import annotations

from courriel._lazy_re import expression
from courriel.wire.html.open_elements import OpenElements
from courriel.wire.html.tag_marks import marks

MOST_OPENING = 100_000
MOST_TAGS = 250_000
MOST_REPEATED = 5_000_000
"""Formatting elements times all elements: so many may the parser make of them."""

_FORMATTING = frozenset({"b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"})
_FORMATTING_TAG = expression(rf"(?i)<(/?)(?:{'|'.join(sorted(_FORMATTING))})(?=[\s/>])")


def bounded(html: str) -> str:
    """The HTML as far as it stays within the bounds, without formatting where there is too much of it. Linear."""
    opening = formatting = end = 0
    elements = OpenElements()
    for tags, mark in enumerate(marks(html)):
        if elements.between_cells:
            elements.take_text(html[end : mark.start])
        end = mark.end
        within = elements.take(mark.name, closing=mark.closing, certain=mark.certain)
        if mark.crowded or not within or opening == MOST_OPENING or tags == MOST_TAGS:
            html = html[: mark.start]
            break
        if not mark.closing:
            opening += 1
            formatting += mark.name in _FORMATTING
    if formatting * opening > MOST_REPEATED:
        return _FORMATTING_TAG.sub(r"<\1span", html)
    return html
