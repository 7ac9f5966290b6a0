"""What goes wrong, and when: a list that follows from its seed, and is printed when a promise was broken."""

from __future__ import annotations

from random import Random

from chaos.lying_server import LIES
from courriel._dataclass import dataclass

WEIGHTS = {
    "kill sender": 6,
    "stop sender": 3,
    "kill producer": 2,
    "kill actor": 1,
    "lie": 5,
    "kill database": 1,
    "kill pooler": 1,
}
"""How often each happens beside the others."""

SHORTEST, LONGEST = 0.05, 0.5
"""Seconds between two events."""


@dataclass(frozen=True, slots=True)
class Event:
    """After so many seconds `what` happens, to the process of this `number`, or with these `lies`.

    `lasts` is how many seconds somebody is stopped: longer than a lease of moments, as a rule.
    """

    after: float
    what: str
    number: int = 0
    lies: tuple[str, ...] = ()
    lasts: float = 0.0


def schedule(seed: int, seconds: float, without: frozenset[str] = frozenset()) -> list[Event]:
    """Events for so many seconds: all lies at first, and then each kind that there is once, before any comes again."""
    chance = Random(seed)
    weights = {what: weight for what, weight in WEIGHTS.items() if what not in without}
    first = list(weights)
    chance.shuffle(first)
    events = [Event(0.0, "lie", lies=LIES)]
    passed = 0.0
    while passed < seconds:
        after = chance.uniform(SHORTEST, LONGEST)
        what = first.pop() if first else chance.choices(list(weights), list(weights.values()))[0]
        number = chance.randrange(100)
        lies = tuple(chance.sample(LIES, chance.randint(1, len(LIES))))
        lasts = chance.uniform(0.3, 2.5)
        events.append(Event(after, what, number, lies if what == "lie" else (), lasts if "stop" in what else 0.0))
        passed += after
    return events
