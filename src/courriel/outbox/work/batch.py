"""
Mails that one worker has leased together, on their way through one session.

Few of them are marked at a time (`courriel.outbox.work.ahead`): what is marked and has no result on the disk is unsure
when the worker dies. The first whose end may leave unmarked has the next ones marked, in the commit that writes down
what was answered meanwhile; the others only look at the clock. From the beginning of the mark a dot must leave within
half a minute, or the mark is made again: whoever slept between the mark and the dot (a stopped process, a paused
machine) does not wake up and send what others have by then.

All that is known of a mail here is known of one lease of it. A mail may come twice into one batch: it was tried, and is
due again at once; or a person held and released it meanwhile. A mark, or a permit, of the first lease says nothing of
the second, and no result of the first ends the second.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from threading import Lock
from time import monotonic

from courriel import errors
from courriel.model.submission import Submission
from courriel.outbox.encoding import outgoing
from courriel.outbox.store.base import Job, LeaseId, Settlement, Store
from courriel.outbox.work.ahead import Ahead
from courriel.outbox.work.marking import Marking

logger = logging.getLogger("courriel.outbox")

LEASE = 120.0  # seconds that a mail is leased for at least, until its end leaves; extended while there is progress
_EXTEND = 30.0  # seconds of progress after which that lease is extended
_MARGIN = 60.0  # seconds between the last moment of our own patience and the end of the last lease


def lease_of_mark(answer_limit: float) -> float:
    """No more than a minute beyond the longest silence that one mail may keep.

    A dot leaves in the first half of that minute, or the mark is made again: a sender at the end of it, that waits as
    long as it may, is done before the lease is over.
    """
    return answer_limit + _MARGIN


class Batch:
    """`answer_limit`: seconds that its session waits for the answer to one mail; `goes_on` is asked before each.

    `ahead` says how many may be marked at a time, `marking` has them marked (default: by commits of their own), and
    `more` brings further mails when the last one was supplied. `waiting_lease` is what those that are not marked are
    extended by, in seconds: only by the thread that sends, and only when there is progress.
    """

    def __init__(
        self,
        store: Store,
        jobs: Sequence[Job],
        answer_limit: float,
        *,
        goes_on: Callable[[], bool] = lambda: True,
        ahead: Ahead | None = None,
        marking: Marking | None = None,
        more: Callable[[], bool] = lambda: False,
        waiting_lease: float = LEASE,
    ) -> None:
        self.jobs: list[Job] = []
        """Those that are supplied, in this order."""
        self.progress = self.extended = monotonic()
        self.lease = lease_of_mark(answer_limit)
        self._waiting_lease = waiting_lease
        self.ahead = ahead or Ahead()
        self.cut: Callable[[], None] | None = None
        """Hangs up on whoever it is being said to."""
        self.ended = False
        """Whether nothing may leave any more, and whatever comes now of those in doubt comes too late."""
        self.unsure = 0
        """How many mails were found to be unsure after the end."""
        self._store = store
        self._goes_on, self._marking, self._more = goes_on, marking or Marking(store), more
        self._lock = Lock()  # between who sends, who writes down, and who ends it
        self._open: dict[LeaseId, Job] = {}  # nothing is written down of these yet
        self._since: dict[LeaseId, float] = {}  # when these were leased
        self._supplied: deque[Job] = deque()
        self._unmarked: deque[Job] = deque()  # the next ones of those that are being supplied
        self._marked: dict[LeaseId, float] = {}  # when the mark of these began
        self._left: dict[LeaseId, float] = {}  # the end of these may have left, under the mark of that moment
        self.lease_out(jobs)
        self.queue(jobs)

    # Filling.

    def lease_out(self, jobs: Sequence[Job], marked: int = 0, since: float | None = None) -> None:
        """These are leased from now on, or `since` a moment; so many of the first are marked already."""
        since = monotonic() if since is None else since
        with self._lock:
            for job in jobs:
                self._open[job.lease_id] = job
                self._since[job.lease_id] = since
            for job in jobs[:marked]:
                self._marked[job.lease_id] = since
                self.ahead.in_doubt.add(job.lease_id)

    def queue(self, jobs: Sequence[Job]) -> None:
        """These are to be supplied, after those before."""
        self.jobs += jobs

    def age(self, job: Job) -> float:
        """Seconds since this one was leased."""
        return monotonic() - self._since[job.lease_id]

    # Sending.

    def supply(self, *, together: bool | None = None) -> Iterator[Submission]:
        """The mails as a session takes them, until somebody wants us to stop; a broken one raises, and it goes on.

        `together`: those of which everybody gets it or nobody, or the others.
        """
        return _Supply(self, together)

    def next_supplied(self) -> Job:
        """Whose result comes next: results come in the order in which mails were supplied."""
        return self._supplied.popleft()

    def before_end(self, job: Job) -> bool:
        """Whether the end of this mail may leave now; it is marked durably before this says yes."""
        self.touch()
        if not self._is_fresh(job.lease_id):
            self._marking.wait()
        if not self._is_fresh(job.lease_id):
            self._mark(job)
        with self._lock:
            if self.ended or not self._is_fresh(job.lease_id):
                return False
            self._left[job.lease_id] = self._marked[job.lease_id]
            few = self.ahead.slow and self._unmarked and len(self._marked) - len(self._left) <= self.ahead.number // 3
        self.ahead.permitted(job.lease_id, self.progress)
        if few:
            self._marking.hurry()
        return True

    def answered(self, job: Job) -> bool:
        """There is a result of this one; whether it is the first, and ours to write down."""
        self.touch()
        self.ahead.answered(job.lease_id, self.progress)
        with self._lock:
            return self._open.pop(job.lease_id, None) is not None

    def written(self, lease: LeaseId) -> None:
        """The result of this one is on the disk."""
        with self._lock:
            self.ahead.in_doubt.discard(lease)

    # Marking ahead, by the thread that writes results down.

    def next_to_mark(self, settled: Collection[LeaseId]) -> list[Job]:
        """Those that a commit marks which settles these; none before this sender has marked its first one.

        The caller says what came of it: `note_marks`, or `note_failed_marks`.
        """
        with self._lock:
            if self.ended or self.ahead.most == 1 or not self._left:
                return []
            return self._chosen(self.ahead.room(settled))

    def note_marks(self, jobs: Sequence[Job], marked: Sequence[bool], began: float) -> None:
        """They are marked on the disk, those that were still ours, since the moment at which that began."""
        with self._lock:
            for job, done in zip(jobs, marked, strict=True):
                if done:
                    self._marked[job.lease_id] = began
                else:
                    self.ahead.in_doubt.discard(job.lease_id)

    def note_failed_marks(self, jobs: Sequence[Job]) -> None:
        """They may be marked or not: they count as in doubt, and are marked anew before they leave."""
        with self._lock:
            self._unmarked.extendleft(reversed(jobs))

    def touch(self) -> None:
        """There is progress, in the thread that sends: nobody else may extend what waits behind this mail."""
        self.progress = now = monotonic()
        if now - self.extended > _EXTEND:
            self.extended = now
            self._extend()

    # Ending.

    def end(self) -> list[Job]:
        """Let nothing leave any more; returns what has certainly not left, for the caller to give back."""
        with self._lock:
            self.ended = True
            return self._parted(lambda job: job.lease_id not in self._left)

    def part_with_rest(self) -> list[Job]:
        """Those that may have left, and whose answer nobody waits for any more, for the caller to write down."""
        with self._lock:
            return self._parted(lambda job: True)

    def _parted(self, which: Callable[[Job], bool]) -> list[Job]:
        jobs = [job for job in self._open.values() if which(job)]
        for job in jobs:
            del self._open[job.lease_id]
        return jobs

    # What the others have to know.

    @property
    def unanswered(self) -> list[Job]:
        """Those of which nothing is known yet."""
        with self._lock:
            return list(self._open.values())

    def was_begun(self, job: Job) -> bool:
        """Whether a session has taken it, and has given no result."""
        return job in self._supplied

    def may_have_left(self, job: Job) -> bool:
        """Whether its end was permitted."""
        return job.lease_id in self._left

    @property
    def pending(self) -> int:
        """How many were supplied that have still to be marked: what may be marked is theirs first."""
        return sum(job.lease_id not in self._marked for job in self._supplied)

    @property
    def in_hand(self) -> int:
        """How many a session has taken without a result so far."""
        return len(self._supplied)

    @property
    def unmarked(self) -> list[Job]:
        """Those whose lease has to be extended while they wait."""
        return [job for job in self.unanswered if job.lease_id not in self._marked]

    @property
    def overdue(self) -> bool:
        """Whether an answer has been waited for so long that the lease will be over soon."""
        ends = monotonic() - self.lease + _MARGIN / 2
        return any(self._left.get(job.lease_id, ends) < ends for job in self.unanswered)

    # The steps.

    def _extend(self) -> None:
        if jobs := self.unmarked:
            try:
                self._store.extend(jobs, lease=self._waiting_lease)
            except errors.OutboxError as failed:
                logger.warning("Leases were not extended: %s", failed, extra={"action": "extend_failed"})

    def _is_fresh(self, lease: LeaseId) -> bool:
        """Whether it is marked, and the mark is so young that its end may leave."""
        return monotonic() <= self._marked.get(lease, float("-inf")) + _MARGIN / 2

    def _mark(self, job: Job) -> None:
        """Mark this one, and as many of the next as may be in doubt; again where that was long ago."""
        chosen: list[Job] = []

        def choose(done: Sequence[Settlement]) -> Sequence[Job]:
            with self._lock:
                self._unmarked.extendleft(reversed(chosen[1:]))  # chosen for a commit that failed
                room = self.ahead.room([job.lease_id, *(each.lease_id for each in done)])
                self.ahead.in_doubt.add(job.lease_id)
                chosen[:] = [job, *self._chosen(room - 1, beside=job)]
            return chosen

        began = monotonic()
        try:
            marked = self._marking.mark(choose, self.lease)
        except errors.OutboxError as failed:
            # Not to be sent, whatever the disk has made of it.
            logger.error("A mail was not sent: %s", failed, extra={"action": "mark_failed"})
            with self._lock:
                self._marked.clear()
            return
        self.note_marks(chosen, marked, began)

    def _chosen(self, most: int, beside: Job | None = None) -> list[Job]:
        """So many of the next mails, in doubt from now on; one that stands in the queue is chosen already."""
        queue, chosen = self._unmarked, list[Job]()
        while len(chosen) < most and queue:
            job = queue.popleft()
            if job is not beside and job.lease_id in self._open and job.lease_id not in self._marked:
                chosen.append(job)
        self.ahead.in_doubt.update(job.lease_id for job in chosen)
        return chosen


class _Supply:
    """An iterator, and not a generator: one that raises goes on with the next mail."""

    def __init__(self, batch: Batch, together: bool | None) -> None:
        self._batch, self._together = batch, together
        self._seen = 0
        self._waiting: deque[Job] = deque()
        with batch._lock:
            batch._unmarked.clear()

    def __iter__(self) -> Iterator[Submission]:
        return self

    def __next__(self) -> Submission:
        batch = self._batch
        if not batch._goes_on():
            raise StopIteration
        while not self._waiting:
            if not self._look() and (self._together is True or not batch._more()):
                raise StopIteration
        job = self._waiting.popleft()
        batch._supplied.append(job)
        batch.touch()
        return outgoing(job, batch._store, lambda: batch.before_end(job), batch.touch)

    def _look(self) -> bool:
        """Whether mails were queued since the last look; those of the other kind have a pass of their own."""
        jobs = self._batch.jobs
        new, self._seen = jobs[self._seen :], len(jobs)
        ours = [job for job in new if self._together is None or bool(job.options.get("together")) is self._together]
        self._waiting.extend(ours)
        with self._batch._lock:
            self._batch._unmarked.extend(ours)
        return bool(new)
