"""Several recipients in one string, `Email.Destinataire = "a@x.fr; b@y.fr"`: splitting without validation."""

from __future__ import annotations

from courriel.model.address.pieces import LONGEST_LIST, pieces_of
from courriel.wlangage.structures.lists import MOST


def split_recipients(text: str) -> list[str]:
    """Split at semicolons and commas, not within a name: `Dupont, Jean <jean@x.fr>; "A; B" <a@x.fr>` are two.

    A part without `@` before one in angle brackets is the start of its name, and gets the missing quotes. Addresses are
    validated when the mail is sent; a list that is too long stays one text, which is invalid. A separator at the end is
    ignored.
    """
    if len(text) > LONGEST_LIST:
        return [text]
    cut: list[str] = []
    start = 0
    begun = ""
    for piece in pieces_of(text):
        end = start + len(piece)
        separator = text[end : end + 1]
        start = end + 1
        if "@" in piece or not piece.strip():
            cut.append(_named(begun, piece) if begun else piece.strip())
            begun = ""
        else:
            begun += piece + separator
    if begun:
        cut.append(begun.strip())
    while cut and not cut[-1]:
        cut.pop()
    return cut if cut and len(cut) <= MOST else [text]


# The steps.


def _named(begun: str, piece: str) -> str:
    """A name with a separator, quoted, and its address; texts that do not form one address stay one text."""
    name, bracket, rest = (begun + piece).partition("<")
    if not bracket or "@" in name or '"' in name or "\\" in name:
        return (begun + piece).strip()
    return f'"{name.strip()}" <{rest.strip()}'
