"""
Mails that one worker has leased together, on their way through one session.

The first of them whose end may leave has all of them marked, in one commit; the others only look at the clock. From
the beginning of the mark a dot must leave within half a minute, or the mark is made again: whoever slept
between the mark and the dot (a stopped process, a paused machine) does not wake up and send what others have by then.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

from courriel import errors
from courriel.outbox.store import Job, Store
from courriel.outbox.writing import outgoing
from courriel.session.outgoing import Outgoing

logger = logging.getLogger("courriel.outbox")

LEASE = 120.0  # seconds that a mail is leased for, until its end leaves; extended while there is progress
_MARGIN = 60.0  # seconds between the last moment of our own patience and the end of the last lease


def lease_of_mark(answer_limit: float) -> float:
    """No more than a minute beyond the longest silence that one mail may keep.

    A dot leaves in the first half of that minute, or the mark is made again: a sender at the end of it, that waits as
    long as it may, is done before the lease is over.
    """
    return answer_limit + _MARGIN


class Batch:
    """`answer_limit`: seconds that its session waits for the answer to one mail; `goes_on` is asked before each.

    `marked_at` is when the mark of all of them began, if they are marked already.
    """

    def __init__(
        self,
        store: Store,
        jobs: Sequence[Job],
        answer_limit: float,
        goes_on: Callable[[], bool] = lambda: True,
        marked_at: float | None = None,
    ) -> None:
        self.jobs = tuple(jobs)
        self.began = self.progress = self.extended = monotonic()
        self.lease = lease_of_mark(answer_limit)
        self.patience = answer_limit + _MARGIN
        self.cut: Callable[[], None] | None = None
        """Hangs up on whoever it is being said to."""
        self._store = store
        self._goes_on = goes_on
        self._open = {job.id: job for job in jobs}  # nothing is written down of these yet
        self._supplied: deque[Job] = deque()
        self._marked: set[str] = set() if marked_at is None else {job.id for job in jobs}
        self._left: dict[str, float] = {}  # the end of these may have left, under the mark of that moment
        self._marked_at = float("-inf") if marked_at is None else marked_at

    # Sending.

    def supply(self, *, together: bool | None = None) -> Iterator[Outgoing]:
        """The mails as a session takes them, until somebody wants us to stop; a broken one raises, and it goes on.

        `together`: those of which everybody gets it or nobody, or the others.
        """
        jobs = [job for job in self.jobs if together is None or bool(job.options.get("together")) is together]
        return _Supply(self, jobs)

    def next_supplied(self) -> Job:
        """Whose result comes next: results come in the order in which mails were supplied."""
        return self._supplied.popleft()

    def permit(self, job: Job) -> bool:
        """Whether the end of this mail may leave now; it is marked durably before this says yes."""
        self.touch()
        if not self._is_fresh(job.id):
            self._mark(job)
            if not self._is_fresh(job.id):
                return False
        self._left[job.id] = self._marked_at
        return True

    def answered(self, job: Job) -> None:
        """There is a result of this one."""
        self.touch()
        self._open.pop(job.id, None)

    def touch(self) -> None:
        """There is progress."""
        self.progress = monotonic()

    # What the others have to know.

    @property
    def unanswered(self) -> list[Job]:
        """Those of which nothing is known yet."""
        return list(self._open.values())

    def was_begun(self, job: Job) -> bool:
        """Whether a session has taken it, and has given no result."""
        return job in self._supplied

    def may_have_left(self, job: Job) -> bool:
        """Whether its end was permitted."""
        return job.id in self._left

    @property
    def unmarked(self) -> list[Job]:
        """Those whose lease has to be extended while they wait."""
        return [job for job in self.unanswered if job.id not in self._marked]

    @property
    def overdue(self) -> bool:
        """Whether an answer has been waited for so long that the lease will be over soon."""
        ends = monotonic() - self.lease + _MARGIN / 2
        return any(self._left.get(job.id, ends) < ends for job in self.unanswered)

    # The steps.

    def _is_fresh(self, ident: str) -> bool:
        """Whether it is marked, and the mark is so young that its end may leave."""
        return ident in self._marked and monotonic() <= self._marked_at + _MARGIN / 2

    def _mark(self, job: Job) -> None:
        """Mark whatever has not left yet; again where that was long ago and certainly not used."""
        pending = [each for each in self.unanswered if each.id not in self._left or each.id == job.id]
        began = monotonic()
        try:
            marked = self._store.mark(pending, lease=self.lease)
        except errors.OutboxError as failed:
            # Not to be sent, whatever the disk has made of it.
            logger.error("A mail was not sent: %s", failed, extra={"action": "mark_failed"})
            self._marked.clear()
            return
        self._marked = {each.id for each, done in zip(pending, marked, strict=True) if done}
        self._marked_at = began


class _Supply:
    """An iterator, and not a generator: one that raises goes on with the next mail."""

    def __init__(self, batch: Batch, jobs: Sequence[Job]) -> None:
        self._batch = batch
        self._jobs = iter(jobs)

    def __iter__(self) -> Iterator[Outgoing]:
        return self

    def __next__(self) -> Outgoing:
        batch = self._batch
        if not batch._goes_on():
            raise StopIteration
        job = next(self._jobs)
        batch._supplied.append(job)
        batch.touch()
        return outgoing(job, batch._store, lambda: batch.permit(job), batch.touch)
