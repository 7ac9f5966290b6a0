"""
DueLanes: lanes with due mails, found by one query of one thread for all threads of a worker.

They are served by priority, then by the time at which a thread last served them. A lane that has waited for half a
minute is served as if its mails were urgent: no lane starves behind urgent mails of others.

An outbox may know thousands of lanes of which few have mail. An idle worker queries once a second, and at once after a
put in its own process. A slow query is repeated less often.
"""

from __future__ import annotations

import time
from random import random
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import dataclass
from courriel.network import forks
from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import DueLane
from courriel.outbox.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Collection

LOOK = 1.0  # seconds between two queries for puts of other processes
_LONGEST_LOOK = 5.0
_SHARE = 150  # 1/150: part of a core that queries may use, so that an idle worker uses less than a hundredth
_SERVER_SHARE = 20  # 1/20: the same of a database server, by the time that its answers take
_SPREAD = 0.01  # seconds
_PATIENCE = 30.0  # seconds after which a lane is served before others of higher priority
_GLANCE = 0.25  # seconds between two queries for urgent mails of other lanes, while mails are sent
_NO_WAY = 10.0  # seconds until the next search for the transport of a lane that has none here


@dataclass(frozen=True, slots=True)
class Due:
    """Lanes to be served now, and the seconds until the next query."""

    lanes: tuple[str, ...]
    pause: float
    urgent: int = 0
    """How many of them, the first ones, are equally urgent."""
    limited: float | None = None
    """Seconds until the rate of a lane allows a waiting mail; None when no mail waits for a rate only."""


class DueLanes:
    """Due lanes for all threads of one worker; `only` restricts them to some lanes."""

    def __init__(self, store: Store, bell: Wakeup, only: Collection[str] | None = None) -> None:
        self._store, self._bell, self._only = store, bell, only
        self._without_way: dict[str, float] = {}
        self._lock = Lock()
        self._rung, self._idle_until = -1, float("-inf")
        self._served: dict[str, float] = {}  # when each due lane was served last, or seen first
        self._urgent: frozenset[str] = frozenset()
        self._glanced, self._glanced_at = -1, float("-inf")
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        self._lock = Lock()

    def look(self, *, fresh: bool = False) -> Due:
        """The due lanes; an empty result of another thread a moment ago is reused. Raises OutboxError.

        `fresh` queries in any case.
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
            lanes, urgent = self._in_order([lane for lane in found if not lane.wait], began)
            limited = min((lane.wait for lane in found if lane.wait), default=None)
            if limited is not None:
                # A random delay, so that the workers of a lane do not compete for the same slot.
                pause = min(pause, limited + _SPREAD * random())  # noqa: S311 - no secret
            self._idle_until = began + pause if not lanes else float("-inf")
            return Due(lanes, pause, urgent, limited)

    def order_for(self, due: Due, number: int) -> tuple[str, ...]:
        """The lanes in the order for one of several threads: equally urgent ones are begun at different places."""
        first, rest = due.lanes[: due.urgent], due.lanes[due.urgent :]
        return (*_rotated(first, number), *_rotated(rest, number))

    def serves(self, lane: str) -> None:
        """Note that a thread serves a lane now."""
        self._served[lane] = monotonic()

    def is_urgent_elsewhere(self, lane: str) -> bool:
        """Whether urgent mails of other lanes are due, so that a batch of others ends; a query now and then."""
        now = monotonic()
        pause = _GLANCE if self._bell.rung != self._glanced else LOOK
        if now - self._glanced_at < pause or not self._lock.acquire(blocking=False):
            return False
        try:
            self._glanced, self._glanced_at = self._bell.rung, now
            found = self._store.due_lanes()
        except errors.OutboxError:
            return False  # the batch will meet it
        finally:
            self._lock.release()
        # Mails that other threads serve are in hand, and not due.
        return any(
            each.priority == 0 and not each.wait and each.name != lane and self._serves(each.name) for each in found
        )

    def _in_order(self, found: list[DueLane], now: float) -> tuple[tuple[str, ...], int]:
        """The lanes by urgency, and how many of the first are equally urgent."""
        known = {lane.name: self._served.get(lane.name, now) for lane in found}
        self._served = dict(known)
        urgency = {lane.name: 0 if now - known[lane.name] > _PATIENCE else lane.priority for lane in found}
        lanes = tuple(sorted(known, key=lambda name: (urgency[name], known[name], name)))
        return lanes, sum(urgency[name] == urgency[lanes[0]] for name in lanes)

    def has_no_way(self, lane: str) -> bool:
        """Skip a lane for a while, because this process has no transport for it; whether it was not skipped before."""
        news = lane not in self._without_way
        self._without_way[lane] = monotonic() + _NO_WAY
        return news

    def _serves(self, lane: str) -> bool:
        if self._only is not None and lane not in self._only:
            return False
        return self._without_way.get(lane, 0.0) <= monotonic()


def _rotated(lanes: tuple[str, ...], number: int) -> tuple[str, ...]:
    start = number % max(1, len(lanes))
    return lanes[start:] + lanes[:start]
