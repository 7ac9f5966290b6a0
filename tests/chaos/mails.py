"""The mails of a chaos run: each follows from the seed, its producer and its number, so that a call can be repeated."""

from __future__ import annotations

from random import Random

from courriel import Message
from courriel._dataclass import dataclass

PRIORITIES = ("high", "normal", "low")

_TEXTS = 40  # lines of most
_LARGE = 20_000  # lines of one in a hundred: written ahead, and sent block by block


@dataclass(frozen=True, slots=True)
class Planned:
    """One mail, and how it is put: alone, with others, or in a transaction of the caller's that is committed or not."""

    key: str
    lane: str
    recipients: tuple[str, ...]
    priority: str
    on_unsure: str
    manner: str
    lines: int

    @property
    def message(self) -> Message:
        """As it is given to `put`. Its subject is its key: a mail that was taken back before it had an id has one."""
        text = f"{self.key}\n" * self.lines
        return Message(sender="ada@example.org", to=list(self.recipients), subject=self.key, text=text)


def planned(seed: int, producer: str, number: int, lanes: list[str]) -> Planned:
    """The mail of this number."""
    chance = Random(f"{seed} {producer} {number}")
    key = f"{producer}-{number}"
    several = chance.random() < 0.1
    recipients = tuple(f"{key}-{each}@example.net" for each in range(3 if several else 1))
    return Planned(
        key=key,
        lane=chance.choice(lanes),
        recipients=recipients,
        priority=chance.choice(PRIORITIES),
        on_unsure=chance.choice(("resend", "hold")),
        manner=chance.choices(("alone", "many", "committed", "abandoned"), (70, 18, 6, 6))[0],
        lines=_LARGE if chance.random() < 0.01 else chance.randrange(1, _TEXTS),
    )
