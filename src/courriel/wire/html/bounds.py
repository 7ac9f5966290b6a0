"""Bounds on the HTML of a mail, so that parsing it takes seconds at most.

Parsers of HTML need time by the square of how deep elements stand within each other, and repeat formatting elements
that were left open in every paragraph that follows. A mail of a megabyte that is made for it takes minutes, and
gigabytes.
"""

from __future__ import annotations

import re

MOST_TAGS = 100_000
DEEPEST = 10_000
"""Tags that may stand within each other; each is counted, closed or not: what closes what is for the parser to know."""
MOST_REPEATED = 5_000_000
"""Formatting elements times all elements: so many may the parser make of them."""

_OPENING = re.compile(r"<([a-zA-Z][a-zA-Z0-9]{0,10})")
_FLAT = frozenset({"a", "br", "col", "hr", "img", "li", "p", "tbody", "td", "th", "thead", "tr"})
"""Elements that do not stand within their own kind by themselves: a table may have thousands."""
_FORMATTING = frozenset({"b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"})
_FORMATTING_TAG = re.compile(rf"<(/?)(?:{'|'.join(sorted(_FORMATTING))})(?=[\s/>])", re.IGNORECASE)


def bounded(html: str) -> str:
    """The HTML as far as it stays within the bounds, without formatting where there is too much of it. Linear."""
    tags = nested = formatting = 0
    for found in _OPENING.finditer(html):
        name = found[1].lower()
        if tags == MOST_TAGS or nested == DEEPEST:
            html = html[: found.start()]
            break
        tags += 1
        nested += name not in _FLAT
        formatting += name in _FORMATTING
    if formatting * tags > MOST_REPEATED:
        return _FORMATTING_TAG.sub(r"<\1span", html)
    return html
