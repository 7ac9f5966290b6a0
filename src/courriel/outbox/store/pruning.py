"""
Pruning of old mails in short steps: a put that comes meanwhile waits for one step at most.

The number of mails in a step adapts to the speed of the disk. After each step the outbox is left to others for as long
as the step took, because a lock that is released and acquired again at once never reaches the next waiter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from courriel._dataclass import replace

if TYPE_CHECKING:
    from courriel.outbox.store.base import Store
    from courriel.outbox.store.jobs import Pruned

_GOAL = 0.01  # seconds of a step: a fifth of the longest acceptable wait of a put
_FEWEST, _FIRST, _MOST = 5, 10, 500  # mails in a step


class Pruning:
    """Deletes mails that were sent (or canceled), or failed, so many seconds ago.

    `rest` is called between two steps with the seconds of the pause, and ends the run by returning True; `clock` is a
    monotonic clock in seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        sent: float,
        failed: float,
        rest: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._sent, self._failed = store, sent, failed
        self._rest, self._clock = rest, clock
        self._most = _FIRST

    def run(self, seconds: float | None = None) -> Pruned:
        """Delete all of them, or as many as possible within `seconds`. Raises OutboxError."""
        began = self._clock()
        mails = 0
        while True:
            at = self._clock()
            # The age limit stays that of the start: otherwise mails that end meanwhile would keep it going for ever.
            late = at - began
            done = self._store.prune(sent=self._sent + late, failed=self._failed + late, most=self._most)
            mails += done.mails
            taken = self._clock() - at
            if not done.more or (seconds is not None and self._clock() - began >= seconds):
                return replace(done, mails=mails)
            if done.mails == self._most:
                self._adapt(taken)
            if self._rest(taken):
                return replace(done, mails=mails)

    def _adapt(self, taken: float) -> None:
        """Fewer mails in the next step, or up to twice as many, so that it takes what a step should."""
        fitting = int(self._most * _GOAL / taken) if taken > 0 else _MOST
        self._most = max(_FEWEST, min(fitting, 2 * self._most, _MOST))
