"""
EndPermit: the guard of a leased mail, asked directly before its end may leave (`Submission.before_end`).

On a lane with several ways (failover, round robin) it is told which of them asks, and that is stored before the mark: a
mail that is in doubt by one way, whoever finds it, leaves by no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from courriel.outbox.store.jobs import Job
from courriel.outbox.store.states import ANY_WAY, WAY

if TYPE_CHECKING:
    from courriel.model.submission import EndGuard


class Permitting(Protocol):
    """Batch of leased mails, as the guard of each knows it."""

    def before_end(self, job: Job, way: str = "") -> bool:
        """Whether the end of this mail may leave now, by this one of several ways."""
        ...


class EndPermit:
    """Guard of one mail of a batch; see `courriel.delivery.routing.guards`."""

    __slots__ = ("_batch", "_job")

    def __init__(self, batch: Permitting, job: Job) -> None:
        self._batch, self._job = batch, job

    def __call__(self) -> bool:
        return self._batch.before_end(self._job)

    def for_way(self, name: str) -> EndGuard:
        """Guard of the same mail as one of several ways asks it."""
        return lambda: self._batch.before_end(self._job, name)

    @property
    def only_way(self) -> str | None:
        """The way by which the mail may have left; "" where that is not stored, None where it has not, or may again."""
        return only_way(self._job)


def way_in_doubt(job: Job) -> str:
    """The one of several ways by which a mail may have left; "" where it is in no doubt, or its lane had one way."""
    way = job.options.get(WAY)
    return way if job.unsure and isinstance(way, str) and way != ANY_WAY else ""


def only_way(job: Job) -> str | None:
    """See EndPermit.only_way."""
    way = job.options.get(WAY)
    if not job.unsure or way == ANY_WAY:
        return None
    return way if isinstance(way, str) else ""
