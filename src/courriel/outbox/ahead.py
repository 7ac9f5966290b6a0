"""
How many mails of a lane are marked ahead of their end: as many as its server serves while one commit is on its way.

What is marked and has no result on the disk is unsure when the worker dies, so the number is small; but a mark costs a
commit, so it is not one. A server that is measured to answer so many mails a second gets as many as it serves in a
round trip and 50 ms more.
"""

from __future__ import annotations

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
        self._least = min(LEAST, most)
        self._permitted: dict[str, float] = {}
        self._began: float | None = None  # the round of measuring
        self._answers = 0
        self._trip = self._last_trip = float("inf")  # the shortest time to an answer, of this round and the last

    def permitted(self, ident: str, now: float) -> None:
        """The end of this mail may leave."""
        if self._began is None:
            self._began = now
        elif self._answers and now - self._began >= _SPAN:
            # At a permit, and never at an answer: those that were read in one piece belong to the same round.
            self._measure(now - self._began)
            self._began = now
        self._permitted[ident] = now

    def answered(self, ident: str, now: float) -> None:
        """There is a result of this one; nothing is learned from one whose end was not permitted."""
        began = self._permitted.pop(ident, None)
        if began is not None:
            self._answers += 1
            self._trip = min(self._trip, now - began)

    def rest(self) -> None:
        """Nothing is being sent: the time until it is says nothing of the server."""
        self._permitted.clear()
        self._began, self._answers = None, 0

    # The steps.

    def _measure(self, seconds: float) -> None:
        trip = min(self._trip, self._last_trip)
        served = self._answers / seconds * (trip + _SPAN)
        self.number = min(self.most, max(self._least, round(served)))
        self._last_trip, self._trip, self._answers = self._trip, float("inf"), 0
