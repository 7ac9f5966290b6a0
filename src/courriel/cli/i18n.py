"""Translation of the command line: every text is a pair, French and English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from courriel._dataclass import dataclass
from courriel.failures import language, speak, spoken


@dataclass(frozen=True, slots=True)
class Bilingual:
    """A text in both languages; `str()` returns the one for the current language."""

    fr: str
    en: str

    def __str__(self) -> str:
        return say(self.fr, self.en)


def say(fr: str, en: str) -> str:
    """The text for the current language."""
    return fr if language() == "fr" else en


def label(fr: str, en: str) -> str:
    """A label with a colon; French has a space before it."""
    return say(f"{fr} : ", f"{en}: ")


def choose(arguments: Sequence[str]) -> None:
    """Set the language from `--lang` before parsing; without it the locale decides.

    This comes before the argument parser, since help texts and errors are translated too. The parser reports an invalid
    value.
    """
    speak(None)
    for index, word in enumerate(arguments):
        if word == "--":
            return
        name, _, value = word.partition("=")
        if name == "--lang":
            chosen = value or (arguments[index + 1] if index + 1 < len(arguments) else "")
            if chosen in ("fr", "en"):
                speak("fr" if chosen == "fr" else "en")


class TranscriptLine(Protocol):
    """One line of a `Transcript`."""

    @property
    def seconds(self) -> float: ...
    @property
    def who(self) -> str: ...
    @property
    def text(self) -> str: ...


def transcript_line(line: TranscriptLine) -> str:
    """One line of a transcript: our remarks in the current language, client and server data unchanged."""
    ours = line.who == "*" or line.text.endswith("(not shown: a secret)") or line.text.startswith("(")
    return f"{line.seconds:8.3f} {line.who}: {visible(spoken(line.text) if ours else line.text)}"


def visible(text: str) -> str:
    """Text from outside in one line, with control and invisible characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "backslashreplace").decode()
        for character in text
    )
