"""Elements of a mail's HTML, read once for all checks: bounded, and lenient as browsers are."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

LONGEST = 600_000
"""Characters of HTML that are checked."""
MOST_ELEMENTS = 20_000


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
    reader = _Reader()
    for start in range(0, min(len(html), LONGEST), 50_000):
        reader.feed(html[start : min(start + 50_000, LONGEST)])
        if len(reader.found) >= MOST_ELEMENTS:
            break
    whole = len(html) <= LONGEST and len(reader.found) < MOST_ELEMENTS
    return Elements(tuple(reader.found[:MOST_ELEMENTS]), tuple(reader.sheets), whole)


# The steps.


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Element] = []
        self.sheets: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        if len(self.found) < MOST_ELEMENTS:
            attributes = {name: value or "" for name, value in attrs[:60]}
            self.found.append(Element(tag, attributes, self.getpos()[0]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style and len(self.sheets) < 500:
            self.sheets.append(data)
