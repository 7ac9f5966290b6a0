"""
Invisible characters, and those that change how others are displayed: removed from names that people trust.

Controls, line and paragraph separators, and all of Unicode's format characters (category Cf): marks of direction
(U+061C, U+202E, U+2066), soft hyphens (U+00AD), tags (U+E0041). Then letters and marks by category that are not drawn
all the same: fillers of Hangul, variation selectors.
"""

from __future__ import annotations

import unicodedata

_NEVER_DRAWN = frozenset(
    chr(number)
    for first, last in (
        (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x3164, 0x3164), (0xFFA0, 0xFFA0),
        (0xFE00, 0xFE0F), (0xE0100, 0xE01EF),
    )
    for number in range(first, last + 1)
)  # fmt: skip
_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def without_invisible(text: str) -> str:
    """Return the text without its invisible characters."""
    return text if text.isascii() and text.isprintable() else "".join(filter(is_visible, text))


def is_visible(character: str) -> bool:
    """Whether a character is displayed and moves no other; a space is visible."""
    return unicodedata.category(character) not in _CATEGORIES and character not in _NEVER_DRAWN
