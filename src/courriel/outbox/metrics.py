"""Metrics of an outbox for monitoring, from counters and indexes: as fast with a million mails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from courriel._dataclass import dataclass
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import Count, Taken, WorkerInfo
from courriel.outbox.store.states import State
from courriel.outbox.work.liveness import InHand, Life, life_of

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 60.0
"""Seconds over which the send rate is measured: long enough for a steady figure, short enough for alerts."""

SAMPLE = 2_000
"""Maximum of mails read for the rate: where more were sent in the window, the last ones are enough."""

HEARD = 150.0
"""Seconds without a sign of life after which a worker counts as dead. It stores one every minute."""


@dataclass(frozen=True, slots=True)
class LastError:
    """The last error of an outbox: lane, text, and time (seconds since 1970).

    A lane that could not be used, or a mail that a server refused, for now or for good.
    """

    lane: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker process of the outbox ("host:process"), and the number of mails that it holds.

    `life` is what can be proved here (see `courriel.outbox.work.liveness`), `heard` the seconds since its last sign of
    life. `back` is the time, in seconds since 1970, at which others may claim its mails unless it extends the leases;
    None without any.
    """

    worker: str
    life: Life
    heard: float
    mails: int
    back: float | None

    @property
    def alive(self) -> bool:
        """Whether the worker is alive: not proved dead, and with a sign of life in the last two and a half minutes."""
        return self.life is not Life.GONE and self.heard < HEARD


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics of an outbox at one time. Counts are mails, and durations seconds.

    `at` is that time, in seconds since 1970 by the clock of this machine.
    """

    at: float
    oldest_due: float | None
    """Seconds for which the oldest due mail has been due; None when none is due."""
    counts: Sequence[Count]
    """Number of mails by lane and state, as from `Outbox.stats`."""
    waiting: int
    """Mails that are READY: due now, or later."""
    in_hand: int
    """Mails held by workers: LEASED and IN_FLIGHT."""
    held: int
    """Mails that are HELD for a person."""
    unsure: int
    """Mails that may have been delivered, and are in no end state."""
    sent: int
    """Mails that are SENT, and not yet pruned (seven days)."""
    refused: int
    """Mails that are FAILED, and not yet pruned (thirty days): refused for good, or expired."""
    rate: float
    """Mails sent per second by all workers: those that became SENT in the last `window` seconds."""
    window: float
    """Seconds over which `rate` was measured: 60, or less when the last 2,000 mails took less."""
    last_error: LastError | None
    workers: Sequence[WorkerStatus]
    """Registered worker processes."""
    taken: Sequence[InHand]
    """Mails held by workers, by lane and worker, and when others may claim them."""

    @property
    def alive(self) -> int:
        """Number of live workers."""
        return sum(worker.alive for worker in self.workers)

    @property
    def gone(self) -> Sequence[InHand]:
        """Mails held by dead workers, and when others may claim them; at once, where a worker runs."""
        return tuple(each for each in self.taken if each.life is Life.GONE)


def metrics_of(store: Store) -> Metrics:
    """Read the metrics of a store by five short queries on counters and indexes. Raises OutboxError."""
    counts, taken, workers, activity = store.counts(), store.taken(), store.workers(), store.activity(WINDOW, SAMPLE)
    now = time.time()
    lives = {worker.id: life_of(worker, store.beside) for worker in workers}
    # Two clocks may differ by some seconds: a negative age is not due.
    due = [now - each.oldest for each in counts if each.state is State.READY and each.oldest is not None]
    oldest = max(due, default=-1.0)
    error = LastError(activity.error_lane, activity.error, activity.error_at) if activity.error_at else None
    return Metrics(
        at=now,
        oldest_due=oldest if oldest >= 0 else None,
        counts=tuple(counts),
        waiting=_in(counts, State.READY),
        in_hand=_in(counts, State.LEASED, State.IN_FLIGHT),
        held=_in(counts, State.HELD),
        unsure=sum(each.unsure for each in counts if not each.state.final),
        sent=_in(counts, State.SENT),
        refused=_in(counts, State.FAILED),
        rate=activity.sent / activity.seconds,
        window=activity.seconds,
        last_error=error,
        workers=tuple(_status(worker, lives[worker.id], taken, now) for worker in workers),
        taken=tuple(in_hand_of(each, lives.get(each.holder, Life.UNSEEN), now) for each in taken),
    )


def in_hand_of(taken: Taken, life: Life, now: float) -> InHand:
    """InHand for the mails of a lane held by one worker, with what is known of the worker."""
    return InHand(taken.lane, taken.holder.partition("/")[0], life, taken.mails, now + max(0.0, taken.back))


# The steps.


def _in(counts: Sequence[Count], *states: State) -> int:
    return sum(each.mails for each in counts if each.state in states)


def _status(worker: WorkerInfo, life: Life, taken: Sequence[Taken], now: float) -> WorkerStatus:
    own = [each for each in taken if each.holder == worker.id]
    back = now + max(0.0, *(each.back for each in own), 0.0) if own else None
    return WorkerStatus(worker.id.partition("/")[0], life, worker.heard, sum(each.mails for each in own), back)
