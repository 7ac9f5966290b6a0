"""How fast a pool walks: the rate that a provider allows, and giving way when a server asks for it (scar 36)."""

from __future__ import annotations

import re
from bisect import bisect_right

from courriel import errors
from courriel.model.receipt import Receipt
from courriel.reply import EnhancedCode, Reply
from courriel.values import dataclass

QUIET = 60.0  # seconds without a complaint after which we walk a little faster; providers count by the minute
_FIRST_GAP, _LONGEST_GAP = 1.0, 60.0  # seconds between two messages, after the first complaint and after many
_NO_GAP = 0.25  # below this a gap is forgotten

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"([1-9][0-9]{0,8})/([smhd])")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many messages in so many seconds at most, in any such stretch of time. Raises UsageError."""

    messages: int
    seconds: float

    def __post_init__(self) -> None:
        if self.messages < 1 or not 0 < self.seconds < float("inf"):
            raise errors.UsageError(f"{self.messages!r} messages in {self.seconds!r} s is not a rate")

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read "30/m": so many messages a second, minute, hour or day (s, m, h, d). Raises UsageError."""
        read = _RATE.fullmatch(text)
        if read is None:
            raise errors.UsageError(f"{text!r} is not a rate; write 30/m for thirty messages a minute (s, m, h, d)")
        return cls(int(read[1]), _UNITS[read[2]])

    @classmethod
    def of(cls, rate: Rate | str | None) -> Rate | None:
        """Take a rate as people give it: as text, or made already, or none."""
        return cls.parse(rate) if isinstance(rate, str) else rate

    def __str__(self) -> str:
        unit = next((name for name, seconds in _UNITS.items() if seconds == self.seconds), None)
        return f"{self.messages}/{unit}" if unit else f"{self.messages} in {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Gait:
    """How many sessions at once, and how many seconds from one message to the next, since the server complained."""

    sessions: int
    gap: float = 0.0
    since: float = float("-inf")

    @property
    def recovered(self) -> bool:
        """Whether there is nothing to get over."""
        return self.since == float("-inf")

    def now(self, now: float, size: int) -> Gait:
        """What it has become by itself: each quiet minute gives one session back, and halves the gap."""
        if self.recovered:
            return self
        if now - self.since >= QUIET * (size + 8):
            return Gait(size)
        steps = int((now - self.since) // QUIET)
        gap = self.gap / 2**steps
        return Gait(min(size, self.sessions + steps), gap if gap >= _NO_GAP else 0.0, self.since)

    def slowed(self, begun: float, now: float, size: int) -> Gait:
        """Half the sessions, and twice the gap, for a server that complained now of what was begun then.

        Four sessions that hear the same complaint at the same moment are one complaint: what was begun before we gave
        way the last time says nothing new.
        """
        if begun <= self.since:
            return self
        before = self.now(now, size)
        gap = min(max(_FIRST_GAP, before.gap * 2), _LONGEST_GAP)
        return Gait(max(1, before.sessions // 2), gap, now)


def asks_to_slow_down(outcome: Receipt | errors.CourrielError) -> bool:
    """Whether a server that answered so wants fewer connections or fewer messages: 421, 432, 4.7.0, 4.3.2."""
    if isinstance(outcome, Receipt):
        return not outcome.complete and any(map(_complains, outcome.refused.values()))
    if outcome.reply is None:
        return False
    if _complains(outcome.reply) or any(map(_complains, outcome.refused.values())):
        return True
    # What is said of one recipient (his mailbox gets too much) does not concern our speed.
    known = outcome.failure if outcome.stage != "recipient" else None
    return known is not None and known.id == "RATE-LIMITED"


def _complains(reply: Reply) -> bool:
    # 4.4.2 is how a server tells that it fell asleep.
    if reply.code == 421:
        return reply.enhanced != EnhancedCode(4, 4, 2)
    return reply.code == 432 or (reply.kind == 4 and reply.enhanced in (EnhancedCode(4, 7, 0), EnhancedCode(4, 3, 2)))


class Slots:
    """When the next message may leave: moments are given out in order, and may be given back."""

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._memory = max(_LONGEST_GAP, rate.seconds if rate else 0)  # seconds that still matter
        self._given: list[float] = []  # in order

    def reserve(self, now: float, gap: float = 0.0) -> float:
        """The moment at which one more message may leave: now, or later."""
        given = self._given
        del given[: bisect_right(given, now - self._memory)]
        moment = max(now, given[-1] + gap) if given else now
        if self._rate is not None and len(given) >= self._rate.messages:
            moment = max(moment, given[-self._rate.messages] + self._rate.seconds)
        given.append(moment)
        return moment

    def release(self, moment: float) -> None:
        """Nothing left at that moment after all."""
        if moment in self._given:
            self._given.remove(moment)
