"""Elements of a mail's HTML, read once for all checks: bounded, and lenient as browsers are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from courriel.wire.html.references import opening_tags

LONGEST = 600_000
"""Characters of HTML that are checked."""
MOST_ELEMENTS = 20_000
MOST_ATTRIBUTES = 60  # of an element
MOST_SHEETS = 500


@dataclass(frozen=True, slots=True)
class Element:
    """One start tag; names in lower case, `line` counts from 1."""

    tag: str
    attributes: dict[str, str]
    line: int


@dataclass(frozen=True)
class Elements:
    """Start tags in order, the style sheets within, and whether all were read."""

    found: tuple[Element, ...]
    sheets: tuple[str, ...]
    whole: bool


def elements_of(html: str) -> Elements:
    """Read the elements of HTML; never raises for what is in it."""
    found: list[Element] = []
    sheets: list[str] = []
    read = html[:LONGEST]
    line, counted = 1, 0
    for tag in opening_tags(read, conditional=False):
        if len(found) == MOST_ELEMENTS:
            break
        line += read.count("\n", counted, tag.start)
        counted = tag.start
        attributes = {name: tag.value(name) for name in islice(tag.attributes, MOST_ATTRIBUTES)}
        found.append(Element(tag.name, attributes, line))
        if tag.name == "style" and len(sheets) < MOST_SHEETS:
            sheets.append(read[tag.end : tag.content_end])
    return Elements(tuple(found), tuple(sheets), len(html) <= LONGEST and len(found) < MOST_ELEMENTS)
