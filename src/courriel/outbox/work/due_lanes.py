"""
Which lanes have something to do: asked once for all lanes, and by one thread for all threads of a worker.

An outbox may know thousands of lanes of which few have mail. A worker asks one question a second when nothing happens,
and at once when somebody in its own process has put something. A question that takes long is asked less often.
"""

from __future__ import annotations

import time
from random import random
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from courriel._dataclass import dataclass
from courriel.network import forks
from courriel.outbox.store.base import Store
from courriel.outbox.work.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Collection

LOOK = 1.0  # seconds between two looks at what other processes have put
_LONGEST_LOOK = 5.0
_SHARE = 150  # a look takes no more than this part of a core: together with all else, less than a hundredth
_SERVER_SHARE = 20  # and no more than this part of a database server's, as far as can be told from here
_SPREAD = 0.01  # seconds
_NO_WAY = 10.0  # seconds until it is tried again to find a way for a lane that has none here


@dataclass(frozen=True, slots=True)
class Due:
    """The lanes to serve now, and in how many seconds the next look is worth while."""

    lanes: tuple[str, ...]
    pause: float
    limited: float | None = None
    """In how many seconds the rate of a lane that has mail lets it leave; None when no mail waits for a rate alone."""


class DueLanes:
    """For all threads of one worker; `only` restricts it to some lanes."""

    def __init__(self, store: Store, bell: Wakeup, only: Collection[str] | None = None) -> None:
        self._store, self._bell, self._only = store, bell, only
        self._without_way: dict[str, float] = {}
        self._lock = Lock()
        self._rung, self._idle_until = -1, float("-inf")
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        self._lock = Lock()

    def look(self, *, fresh: bool = False) -> Due:
        """What is due; where another thread has found nothing a moment ago, it is not asked again. Raises OutboxError.

        `fresh` asks in any case.
        """
        with self._lock:
            left = self._idle_until - monotonic()
            if not fresh and left > 0 and self._rung == self._bell.rung:
                return Due((), left)
            self._rung = self._bell.rung
            began, used = monotonic(), time.thread_time()
            found = [lane for lane in self._store.due_lanes() if self._serves(lane.name)]
            costs = _SHARE * (time.thread_time() - used), _SERVER_SHARE * (monotonic() - began)
            pause = min(max(LOOK, *costs), _LONGEST_LOOK)
            lanes = tuple(lane.name for lane in found if not lane.wait)
            limited = min((lane.wait for lane in found if lane.wait), default=None)
            if limited is not None:
                # Workers of one lane do not all ask for the same slot at the same moment.
                pause = min(pause, limited + _SPREAD * random())  # noqa: S311 - no secret
            self._idle_until = began + pause if not lanes else float("-inf")
            return Due(lanes, pause, limited)

    def has_no_way(self, lane: str) -> bool:
        """This process does not know where the lane leads: leave it alone for a while. Whether that is news."""
        news = lane not in self._without_way
        self._without_way[lane] = monotonic() + _NO_WAY
        return news

    def _serves(self, lane: str) -> bool:
        if self._only is not None and lane not in self._only:
            return False
        return self._without_way.get(lane, 0.0) <= monotonic()
