"""Several recipients in one string, as `Email.Destinataire = "a@x.fr; b@y.fr"` has them: cut, and not yet looked at."""

from __future__ import annotations

from courriel.model.address import LONGEST_LIST, pieces_of
from courriel.wlangage.lists import MOST


def split_recipients(text: str) -> list[str]:
    """Cut at semicolons and commas, never within a name: `Dupont, Jean <jean@x.fr>; "A; B" <a@x.fr>` are two.

    A piece without an `@` before one in angle brackets is the beginning of its name, and gets the quotes that it lacks.
    Nothing is an address yet: what is none is said when the mail is sent, and a list without end is one text that is
    none. A separator at the end is left out.
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
    """A name with a separator in it, in quotes, and its address; two texts that do not belong together stay one."""
    name, bracket, rest = (begun + piece).partition("<")
    if not bracket or "@" in name or '"' in name or "\\" in name:
        return (begun + piece).strip()
    return f'"{name.strip()}" <{rest.strip()}'
