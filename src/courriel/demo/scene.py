"""One step of the demo: title, code in both languages, and a check of its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import Template
from textwrap import dedent
from typing import TYPE_CHECKING

from courriel._dataclass import dataclass
from courriel.failures import by_id, language

if TYPE_CHECKING:
    from courriel.types import CapturedMessage


@dataclass(frozen=True, slots=True)
class Both:
    """A text in French and English; `str()` returns the one for the current language."""

    fr: str
    en: str

    def __str__(self) -> str:
        return self.fr if language() == "fr" else self.en


@dataclass(frozen=True, slots=True)
class Played:
    """The result of a step: the lines that ran, their output, the mail received."""

    number: int
    title: str
    code: str
    output: str
    letters: tuple[CapturedMessage, ...]
    failure: str
    """The error, or a difference from the expected result; empty on success."""


Proof = Callable[[str, Sequence["CapturedMessage"]], bool]
"""Check of a step: from its output and the mail received, whether it did what its title says."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One step; `code` is Python with `$names` for values of the running server (ports, CA file)."""

    title: Both
    code: Both
    proof: Proof

    def written(self, **places: object) -> str:
        """The code with its `$names` replaced."""
        return Template(dedent(str(self.code)).strip("\n")).substitute(places)


def one_letter(*, tls: bool, user: str = "ada", html: bool = False) -> Proof:
    """Check that one mail arrived, with or without TLS, after this login."""

    def holds(output: str, letters: Sequence[CapturedMessage]) -> bool:
        if len(letters) != 1:
            return False
        (letter,) = letters
        whole = not html or (bool(letter.html) and bool(letter.text) and bool(letter.attachments))
        return bool(letter.tls_version) is tls and letter.user == user and "é" in letter.subject and whole

    return holds


def explained_as(*failure_ids: str) -> Proof:
    """Check that no mail arrived, and that the output explains each of these failures in the current language."""

    def holds(output: str, letters: Sequence[CapturedMessage]) -> bool:
        known = [by_id(each) for each in failure_ids]
        return not letters and all(
            each is not None and (each.id in output or each.cause.in_() in output) for each in known
        )

    return holds
