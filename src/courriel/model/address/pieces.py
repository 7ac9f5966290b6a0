"""Lists of addresses as text, split at their commas."""

from __future__ import annotations

from courriel._lazy_re import expression
from courriel.model.address.refusal import refusal

LONGEST_LIST = 200_000  # characters of a list in one string
MOST_ADDRESSES = 5_000  # addresses of a list in one string

# Text of a list without separators: quoted strings and literals are skipped in one match.
_LIST_STRIDE = expression(r'[^"<>\[\](),:;]+|"(?:[^"\\]|\\.)*"|\[[^\[\]]*\]')


def split_list(text: str) -> list[str]:
    """Split a list at its commas, in one pass: not inside quotes, brackets or literals."""
    parts = pieces_of(text, strict=True)
    if not all(part.strip(" \t") for part in parts):
        raise refusal(text, "nothing stands between two commas")
    return parts


def pieces_of(text: str, *, strict: bool = False) -> list[str]:
    """Split a text at commas and semicolons, in one pass: not inside quotes, brackets or literals.

    With `strict` it is a list of RFC 5322: InvalidAddress for a semicolon or a colon, an open quote, and too many
    items.
    """
    parts: list[str] = []
    start = position = 0
    inside = False
    while position < len(text):
        stride = _LIST_STRIDE.match(text, position)
        if stride:
            position = stride.end()
            continue
        character = text[position]
        if character == "<":
            inside = True
        elif character == ">":
            inside = False
        elif inside:
            pass
        elif character == "," or (character == ";" and not strict):
            parts.append(text[start:position])
            start = position + 1
            if strict and len(parts) >= MOST_ADDRESSES:
                raise refusal(text, f"the list has more than {MOST_ADDRESSES} addresses")
        elif strict and character in ";:":
            raise refusal(text, "addresses are set apart by commas, and groups are not taken")
        if character == '"':
            if strict:
                raise refusal(text, "a quote is never closed")
            break  # behind an open quote the text is not split
        position += 1
    parts.append(text[start:])
    return parts
