"""Errors and warnings about a program's text: line, column, the place marked, what was expected, the nearest name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from courriel.failures import Language, Text
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.problem import ErreurWLangage


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a program: line and column, both from 1, and the length of the text meant, in characters."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Remark:
    """Error or warning about a place."""

    place: Place
    text: Text
    warning: bool = False


class ProgramError(ErreurWLangage):
    """A program that cannot be run: one or more remarks about its text. Nothing of it was executed."""

    def __init__(self, *remarks: Remark) -> None:
        super().__init__(remarks[0].text.fr, remarks[0].text.en)
        self.remarks = remarks


def marked(remark: Remark, lines: list[str], name: str, spoken: Language) -> str:
    """Return a remark as printed: file, line, column, what it says, and the line with the place marked below."""
    place = remark.place
    kind = {
        (True, "fr"): "avertissement", (True, "en"): "warning", (False, "fr"): "erreur", (False, "en"): "error",
    }[remark.warning, spoken]  # fmt: skip
    colon = " :" if spoken == "fr" else ":"
    head = f"{name}:{place.line}:{place.column}: {kind}{colon} {remark.text.in_(spoken)}"
    if not 1 <= place.line <= len(lines):
        return head
    line = lines[place.line - 1]
    shown = line.expandtabs(4)
    begin = len(line[: place.column - 1].expandtabs(4))
    end = len(line[: place.column - 1 + max(1, place.length)].expandtabs(4))
    # A long line is shown around the place.
    first = max(0, begin - 60)
    mark = " " * (begin - first) + "^" * max(1, min(end, first + 110) - begin)
    return f"{head}\n    {shown[first : first + 110]}\n    {mark}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like this one; "" for none."""
    forms: dict[str, str] = {}
    for each in known:
        forms.setdefault(folded(each), each)
    near = get_close_matches(folded(name), list(forms), 1, 0.7)
    return forms[near[0]] if near else ""


def suggestion(name: str) -> tuple[str, str]:
    """Return " ; vouliez-vous dire X ?" in both languages; empty for no name."""
    return (f" ; vouliez-vous dire {name} ?", f"; did you mean {name}?") if name else ("", "")
