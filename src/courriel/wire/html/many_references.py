"""
Ampersands and no-break spaces of HTML that has very many, kept from the cleaner and put back behind it.

The cleaner writes both as references, and for each looks through the rest of its text: a megabyte of ampersands takes
it half a minute. Where that would cost more than a second, characters that no text has stand for them meanwhile.
"""

from __future__ import annotations

from courriel._lazy_re import expression
from courriel.wire.html.tokens import unescape

TYPE_CHECKING = False

if TYPE_CHECKING:
    import re

MOST_LOOKED_AT = 10_000_000_000
"""Characters that the cleaner looks at, ampersands and no-break spaces times length: a second."""

_AMPERSAND, _SPACE = "\ufdd0", "\ufdd1"  # noncharacters: they are for nobody but oneself (Unicode, 23.7)
_REFERENCE = expression(r"&[#a-zA-Z0-9]*+;?|[\xa0\ufdd0\ufdd1]")
_STANDING = {"\xa0": _SPACE, _AMPERSAND: "\ufffd", _SPACE: "\ufffd"}


def masked(html: str) -> str | None:
    """The HTML without ampersands and no-break spaces; None where it may keep them."""
    if (html.count("&") + html.count("\xa0")) * len(html) <= MOST_LOOKED_AT:
        return None
    return _REFERENCE.sub(_stand_in, html)


def unmasked(cleaned: str) -> str:
    """HTML that the cleaner made of masked HTML, with references in their places."""
    return cleaned.replace(_AMPERSAND, "&amp;").replace(_SPACE, "&nbsp;")


# The steps.


def _stand_in(found: re.Match[str]) -> str:
    written = found[0]
    if written in _STANDING:
        return _STANDING[written]
    # Without a semicolon most are the parameters of links.
    meant = unescape(written) if written.endswith(";") else written
    if meant == "\xa0":
        return _SPACE
    if meant.startswith("&"):
        return _AMPERSAND + meant[1:]
    return written if meant.isspace() or meant in "<>\"'" else meant
