"""
References of an HTML page to files: found where a mail program would load them, and replaced in place.

Pictures: `src` and `srcset` of images, `background`, `poster`, the `url(…)` of styles, the fills of Outlook (VML).
Style sheets: `<link rel=stylesheet>`, which becomes a `<style>`, and `@import`. Everything else stays as it is,
character by character; conditional comments of Outlook are read as HTML, other comments are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.html.css_references import CssFiles, as_sheet, with_css_references
from courriel.wire.html.tokens import ATTRIBUTE, BETWEEN, END_OF_BARE, EQUALS, RAW, TAG, unescape

_PICTURES = {
    "img": ("src",), "source": ("src",), "input": ("src",), "video": ("poster",),
    "v:fill": ("src",), "v:imagedata": ("src",), "v:image": ("src",),
}  # fmt: skip
_CANDIDATE = expression(r"[\s,]*+(\S++)([^,]*+)")


@dataclass(frozen=True, slots=True)
class Tag:
    """Opening tag: its name in lower case, where it stands, its attributes, and where raw content (CSS) ends."""

    name: str
    start: int
    end: int
    attributes: dict[str, tuple[int, int, str]]
    """By name in lower case: where the value stands, quotes included, and the value with its entities replaced."""
    content_end: int

    def value(self, name: str) -> str:
        """Value of an attribute, "" when there is none."""
        return self.attributes[name][2] if name in self.attributes else ""


def with_references(html: str, files: CssFiles) -> str:
    """The HTML with its references replaced; one that `files` has nothing for stays as it is. Linear."""
    pieces: list[str] = []
    done = 0
    for tag in opening_tags(html):
        for start, end, text in sorted(_changes(html, tag, files)):
            pieces += (html[done:start], text)
            done = end
    pieces.append(html[done:])
    return "".join(pieces)


def opening_tags(html: str, *, conditional: bool = True) -> Iterator[Tag]:
    """All opening tags, those in conditional comments included, if asked for; no character is scanned twice."""
    position = 0
    while (start := html.find("<", position)) >= 0:
        if html.startswith("<!--", start) and not (conditional and html.startswith("<!--[if", start)):
            position = html.find("-->", start + 2) + 3  # `<!-->` is a whole one
            if position < 3:
                return
            continue
        found = TAG.match(html, start)
        if found is None or found[1]:
            position = start + 1
            continue
        name = found[2].lower()
        attributes, position = _attributes(html, found.end())
        if position < 0:
            return
        content_end = position
        if name in RAW:
            closing = RAW[name].search(html, position)
            content_end = closing.start() if closing else len(html)
        yield Tag(name, start, position, attributes, content_end)
        position = content_end


# The steps.


def _changes(html: str, tag: Tag, files: CssFiles) -> Iterator[tuple[int, int, str]]:
    """Replacements in one HTML tag: start, end and text of each."""
    if tag.name == "link":
        words = tag.value("rel").lower().split()
        if "stylesheet" in words and "alternate" not in words:
            sheet = files.sheet(tag.value("href"))
            if sheet is not None:
                media = f' media="{escape(tag.value("media"))}"' if tag.value("media") else ""
                yield tag.start, tag.end, f"<style{media}>\n{as_sheet(sheet)}\n</style>"
        return
    if tag.name == "style":
        css = html[tag.end : tag.content_end]
        made = with_css_references(css, files)
        if made != css:
            yield tag.end, tag.content_end, as_sheet(made)
    for name in (*_PICTURES.get(tag.name, ()), "background"):
        if name in tag.attributes:
            start, end, value = tag.attributes[name]
            url = files.picture(value)
            if url is not None:
                yield start, end, f'"{escape(url)}"'
    if "srcset" in tag.attributes and tag.name in ("img", "source"):
        start, end, value = tag.attributes["srcset"]
        candidates = _with_candidates(value, files)
        if candidates is not None:
            yield start, end, f'"{escape(candidates)}"'
    if "style" in tag.attributes:
        start, end, value = tag.attributes["style"]
        made = with_css_references(value, files)
        if made != value:
            yield start, end, f'"{escape(made)}"'


def _with_candidates(value: str, files: CssFiles) -> str | None:
    """A `srcset` with its pictures replaced; None when none is."""
    candidates: list[str] = []
    changed = False
    position = 0
    while found := _CANDIDATE.match(value, position):
        address, rest = found[1], found[2]
        position = found.end()
        if address.endswith(","):
            # The comma ends the candidate: what follows is the next one.
            address, rest, position = address.rstrip(","), "", found.end(1)
        url = files.picture(address)
        changed = changed or url is not None
        candidates.append(f"{address if url is None else url} {rest.strip()}".rstrip())
    return ", ".join(candidates) if changed else None


def _attributes(html: str, position: int) -> tuple[dict[str, tuple[int, int, str]], int]:
    """Attributes of a tag, and the offset of its end, -1 when it has none; the same reading as `wire.html.tokens`."""
    found: dict[str, tuple[int, int, str]] = {}
    while True:
        between = BETWEEN.match(html, position)
        position = between.end() if between else position
        if position >= len(html):
            return found, -1
        if html[position] == ">":
            return found, position + 1
        name = ATTRIBUTE.match(html, position)
        if name is None:
            position += 1
            continue
        position = name.end()
        equals = EQUALS.match(html, position)
        if equals is None:
            found.setdefault(name[0].lower(), (position, position, ""))
            continue
        start = equals.end()
        quote = html[start : start + 1]
        if quote in ('"', "'"):
            end = html.find(quote, start + 1) + 1
            if not end:
                return found, -1
            value = html[start + 1 : end - 1]
        else:
            stop = END_OF_BARE.search(html, start)
            end = stop.start() if stop else len(html)
            value = html[start:end]
        found.setdefault(name[0].lower(), (start, end, unescape(value)))
        position = end
