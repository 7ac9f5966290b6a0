"""
Number of mails of a lane that are marked ahead of their end: as many as the server accepts during one commit.

A marked mail without a stored result is unsure when the worker dies, so the number is small; but each mark costs a
commit, so it is not one. From the measured speed of the server, it is the number of mails answered in a round trip and
50 ms more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from courriel.outbox.store.states import LeaseId

FIRST, LEAST, MOST = 12, 4, 32
"""Mails marked ahead at the start, at least (unless the user sets fewer), and at most (unless the user sets more)."""

_SPAN = 0.05  # seconds of work marked beyond a round trip
_FAR, _ROUNDS = 0.02, 6  # seconds of a round trip above which so many rounds count instead of two
_NOISE = 0.01  # seconds
_SLOW = 0.002  # seconds for one mail above which a commit in another thread is free
_EARLY = 8  # answers after which a fast server is known, before the first measurement ends
_ROUND = 0.1  # seconds of one measurement, at least a round trip
_TRY_MORE = 16  # transactions until a server is tried with twice as many recipients
_GAP = 0.002  # seconds of silence before a new burst of answers: from a distant server they come in bursts


class Ahead:
    """The number of marks ahead for one lane on one session; `most` is its upper limit.

    Each end that may leave and each answer is reported with its time, in seconds of a monotonic clock.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        # A user who sets more prefers the rate to few unsure mails.
        self.number = min(FIRST, most) if most <= MOST else most // 2
        """How many mails may be marked without a stored result."""
        self.in_doubt: set[LeaseId] = set()
        """Leases of mails that are marked in the store and have no stored result."""
        self.slow = True
        """Whether the server is slower than a commit, so that another thread stores results and marks in the meantime.
        """
        self.recipients: int | None = None
        """How many recipients the server takes in one transaction, as far as is known; None for any number."""
        self._whole = 0  # transactions with so many that it took
        self._reserved = 0
        self._least = min(LEAST, most)
        self._permitted: dict[LeaseId, float] = {}
        self._heaps = 0  # bursts of answers since the last rest
        self._heap = 0.0  # time at which the last one began
        self._early = 0  # answers before the first measurement, from `_start` on: the time of the first permit
        self._start: float | None = None
        self._began: float | None = None  # start of the measurement
        self._answers = 0
        self._last = float("-inf")  # time of the last answer
        self._rounds: deque[int] = deque(maxlen=_ROUNDS)
        # Shortest time to an answer since the last rest, and before it, of first mails, which waited for no other.
        self._trip = self._last_trip = float("inf")

    def room(self, settled: Iterable[LeaseId] = ()) -> int:
        """How many mails may be marked by a commit that settles these, or marks them again."""
        return max(0, self.number - len(self.in_doubt.difference(settled)) - self._reserved)

    def reserve(self, mails: int) -> None:
        """Reserve marks for a claim that is being committed; 0 when it is done."""
        self._reserved = mails

    def took(self, recipients: int, limit: int | None) -> None:
        """Record that the server took so many recipients in one transaction; `limit` when it refused others.

        After some transactions twice as many are tried: the reason may have been a passing one.
        """
        if limit is not None:
            self.recipients, self._whole = limit, 0
        elif self.recipients is not None and recipients >= self.recipients:
            self._whole += 1
            if self._whole == _TRY_MORE:
                self.recipients, self._whole = self.recipients * 2, 0

    @contextmanager
    def reserving(self) -> Generator[None]:
        """Context of a claim that may reserve marks; its reservation ends with it."""
        try:
            yield
        finally:
            self._reserved = 0

    def permitted(self, lease: LeaseId, now: float) -> None:
        """Record that the end of this mail may leave."""
        self._permitted[lease] = now
        self._start = now if self._start is None else self._start

    def answered(self, lease: LeaseId, now: float) -> None:
        """Record the result of a mail; one whose end was not permitted is not measured."""
        left = self._permitted.pop(lease, None)
        if left is None:
            return
        self._trip = min(self._trip, now - left)
        if not self._rounds:
            self._look_early(now)
        since = now - self._heap  # a steady flow has no bursts
        if now - self._last >= _GAP or (since >= _ROUND and since >= self._round):
            self._heap = now
            self._begin_heap(now)
        self._last = now
        self._answers += 1

    def rest(self) -> None:
        """Pause the measurement while nothing is sent; the round trip is measured anew afterwards."""
        self._permitted.clear()
        self._began, self._heaps = None, 0
        self._early, self._start = 0, None
        if self._trip < float("inf"):
            # The round trip may be longer now, but more likely this answer waited for us.
            self._trip, self._last_trip = float("inf"), min(self._trip, self._last_trip * 1.1)

    # The steps.

    def _look_early(self, now: float) -> None:
        """Recognise a fast server by its first answers: a measurement takes as long as hundreds of its mails.

        The time counts from the first permit on, so that a heap of answers from afar does not look like speed.
        """
        self._early += 1
        if self._start is None or self._early < _EARLY or self._early & (self._early - 1):
            return  # looked at after 8, 16, 32 ... answers
        each = (now - self._start) / self._early
        if each < _SLOW:
            self.slow = False
            self.number = min(self.most, max(self.number, round(_SPAN / max(each, _SPAN / self.most))))

    @property
    def _shortest(self) -> float:
        trip = min(self._trip, self._last_trip)
        return trip if trip < float("inf") else 0.0

    def _begin_heap(self, now: float) -> None:
        """Start or finish a round of measurement, which lasts from one burst of answers to another; a steady flow has
        none.
        """
        self._heaps += 1
        # From near by they come in bursts only after a pause, of ours or of the server: it counts, and so do they.
        since = now if self._shortest > _FAR else self._last
        if self._began is None and self._heaps > 1:  # the first burst answers the first mail, which was sent alone
            self._began, self._answers = since, 0
        elif self._began is not None and self._answers and since - self._began >= self._round:
            self._measure(since - self._began)
            self._began, self._answers = since, 0

    @property
    def _round(self) -> float:
        trip = self._shortest
        return trip * 0.9 if trip > _FAR else _ROUND

    def _measure(self, seconds: float) -> None:
        each = seconds / self._answers
        self.slow = each >= _SLOW
        # The server's own time per mail is no part of the round trip, nor are delays of a busy machine.
        trip = max(0.0, self._shortest - each - _NOISE)
        served = round((trip + _SPAN) / each)
        self._rounds.append(served)
        # The best of some rounds: a window too small for the distance makes the server look slow.
        recent = list(self._rounds)[-(_ROUNDS if trip > _FAR else 2) :]
        self.number = min(self.most, max(self._least, *recent))
