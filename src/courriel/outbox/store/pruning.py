"""
Forgetting old mails in short steps: whoever wants to put a mail meanwhile waits for one of them at most.

How many mails fit in a step is measured, because disks differ. After each step the outbox is left to others for as long
as the step took: a lock that is taken again at once would be taken from nobody who waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from courriel._dataclass import replace

if TYPE_CHECKING:
    from courriel.outbox.store.base import Pruned, Store

_GOAL = 0.01  # seconds for a step: a fifth of what nobody should wait
_FEWEST, _FIRST, _MOST = 5, 10, 500  # mails in a step


class Pruning:
    """Forgets mails that have been sent (or canceled), or failed, for so many seconds.

    `rest` is called between two steps with the seconds to leave the outbox to others, and ends it by answering True;
    `clock` counts seconds.
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
        """Forget all of them, or as many as may be forgotten in so many seconds. Raises OutboxError."""
        began = self._clock()
        mails = 0
        while True:
            at = self._clock()
            # As old as at the beginning: mails that end meanwhile would be followed for ever.
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
