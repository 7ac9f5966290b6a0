"""
HTML tokenizer: tags and text, in one pass over the document.

The standard library's parser differs between Python versions, and takes quadratic time for malformed documents in
some; a mail must give the same text everywhere. Here no character is scanned twice: a comment, a tag or a quote that
is never closed extends to the end, as in a browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape as _unescape

from courriel._lazy_re import expression

TAG = expression(r"<(/?)([A-Za-z][^\s/>]*)")
BETWEEN = expression(r"[\s/]*")
ATTRIBUTE = expression(r"[^\s/>=][^\s/>=]*")
EQUALS = expression(r"\s*=\s*")
END_OF_BARE = expression(r"[\s>]")
# Elements whose content is no HTML; it ends at their own closing tag.
RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "title", "textarea")}

_LONG_NUMBER = expression(r"&#(?:([xX])([0-9a-fA-F]{8,})|([0-9]{8,}));?")
_MOST_DIGITS = 7  # U+10FFFF is 1114111

Attributes = dict[str, str]
Token = str | tuple[str, Attributes] | tuple[str, None]
"""Text (entities replaced), an opening tag with its attributes, or a closing tag; names in lower case."""


def tokens(html: str) -> Iterator[Token]:
    """Split HTML into text and tags; comments, declarations, and the content of scripts and styles are left out."""
    position = 0
    while (start := html.find("<", position)) >= 0:
        if start > position:
            yield unescape(html[position:start])
        if html.startswith("<!--", start):
            end = html.find("-->", start + 4)
            position = end + 3
        elif html.startswith(("<!", "<?"), start):
            end = html.find(">", start)
            position = end + 1
        elif tag := TAG.match(html, start):
            name = tag[2].lower()
            attributes: Attributes = {}
            end = position = _read_attributes(html, tag.end(), attributes)
            if end >= 0:
                yield (name, None) if tag[1] else (name, attributes)
                if name in RAW and not tag[1]:
                    closing = RAW[name].search(html, position)
                    end = position = closing.start() if closing else -1
        else:
            yield "<"
            end = position = start + 1
        if end < 0:
            return
    if position < len(html):
        yield unescape(html[position:])


def unescape(text: str) -> str:
    """Replace character references; a number beyond any code point becomes U+FFFD.

    The standard function converts the digits first, which takes quadratic time, and fails above 4,300 of them.
    """
    return _unescape(_LONG_NUMBER.sub(_shorter, text) if "&#" in text else text)


def _shorter(found: re.Match[str]) -> str:
    digits = (found[2] or found[3]).lstrip("0")
    if len(digits) > _MOST_DIGITS:
        return "\ufffd"
    return f"&#{found[1] or ''}{digits or 0};"


def _read_attributes(html: str, position: int, found: Attributes) -> int:
    """Read the attributes of a tag into `found`; return the offset of its end, or -1 when it has none."""
    while True:
        between = BETWEEN.match(html, position)
        position = between.end() if between else position
        if position >= len(html):
            return -1
        if html[position] == ">":
            return position + 1
        name = ATTRIBUTE.match(html, position)
        if name is None:
            # A lone `=`: skipped.
            position += 1
            continue
        position = name.end()
        value = ""
        if equals := EQUALS.match(html, position):
            position = equals.end()
            quote = html[position : position + 1]
            if quote in ('"', "'"):
                end = html.find(quote, position + 1)
                if end < 0:
                    return -1
                value, position = html[position + 1 : end], end + 1
            else:
                stop = END_OF_BARE.search(html, position)
                value = html[position : stop.start() if stop else len(html)]
                position += len(value)
        found.setdefault(name[0].lower(), unescape(value))
