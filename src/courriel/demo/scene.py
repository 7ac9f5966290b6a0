"""A scene: what is done, the lines that do it in either language, and by what one knows that they did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import Template
from textwrap import dedent
from typing import TYPE_CHECKING

from courriel.failures import by_id, language
from courriel.values import dataclass

if TYPE_CHECKING:
    from courriel.sandbox.letter import Letter


@dataclass(frozen=True, slots=True)
class Both:
    """A text in French and in English; `str()` says the one that is spoken now."""

    fr: str
    en: str

    def __str__(self) -> str:
        return self.fr if language() == "fr" else self.en


@dataclass(frozen=True, slots=True)
class Played:
    """A scene that has been played: the very lines that ran, what they printed, what the server got by them."""

    number: int
    title: str
    code: str
    said: str
    letters: tuple[Letter, ...]
    mishap: str
    """What went otherwise than announced; empty when nothing did."""


Proof = Callable[[str, Sequence["Letter"]], bool]
"""Whether the scene did what it says, judged by what was printed and by what arrived."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`code` is Python with `$names` for what is only known when the server is open (its ports, its authority)."""

    title: Both
    code: Both
    proof: Proof

    def written(self, **places: object) -> str:
        """The lines to show and to run, complete."""
        return Template(dedent(str(self.code)).strip("\n")).substitute(places)


def one_letter(*, tls: bool, user: str = "ada", html: bool = False) -> Proof:
    """Nothing was complained about and one mail arrived: this way, after this login."""

    def holds(said: str, letters: Sequence[Letter]) -> bool:
        if len(letters) != 1:
            return False
        (letter,) = letters
        whole = not html or (bool(letter.html) and bool(letter.text) and bool(letter.attachments))
        return bool(letter.tls_version) is tls and letter.user == user and "é" in letter.subject and whole

    return holds


def explained_as(*failure_ids: str) -> Proof:
    """Nothing arrived, and each of these failures was explained: cause or name, and remedy, in the language spoken."""

    def holds(said: str, letters: Sequence[Letter]) -> bool:
        known = [by_id(each) for each in failure_ids]
        return not letters and all(each is not None and (each.id in said or each.cause.in_() in said) for each in known)

    return holds
