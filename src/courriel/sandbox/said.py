"""Dialogue of the session that brought a mail: its lines with their times, and which of them are about this mail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from courriel.dialogue.server.handler import NotedLine


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

    def __init__(self, source: Iterable[NotedLine] = (), *, until: float | None = None) -> None:
        """`until` is the time of the last line about the mail; by default that of the last line so far."""
        self._source = source
        if until is None:
            last: NotedLine | None = None
            for last in source:  # noqa: B007 - the last one is what is wanted
                pass
            until = last.seconds if last is not None else 0.0
        self._until = until

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
