"""
Tags of HTML where a browser sees them (HTML standard, 13.2.5): outside of comments, quotes, scripts and styles.

No browser says beforehand how it will read what follows an element of foreign kinds (SVG, a list of choices): its tree
decides, and a mail may be made so that we decide otherwise. From there on whatever could be a tag counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from courriel._lazy_re import expression

MOST_ATTRIBUTES = 500
"""Attributes of one tag; a browser compares each with all before it."""
MOST_READ = 20
"""How often the document may be read over, where tags may stand within the quotes of others."""

_SPACE = "\\t\\n\\f\\r "
_VALUE = rf""""[^"]*+"?|'[^']*+'?|[^{_SPACE}>"'][^{_SPACE}>]*+"""
_ATTRIBUTE = rf"[^{_SPACE}/>][^{_SPACE}/>=]*+(?:[{_SPACE}]*+=[{_SPACE}]*+(?:{_VALUE})?+)?+"
_TAG = expression(rf"</?[a-zA-Z][^{_SPACE}/>]*+(?:[{_SPACE}/]*+{_ATTRIBUTE}){{0,{MOST_ATTRIBUTES}}}+[{_SPACE}/]*+(>)?")
_BEGINNING = expression(rf"<(?:(/?)([a-zA-Z][^{_SPACE}/>]{{0,15}})|!--|[!?/])")
_END_OF_COMMENT = expression(r"--!?>")
_RAW = {name: expression(rf"(?i)</{name}(?=[{_SPACE}/>])") for name in ("script", "style", "title", "textarea")}
_AMBIGUOUS = frozenset({
    "frameset", "iframe", "math", "noembed", "noframes", "noscript", "plaintext", "select", "svg", "template", "xmp",
})  # fmt: skip


class Mark(NamedTuple):
    """One tag: where it stands, its name in lower case (of a long one the beginning), and what is known of it."""

    start: int
    end: int
    name: str
    closing: bool
    certain: bool
    """Whether a browser sees a tag here; otherwise it may."""
    crowded: bool
    """Whether it has too many attributes: the last mark."""


def marks(html: str) -> Iterator[Mark]:
    """Tags in order, up to one with too many attributes; linear."""
    certain = True
    position = read = 0  # all before `position` is taken: by a tag, a comment, a script
    for found in _BEGINNING.finditer(html):
        start = found.start()
        if found[2] is None:
            if certain and start >= position:
                position = _end_of_comment(html, start)
            continue
        if certain and start < position:
            continue
        tag = _TAG.match(html, start)
        end = tag.end() if tag is not None else start
        read += end - start
        ended = tag is not None and (tag[1] is not None or end == len(html))
        name = found[2].lower()
        if not ended or read > MOST_READ * len(html):
            yield Mark(start, end, name, closing=bool(found[1]), certain=certain, crowded=True)
            return
        certain = certain and name not in _AMBIGUOUS
        yield Mark(start, end, name, bool(found[1]), certain, crowded=False)
        position = end
        if certain and not found[1] and name in _RAW:
            closing = _RAW[name].search(html, end)
            position = closing.start() if closing is not None else len(html)
            # A comment in a script may hide the end of the script.
            certain = name != "script" or html.find("<!--", end, position) < 0


# The steps.


def _end_of_comment(html: str, start: int) -> int:
    """Offset behind a comment, a declaration, or a closing tag without a name."""
    if not html.startswith("<!--", start):
        return html.find(">", start) + 1 or len(html)
    for short in (">", "->"):
        if html.startswith(short, start + 4):
            return start + 4 + len(short)
    end = _END_OF_COMMENT.search(html, start + 4)
    return end.end() if end is not None else len(html)
