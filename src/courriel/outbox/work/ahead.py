"""
How many mails of a lane are marked ahead of their end: as many as its server serves while one commit is on its way.

What is marked and has no result on the disk is unsure when the worker dies, so the number is small; but a mark costs a
commit, so it is not one. A server that is measured to answer so many mails a second gets as many as it serves in a
round trip and 50 ms more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from courriel.outbox.store.base import LeaseId

FIRST, LEAST, MOST = 12, 4, 32
"""Mails marked ahead to begin with, never fewer (unless asked to), and at most (unless asked for more)."""

_SPAN = 0.05  # seconds of work that is marked beyond a round trip
_FAR, _ROUNDS = 0.02, 6  # seconds of a round trip from which on so many rounds count, and not two
_NOISE = 0.01  # seconds
_SLOW = 0.002  # seconds for one mail, beside which a commit by another thread costs nothing
_ROUND = 0.1  # seconds that are measured at a time, and a round trip at least
_GAP = 0.002  # seconds of silence after which a heap of answers begins: they come in heaps from far away


class Ahead:
    """The number for one lane on one session; `most` is the highest that it may reach.

    It is told of each end that may leave and of each answer, with the time in seconds (monotonic).
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        # Whoever asks for more wants the rate more than certainty.
        self.number = min(FIRST, most) if most <= MOST else most // 2
        """How many mails may be marked and have no result on the disk."""
        self.in_doubt: set[LeaseId] = set()
        """As the disk has it: marked, and no result is written."""
        self.slow = True
        """Whether the server takes so long for a mail that results are written down, and marks made, by the way."""
        self._reserved = 0
        self._least = min(LEAST, most)
        self._permitted: dict[LeaseId, float] = {}
        self._heaps = 0  # of answers since the last rest
        self._first: float | None = None  # answer since then
        self._began: float | None = None  # the round of measuring
        self._answers = 0
        self._last = float("-inf")  # answer
        self._rounds: deque[int] = deque(maxlen=_ROUNDS)
        # The shortest time to an answer since the last rest, and before it: of a first one, which waited for no other.
        self._trip = self._last_trip = float("inf")

    def room(self, settled: Iterable[LeaseId] = ()) -> int:
        """How many mails may be marked by a commit that settles these, or marks them anew."""
        return max(0, self.number - len(self.in_doubt.difference(settled)) - self._reserved)

    def reserve(self, mails: int) -> None:
        """So many may be marked by a claim that is on its way, and by nobody else; 0: it has come."""
        self._reserved = mails

    def permitted(self, lease: LeaseId, now: float) -> None:
        """The end of this mail may leave."""
        self._permitted[lease] = now

    def answered(self, lease: LeaseId, now: float) -> None:
        """There is a result of this one; nothing is learned from one whose end was not permitted."""
        left = self._permitted.pop(lease, None)
        if left is None:
            return
        self._trip = min(self._trip, now - left)
        self._first = self._first or now
        if now - self._last >= _GAP or now - (self._began or self._first) >= max(_ROUND, self._round):
            self._begin_heap(now)
        self._last = now
        self._answers += 1

    def rest(self) -> None:
        """Nothing is being sent: the time until it is says nothing of the server, and the round trip is taken anew."""
        self._permitted.clear()
        self._began, self._first, self._heaps = None, None, 0
        if self._trip < float("inf"):
            # The line may have become longer, but more likely this one had to wait for us.
            self._trip, self._last_trip = float("inf"), min(self._trip, self._last_trip * 1.1)

    # The steps.

    @property
    def _shortest(self) -> float:
        trip = min(self._trip, self._last_trip)
        return trip if trip < float("inf") else 0.0

    def _begin_heap(self, now: float) -> None:
        """A round of measuring lasts from the beginning of one heap to that of another; a steady flow has no heaps."""
        self._heaps += 1
        if self._began is None and self._heaps > 1:  # the first one answers a first mail, sent alone
            self._began, self._answers = now, 0
        elif self._began is not None and self._answers and now - self._began >= self._round:
            self._measure(now - self._began)
            self._began, self._answers = now, 0

    @property
    def _round(self) -> float:
        trip = self._shortest
        return trip * 0.9 if trip > _FAR else _ROUND

    def _measure(self, seconds: float) -> None:
        each = seconds / self._answers
        self.slow = each >= _SLOW
        # Its own service is no part of the way there, nor is what a busy machine adds.
        trip = max(0.0, self._shortest - each - _NOISE)
        served = round((trip + _SPAN) / each)
        self._rounds.append(served)
        # The best of some rounds: a window that is too small for the distance makes its server look slow.
        recent = list(self._rounds)[-(_ROUNDS if trip > _FAR else 2) :]
        self.number = min(self.most, max(self._least, *recent))
