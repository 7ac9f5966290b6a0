"""
The rate of a lane: pure rules for how many mails may leave now, and when the next one may.

Two rules hold together. Mails leave one gap apart, so that one which is put while others wait has its turn soon; who
came late to a moment catches up. And no more than the rate's number are counted in any stretch of its time, by what can
be known: a mail is counted from the moment of its claim until `per` seconds after its answer, for it reached the server
in between. So no window at the server holds more than the rate, however slow the lines, and whatever the clocks of the
machines say: all moments are the store's.

Between claim and answer a mail has a slot that is good for a while. Who dies with it keeps others waiting no longer
than that.
"""

from __future__ import annotations

from math import floor

from courriel._dataclass import dataclass
from courriel.session.pool.throttle import Rate

_SHORTEST_SLOT, _LONGEST_SLOT = 2.0, 30.0  # seconds: for a connection to be opened; a slow one has its slots renewed
_CATCH_UP = 1.0  # seconds: who comes to a slot so late was not idle, but busy, or not woken in time
_ROUNDING = 1e-6  # seconds: what moments since 1970 lose as floating numbers
_CLOCK_STEP = 0.001  # seconds: less is rounding
_PARTS = 512  # of the time of a rate, to which moments are rounded up: as many rows are kept at most


@dataclass(frozen=True, slots=True)
class RateState:
    """A lane's rate at a moment; times are seconds from then.

    `tat` is when the next mail may leave by the gap, `used` how many mails are counted; `oldest` and `newest` are the
    last moments at which the first and the last of them can have reached the server.
    """

    gap: float
    per: float
    tat: float
    used: int = 0
    oldest: float | None = None
    newest: float | None = None

    @property
    def good_for(self) -> float:
        """Seconds that a slot is good for."""
        return good_for(self.per)

    @property
    def most(self) -> int:
        """How many mails may leave in `per` seconds."""
        return max(1, round(self.per / self.gap))

    def room(self, most: int) -> int:
        """How many mails may be claimed now, `most` at most."""
        return max(0, min(most, self._by_gap, self.most - self.used))

    def after(self, claimed: int, room: int) -> tuple[float, float]:
        """When the next mail may leave, by the gap and by what left lately, now that so many of `room` are claimed."""
        tat = min(self.tat, self.gap)
        if claimed:
            tat = claimed * self.gap - self._late
            if claimed < room:
                tat = max(tat, self.gap)  # nothing waits any more: what was missed is not made up for
        if self.used + claimed < self.most:
            return tat, 0.0
        first_over = self.good_for if self.oldest is None else min(self.oldest, self.good_for)
        return tat, self.per + first_over + _ROUNDING

    # The steps.

    @property
    def _late(self) -> float:
        """Seconds since the last moment that was missed; 0 when the lane was idle."""
        late = -self.tat
        return late if 0 < late <= max(self.gap, _CATCH_UP) else 0.0

    @property
    def _by_gap(self) -> int:
        return 0 if self.tat > 0 else 1 + floor(self._late / self.gap)


def in_lane(rate: Rate | None) -> dict[str, float | None]:
    """A rate as a lane keeps it."""
    return {"gap": None, "per": None} if rate is None else {"gap": rate.gap, "per": rate.seconds}


def good_for(per: float) -> float:
    """Seconds that a slot of a rate with this time is good for."""
    return max(_SHORTEST_SLOT, min(per, _LONGEST_SLOT))


def wait(gap: float | None, tat: float, per: float | None, free: float) -> float:
    """Seconds until a rate lets the next mail leave.

    A moment that is further away than any can be was set by a clock that has been put back since: it is looked into.
    """
    if not gap:
        return 0.0
    per = per or gap
    by_gap = 0.0 if is_beyond(tat, gap) else tat
    by_window = 0.0 if is_beyond(free, per + good_for(per)) else free
    return max(0.0, by_gap, by_window)


def is_beyond(moment: float, furthest: float) -> bool:
    """Whether a moment is further away than it can be: the clock was put back."""
    return moment > furthest + _CLOCK_STEP


def rounded_up(moment: float, per: float) -> float:
    """The moment of the row in which a mail is counted that was answered at this one."""
    part = per / _PARTS
    return (floor(moment / part) + 1) * part
