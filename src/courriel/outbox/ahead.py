"""
How many mails of a lane are marked ahead of their end: as many as its server serves while one commit is on its way.

What is marked and has no result on the disk is unsure when the worker dies, so the number is small; but a mark costs a
commit, so it is not one. A server that is measured to answer so many mails a second gets as many as it serves in a
round trip and 50 ms more.
"""

from __future__ import annotations

from collections.abc import Iterable

FIRST, LEAST, MOST = 12, 4, 32
"""Mails marked ahead to begin with, never fewer (unless asked to), and at most (unless asked for more)."""

_SPAN = 0.05  # seconds: of a round of measuring, and of work that is marked beyond a round trip


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
        self._least = min(LEAST, most)
        self._permitted: dict[str, float] = {}
        self._began: float | None = None  # the round of measuring
        self._ends: float | None = None
        self._answers = 0
        self._trip = float("inf")  # the shortest time to an answer: of the first, which waited behind no other

    def room(self, settled: Iterable[str] = ()) -> int:
        """How many mails may be marked by a commit that settles these, or marks them anew."""
        return max(0, self.number - len(self.in_doubt.difference(settled)))

    def permitted(self, ident: str, now: float) -> None:
        """The end of this mail may leave."""
        if self._began is None:
            self._began = now
        elif self._ends is None and self._answers and now - self._began >= _SPAN:
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
        self._answers, self._trip = 0, float("inf")

    # The steps.

    def _measure(self, seconds: float) -> None:
        served = self._answers / seconds * (self._trip + _SPAN)
        self.number = min(self.most, max(self._least, round(served)))
        self._answers = 0
