"""
Rate of a lane: pure functions for how many mails may leave now, and when the next one may.

Two rules apply together. Mails leave one gap apart, so that a mail put while others wait has its turn soon; a missed
moment is made up for. And at most the rate's number of mails are counted in any period of `per` seconds: a mail counts
from its claim until `per` seconds after its answer, for it reached the server in between. So no period at the server
has more mails than the rate allows, however slow the connections, and whatever the clocks of the machines say: all
times are by the store's clock.

Between claim and answer a mail has a slot that expires. A worker that dies with it delays others no longer than that.
"""

from __future__ import annotations

from math import floor

from courriel._dataclass import dataclass
from courriel.session.pool.throttle import Rate

_SHORTEST_SLOT, _LONGEST_SLOT = 2.0, 30.0  # seconds: enough to open a connection; a slow one renews its slots
_CATCH_UP = 1.0  # seconds: a lane that is late by less was busy, or woken late, and not idle
_ROUNDING = 1e-6  # seconds: precision of seconds since 1970 as floats
_CLOCK_STEP = 0.001  # seconds: less is rounding
_PARTS = 512  # parts of a rate's period to which times are rounded up: the maximum of rows kept


@dataclass(frozen=True, slots=True)
class RateState:
    """State of a lane's rate; times are seconds from now.

    `tat` (theoretical arrival time) is when the gap allows the next mail, `used` the number of mails counted; `oldest`
    and `newest` are the latest times at which the first and the last of them can have reached the server.
    """

    gap: float
    per: float
    tat: float
    used: int = 0
    oldest: float | None = None
    newest: float | None = None

    @property
    def good_for(self) -> float:
        """Seconds until a slot expires."""
        return good_for(self.per)

    @property
    def most(self) -> int:
        """Number of mails allowed in `per` seconds."""
        return max(1, round(self.per / self.gap))

    def room(self, most: int) -> int:
        """Number of mails that may be claimed now, up to `most`."""
        return max(0, min(most, self._by_gap, self.most - self.used))

    def after(self, claimed: int, room: int) -> tuple[float, float]:
        """When the next mail may leave after a claim of `claimed` mails out of `room`: by the gap, and by the count."""
        tat = min(self.tat, self.gap)
        if claimed:
            tat = claimed * self.gap - self._late
            if claimed < room:
                tat = max(tat, self.gap)  # no mail waits any more: missed turns are not made up for
        if self.used + claimed < self.most:
            return tat, 0.0
        first_over = self.good_for if self.oldest is None else min(self.oldest, self.good_for)
        return tat, self.per + first_over + _ROUNDING

    # The steps.

    @property
    def _late(self) -> float:
        """Seconds since the last missed turn; 0 when the lane was idle."""
        late = -self.tat
        return late if 0 < late <= max(self.gap, _CATCH_UP) else 0.0

    @property
    def _by_gap(self) -> int:
        return 0 if self.tat > 0 else 1 + floor(self._late / self.gap)


def in_lane(rate: Rate | None) -> dict[str, float | None]:
    """Fields of a lane for a rate."""
    return {"gap": None, "per": None} if rate is None else {"gap": rate.gap, "per": rate.seconds}


def good_for(per: float) -> float:
    """Seconds until a slot of a rate with this period expires."""
    return max(_SHORTEST_SLOT, min(per, _LONGEST_SLOT))


def wait(gap: float | None, tat: float, per: float | None, free: float) -> float:
    """Seconds until a rate allows the next mail.

    An impossibly late time, left from before the clock was set back, counts as now; the claim corrects it.
    """
    if not gap:
        return 0.0
    per = per or gap
    by_gap = 0.0 if is_beyond(tat, gap) else tat
    by_window = 0.0 if is_beyond(free, per + good_for(per)) else free
    return max(0.0, by_gap, by_window)


def is_beyond(moment: float, furthest: float) -> bool:
    """Whether a time is impossibly late, because the clock was set back."""
    return moment > furthest + _CLOCK_STEP


def rounded_up(moment: float, per: float) -> float:
    """Time of the row in which a mail with this time of answer is counted."""
    part = per / _PARTS
    return (floor(moment / part) + 1) * part
