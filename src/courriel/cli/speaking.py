"""Two languages: every text that a user of the command sees stands here as a pair, French and English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from courriel.failures import language, speak, spoken
from courriel.values import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages that is not said yet: `str()` says it."""

    fr: str
    en: str

    def __str__(self) -> str:
        return say(self.fr, self.en)


def say(fr: str, en: str) -> str:
    """The one of the two that is spoken now."""
    return fr if language() == "fr" else en


def label(fr: str, en: str) -> str:
    """A word before what it announces: French sets a space before the colon."""
    return say(f"{fr} : ", f"{en}: ")


def choose(arguments: Sequence[str]) -> None:
    """Take the language from `--lang` before anything is said; without it the locale decides.

    It is looked for here, ahead of the real reading, because help texts and complaints are spoken too. A word that is
    no language is complained about later.
    """
    speak(None)
    for place, word in enumerate(arguments):
        if word == "--":
            return
        name, _, value = word.partition("=")
        if name == "--lang":
            wished = value or (arguments[place + 1] if place + 1 < len(arguments) else "")
            if wished in ("fr", "en"):
                speak("fr" if wished == "fr" else "en")


class TranscriptLine(Protocol):
    """What iterating over a `Transcript` yields."""

    @property
    def seconds(self) -> float: ...
    @property
    def who(self) -> str: ...
    @property
    def text(self) -> str: ...


def transcript_line(line: TranscriptLine) -> str:
    """One line of a transcript: our own remarks in the language chosen, what client and server said as it is."""
    ours = line.who == "*" or line.text.endswith("(not shown: a secret)") or line.text.startswith("(")
    return f"{line.seconds:8.3f} {line.who}: {visible(spoken(line.text) if ours else line.text)}"


def visible(text: str) -> str:
    """Text from elsewhere, in one line, with whatever could steer a terminal shown as an escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "backslashreplace").decode()
        for character in text
    )
