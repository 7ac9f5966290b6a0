"""The figures of an outbox for whoever is on call, from counters and indexes: as quick beside a million mails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from courriel._dataclass import dataclass
from courriel.outbox.store.base import Count, State, Store, Taken, WorkerInfo
from courriel.outbox.work.liveness import InHand, Life, life_of

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 60.0
"""Seconds over which the send rate is taken: long enough for a figure that holds still, short enough to alert on."""

SAMPLE = 2_000
"""Mails that are looked at for the rate, at most: where more were sent in the window, the last so many are enough."""

HEARD = 150.0
"""Seconds since a worker was heard of, after which it no longer counts as alive. It says so every minute."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a store knows of the last minute: mails `sent` within `seconds`, and the last error of any lane.

    `error_at` is in seconds since 1970, by the store's clock; 0 when there was no error.
    """

    sent: int
    seconds: float
    error_lane: str = ""
    error: str = ""
    error_at: float = 0.0


@dataclass(frozen=True, slots=True)
class LastError:
    """The last thing that went wrong: on which lane, in whose words, and when (seconds since 1970).

    A lane that could not be used, or a mail that a server refused, for now or for good.
    """

    lane: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A process that works on the outbox ("host:process"), and how many mails it has in hand.

    `life` is what can be proved here (see `courriel.outbox.work.liveness`), `heard` the seconds since it was last heard
    of. `back` is the moment, in seconds since 1970, at which others get its mails unless it goes on; None without any.
    """

    worker: str
    life: Life
    heard: float
    mails: int
    back: float | None

    @property
    def alive(self) -> bool:
        """Whether it works: not proved to be gone, and heard of within the last two and a half minutes."""
        return self.life is not Life.GONE and self.heard < HEARD


@dataclass(frozen=True, slots=True)
class Metrics:
    """One look at an outbox. Numbers are mails, and times seconds.

    `at` is the moment of the look, in seconds since 1970 by the clock of this machine.
    """

    at: float
    oldest_due: float | None
    """For how long (seconds) the mail that has been due the longest could have been sent; None when nothing is due."""
    counts: Sequence[Count]
    """How many mails are in each lane and state, as `Outbox.stats` says it."""
    waiting: int
    """READY: due now, or later."""
    in_hand: int
    """LEASED and IN_FLIGHT: workers have them."""
    held: int
    """HELD: a person has to decide."""
    unsure: int
    """In doubt: they may have been delivered, and have not reached their end."""
    sent: int
    """SENT, and still kept (seven days)."""
    refused: int
    """FAILED, and still kept (thirty days): refused for good, or their time was over."""
    rate: float
    """Mails sent a second by all workers together: those of the last `window` seconds that are written down as SENT."""
    window: float
    """The seconds that `rate` was taken over: 60, or fewer when the last 2,000 mails took fewer."""
    last_error: LastError | None
    workers: Sequence[WorkerStatus]
    """Every process that is known to work on it."""
    taken: Sequence[InHand]
    """What workers have in hand, by lane and worker, and when it comes back."""

    @property
    def alive(self) -> int:
        """How many workers are alive."""
        return sum(worker.alive for worker in self.workers)

    @property
    def gone(self) -> Sequence[InHand]:
        """What workers hold that are proved to be gone, and when it comes back; at once, where a worker runs."""
        return tuple(each for each in self.taken if each.life is Life.GONE)


def metrics_of(store: Store) -> Metrics:
    """Look at an outbox; five short questions, each answered from counters or an index. Raises OutboxError."""
    counts, taken, workers, activity = store.counts(), store.taken(), store.workers(), store.activity(WINDOW, SAMPLE)
    now = time.time()
    lives = {worker.id: life_of(worker, store.beside) for worker in workers}
    # A queue is never seconds old because two clocks differ: below zero is not due.
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
    """What one worker has in hand of a lane, with what is known of the worker."""
    return InHand(taken.lane, taken.holder.partition("/")[0], life, taken.mails, now + max(0.0, taken.back))


# The steps.


def _in(counts: Sequence[Count], *states: State) -> int:
    return sum(each.mails for each in counts if each.state in states)


def _status(worker: WorkerInfo, life: Life, taken: Sequence[Taken], now: float) -> WorkerStatus:
    own = [each for each in taken if each.holder == worker.id]
    back = now + max(0.0, *(each.back for each in own), 0.0) if own else None
    return WorkerStatus(worker.id.partition("/")[0], life, worker.heard, sum(each.mails for each in own), back)
