"""
How many mails of a lane are marked ahead of their end: as many as its server serves while one commit is on its way.

What is marked and has no result on the disk is unsure when the worker dies, so the number is small; but a mark costs a
commit, so it is not one. A server that is measured to answer so many mails a second gets as many as it serves in a
round trip and 50 ms more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

FIRST, LEAST, MOST = 12, 4, 32
"""Mails marked ahead to begin with, never fewer (unless asked to), and at most (unless asked for more)."""

_SPAN = 0.05  # seconds of work that is marked beyond a round trip
_FAR, _ROUNDS = 0.02, 6  # seconds of a round trip from which on so many rounds count, and not two
_NOISE = 0.01  # seconds
_SLOW = 0.002  # seconds for one mail, beside which a commit by another thread costs nothing
_ROUND = 0.1  # seconds that are measured at a time, and two round trips at least: answers from far away come in heaps


class Ahead:
    """The number for one lane on one session; `most` is the highest that it may reach.

    It is told of each end that may leave and of each answer, with the time in seconds (monotonic).
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.number = min(FIRST, most)
        """How many mails may be marked and have no result on the disk."""
        self.in_doubt: set[str] = set()
        """As the disk has it: marked, and no result is written."""
        self.slow = True
        """Whether the server takes so long for a mail that results are written down, and marks made, by the way."""
        self._reserved = 0
        self._least = min(LEAST, most)
        self._permitted: dict[str, float] = {}
        self._began: float | None = None  # the round of measuring
        self._ends: float | None = None
        self._answers = 0
        self._rounds: deque[int] = deque(maxlen=_ROUNDS)
        # The shortest time to an answer since the last rest, and before it: of a first one, which waited for no other.
        self._trip = self._last_trip = float("inf")

    def room(self, settled: Iterable[str] = ()) -> int:
        """How many mails may be marked by a commit that settles these, or marks them anew."""
        return max(0, self.number - len(self.in_doubt.difference(settled)) - self._reserved)

    def reserve(self, mails: int) -> None:
        """So many may be marked by a claim that is on its way, and by nobody else; 0: it has come."""
        self._reserved = mails

    def permitted(self, ident: str, now: float) -> None:
        """The end of this mail may leave."""
        if self._began is None:
            self._began = now
        elif self._ends is None and self._answers and now - self._began >= max(_ROUND, 2 * self._shortest):
            self._ends = now
        self._permitted[ident] = now

    def answered(self, ident: str, now: float) -> None:
        """There is a result of this one; nothing is learned from one whose end was not permitted."""
        began = self._permitted.pop(ident, None)
        if began is None:
            return
        if self._began is not None and self._ends is not None:
            # A round ends at a permit, because answers that were read in one piece belong together; and the number
            # does not change before the first answer after it, because permits are given in one piece too.
            self._measure(self._ends - self._began)
            self._began, self._ends = self._ends, None
        self._answers += 1
        self._trip = min(self._trip, now - began)

    def rest(self) -> None:
        """Nothing is being sent: the time until it is says nothing of the server, and the round trip is taken anew."""
        self._permitted.clear()
        self._began = self._ends = None
        self._answers = 0
        if self._trip < float("inf"):
            # The line may have become longer, but more likely this one had to wait for us.
            self._trip, self._last_trip = float("inf"), min(self._trip, self._last_trip * 1.1)

    # The steps.

    @property
    def _shortest(self) -> float:
        trip = min(self._trip, self._last_trip)
        return trip if trip < float("inf") else 0.0

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
        self._answers = 0
