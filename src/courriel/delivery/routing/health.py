"""
Health of several ways out: which works, which rests after a failure, and who tries a resting one again.

A way that failed rests for ten seconds, then twice as long after each further failure, up to five minutes; after a
refused login five minutes at once, because each try counts against the account. When its rest is over, one caller tries
it (half-open), and all others still pass it by until that try has succeeded. A way that rests is used all the same when
no other is left: a mail is not refused by a guess.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Collection, Iterable
from time import monotonic

from courriel import errors
from courriel.network import forks

REST, LONGEST_REST = 10.0, 300.0
"""Seconds for which a way rests after its first failure, and at most: as long as a lane of the outbox, about."""
LONGEST_ASKED = 3600.0
"""Seconds for which it rests at most because its server asks for patience (Retry-After)."""


class WayHealth:
    """Health of `number` ways, shared by all threads; `clock` gives seconds, and never goes back.

    After a fork the child process begins with healthy ways: it has its own connections, and learns by itself.
    """

    def __init__(
        self,
        number: int,
        *,
        clock: Callable[[], float] = monotonic,
        rest: float = REST,
        longest: float = LONGEST_REST,
    ) -> None:
        self._number, self._clock = number, clock
        self._rest, self._longest = rest, max(rest, longest)
        self._after_fork()
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        self._lock = allocate_lock()
        self._fails = [0] * self._number  # failures in a row
        self._until = [0.0] * self._number  # end of the rest of a way that failed
        self._turn = 0

    def pick(self, excluded: Collection[int] = (), *, rotating: bool = False) -> int | None:
        """Index of the way to be used next, the first one that works; None when all are excluded.

        With `rotating` it is the one after the last that was picked so. A way whose rest is over is given to one caller
        for a try, and rests for the others.
        """
        with self._lock:
            order = [each for each in self._in_order(rotating) if each not in excluded]
            found = next((each for each in order if self._may_be_tried(each)), order[0] if order else None)
            if found is not None and rotating:
                self._turn = found + 1
            return found

    def rests(self, way: int) -> bool:
        """Whether a way failed a moment ago, and is not to be tried yet."""
        with self._lock:
            return self._fails[way] > 0 and self._clock() < self._until[way]

    def works(self, way: int) -> None:
        """Record that a way took a mail."""
        if self._fails[way]:
            with self._lock:
                self._fails[way] = 0

    def failed(self, way: int, error: errors.CourrielError) -> None:
        """Record that a way failed, and not because of one mail."""
        with self._lock:
            self._fails[way] = self._fails[way] + 1
            asked = min(error.retry_after or 0.0, LONGEST_ASKED)
            self._until[way] = self._clock() + max(self._seconds(self._fails[way], is_login(error)), asked)

    # The steps.

    def _in_order(self, rotating: bool) -> Iterable[int]:
        start = self._turn % self._number if rotating else 0
        return (*range(start, self._number), *range(start))

    def _may_be_tried(self, way: int) -> bool:
        if not self._fails[way]:
            return True
        now = self._clock()
        if now < self._until[way]:
            return False
        # Who tries it may never come back to tell: after another rest somebody else may.
        self._until[way] = now + self._seconds(self._fails[way], login=False)
        return True

    def _seconds(self, fails: int, login: bool) -> float:
        return self._longest if login else min(self._rest * 2.0 ** min(fails - 1, 10), self._longest)


def is_login(error: errors.CourrielError) -> bool:
    """Whether a login was refused for good, so that only a person can mend it."""
    if isinstance(error, errors.AuthenticationRefused):
        return error.reply.kind == 5
    return isinstance(error, errors.TokenRefused) or error.hint_id == "PROXY-LOGIN-REFUSED"
