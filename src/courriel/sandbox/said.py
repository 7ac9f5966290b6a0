"""Dialogue of the session that brought a mail: its lines with their times, and which of them are about this mail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from courriel.dialogue.server.handler import NotedLine, NotedLines

_BEGINNING = 30  # lines of a session's beginning that are kept with a mail in a file: greeting, EHLO, TLS, login


@dataclass(frozen=True, slots=True)
class SaidLine:
    """One line: `seconds` since the session began, side (client "C", server "S", event "*"), text without secrets."""

    seconds: float
    who: str
    text: str
    about: bool = False
    """Whether it is of this mail: from its MAIL to the end of its content."""


class Said:
    """Lines of a session. While the session goes on there are more of them, up to the transcript's limit."""

    __slots__ = ("_source", "_until")

    def __init__(self, source: Iterable[NotedLine] = (), *, until: float = float("inf")) -> None:
        """`until` is the time of the last line about the mail."""
        self._source = source
        self._until = until

    @classmethod
    def of(cls, noted: NotedLines | None) -> Said:
        """Make it when the content of the mail has just come."""
        return cls() if noted is None else cls(noted, until=noted.elapsed)

    @classmethod
    def stored(cls, rows: Sequence[Sequence[object]]) -> Said:
        """Make it from rows of seconds, side and text, as a file has them."""
        return cls([SaidLine(float(str(seconds)), str(who), str(text)) for seconds, who, text in rows])

    def lines(self) -> list[SaidLine]:
        """All lines so far, those of this mail marked."""
        found = [(line.seconds, line.who, line.text) for line in self._source]
        begins = max(
            (
                index
                for index, (seconds, who, text) in enumerate(found)
                if who == "C" and text[:5].upper() == "MAIL " and seconds <= self._until
            ),
            default=0,
        )
        return [
            SaidLine(seconds, who, text, index >= begins and seconds <= self._until)
            for index, (seconds, who, text) in enumerate(found)
        ]

    def rows(self, most: int) -> list[tuple[float, str, str]]:
        """The beginning of the session and the lines up to the end of this mail, to be stored: at most so many."""
        found = [(line.seconds, line.who, line.text) for line in self._source]
        return found if len(found) <= most else found[:_BEGINNING] + found[_BEGINNING - most :]
