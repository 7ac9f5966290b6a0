"""
Batch: mails leased together by one worker thread, while they are sent through one session.

Few of them are marked at a time (`sending.ahead`), because a marked mail without a stored result is unsure
when the worker dies. The first mail whose end may leave unmarked has the next ones marked too, in the commit that
stores the results so far; for the others only the clock is checked. An end must leave within 30 seconds after its mark
began, or the mark is repeated: a process that was stopped between mark and end (SIGSTOP, a paused machine) does not
send what others have leased by then.

All state is kept by lease, not by mail. A batch may lease the same mail twice: it was tried and is due again at once,
or an operator held and released it meanwhile. A mark, or a permit, of the first lease does not count for the second,
and a result of the first does not end the second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from threading import Lock
from time import monotonic

from courriel import errors
from courriel.model.submission import Submission
from courriel.network.careful_log import CarefulLogger
from courriel.outbox.putting.encoding import outgoing
from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import Job, Settlement
from courriel.outbox.store.states import LeaseId
from courriel.outbox.work.sending.ahead import Ahead
from courriel.outbox.work.sending.marking import Marking

logger = CarefulLogger("courriel.outbox")

LEASE = 120.0  # seconds: the shortest lease until the end leaves; extended while there is progress
_EXTEND = 30.0  # seconds after which that lease is extended, if there is progress
_MARGIN = 60.0  # seconds between the longest wait for an answer and the expiry of its lease


def lease_of_mark(answer_limit: float) -> float:
    """Lease of a mark in seconds: a minute longer than the longest answer to one mail.

    The end leaves in the first half of that minute, or the mark is repeated: even the last possible sender with the
    longest wait is done before the lease expires.
    """
    return answer_limit + _MARGIN


class Batch:
    """Leased mails of one sender, with their marks, leases and results.

    `answer_limit` is the longest wait in seconds for an answer to one mail; `goes_on` is called before each mail.
    `ahead` limits the marks, `marking` stores them (default: by separate commits), and `more` returns further mails
    when the last one was supplied. `waiting_lease` is the lease in seconds by which unmarked mails are extended: only
    by the sending thread, and only when there is progress. `verp` says whether
    mails may leave with return addresses of their own.
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
        verp: Callable[[], bool] = lambda: True,
    ) -> None:
        self.jobs: list[Job] = []
        """Supplied mails, in this order."""
        self.progress = self.extended = monotonic()
        self.lease = lease_of_mark(answer_limit)
        self._waiting_lease = waiting_lease
        self._verp = verp
        self.ahead = ahead or Ahead()
        self.cut: Callable[[], None] | None = None
        """Hangs up the connection on which they are being sent."""
        self.ended = False
        """Whether no more ends are permitted, and later answers to mails in doubt do not count."""
        self.broken = False
        """Whether a mark could not be stored: then no more mails are begun, because their ends could not leave."""
        self.unsure = 0
        """Number of mails that were found to be unsure after the end."""
        self._store = store
        self._goes_on, self._marking, self._more = goes_on, marking or Marking(store), more
        self._lock = Lock()  # shared by the sender, the result writer, and the thread that stops them
        self._open: dict[LeaseId, Job] = {}  # mails without a stored result
        self._since: dict[LeaseId, float] = {}  # times of lease
        self._supplied: deque[Job] = deque()
        self._unmarked: deque[Job] = deque()  # supplied next
        self._marked: dict[LeaseId, float] = {}  # times at which marks began
        self._left: dict[LeaseId, float] = {}  # mails whose ends may have left, with the times of their marks
        self._tried: dict[LeaseId, tuple[str, ...]] = {}  # mails that go to some of their recipients only
        self._asked: dict[LeaseId, float] = {}  # mails that are asked about, with the times of their last extension
        self.lease_out(jobs)
        self.queue(jobs)

    # Filling.

    def lease_out(self, jobs: Sequence[Job], marked: int = 0, since: float | None = None) -> None:
        """Add mails that are leased since `since` (default: now); the first `marked` are already marked."""
        since = monotonic() if since is None else since
        with self._lock:
            for place, job in enumerate(jobs):
                lease = job.lease_id
                self._open[lease] = job
                self._since[lease] = since
                if place < marked:
                    self._marked[lease] = since
                    self.ahead.in_doubt.add(lease)

    def change(self, jobs: Sequence[Job]) -> None:
        """Replace leased mails by the same ones with fewer recipients, before they are queued."""
        with self._lock:
            self._open.update((job.lease_id, job) for job in jobs if job.lease_id in self._open)

    def queue(self, jobs: Sequence[Job]) -> None:
        """Append mails to be supplied."""
        self.jobs += jobs

    def age(self, job: Job) -> float:
        """Seconds since the mail was leased."""
        return monotonic() - self._since[job.lease_id]

    # Sending.

    def supply(self, *, together: bool | None = None) -> Iterator[Submission]:
        """Iterate over the submissions for a session, until a stop; a broken mail raises, and the iteration goes on
        after it.

        `together` selects the mails that go to all recipients or none, or the others.
        """
        return _Supply(self, together)

    def next_supplied(self) -> Job:
        """The mail of the next result: results come in the order of supply."""
        return self._supplied.popleft()

    def tried(self, job: Job) -> tuple[str, ...]:
        """The recipients to whom a supplied mail goes: the first ones, where the server takes few at a time."""
        return self._tried.get(job.lease_id, job.recipients)

    def _choose(self, job: Job) -> tuple[str, ...]:
        most = self.ahead.recipients
        if most is None or most >= len(job.recipients) or job.options.get("together"):
            return job.recipients
        self._tried[job.lease_id] = job.recipients[:most]
        return job.recipients[:most]

    def before_end(self, job: Job) -> bool:
        """Whether the end of this mail may leave now; True only after it is durably marked."""
        self.touch()
        lease = job.lease_id
        if not self._is_fresh(lease):
            self._marking.wait()
            if not self._is_fresh(lease):
                self._mark(job)
        with self._lock:
            if self.ended or not self._is_fresh(lease):
                return False
            self._left[lease] = self._marked[lease]
            few = self.ahead.slow and self._unmarked and len(self._marked) - len(self._left) <= self.ahead.number // 3
        self.ahead.permitted(lease, self.progress)
        if few:
            self._marking.hurry()
        return True

    def answered(self, job: Job) -> bool:
        """Record the result of a mail; whether it is the first one, and so to be stored by this batch."""
        self.touch()
        lease = job.lease_id
        self.ahead.answered(lease, self.progress)
        with self._lock:
            return self._open.pop(lease, None) is not None

    def written(self, leases: Iterable[LeaseId]) -> None:
        """Record that the results of these leases are stored."""
        with self._lock:
            self.ahead.in_doubt.difference_update(leases)

    # Marking ahead, by the thread that writes results down.

    def next_to_mark(self, settled: Collection[LeaseId]) -> list[Job]:
        """Mails to be marked by a commit that settles these; none before the first mark of this sender.

        The caller reports the outcome by `note_marks` or `note_failed_marks`.
        """
        with self._lock:
            if self.ended or self.ahead.most == 1 or not self._left:
                return []
            return self._chosen(self.ahead.room(settled))

    def note_marks(self, jobs: Sequence[Job], marked: Sequence[bool], began: float) -> None:
        """Record marks whose commit began at `began`; mails with a lost lease are left out."""
        with self._lock:
            for job, done in zip(jobs, marked, strict=True):
                if done:
                    self._marked[job.lease_id] = began
                else:
                    self.ahead.in_doubt.discard(job.lease_id)

    def note_failed_marks(self, jobs: Sequence[Job]) -> None:
        """Record a failed commit: its mails count as in doubt, and are marked again before their ends leave."""
        with self._lock:
            self._unmarked.extendleft(reversed(jobs))

    def touch(self) -> None:
        """Extend the leases of waiting mails after progress; only the sending thread may call it."""
        self.progress = now = monotonic()
        if now - self.extended > _EXTEND:
            self.extended = now
            self._extend()

    def extend_alone(self, job: Job) -> None:
        """Extend the lease of a mail that the batch has no more, and that is asked about; not oftener than needed.

        Raises OutboxError.
        """
        now = monotonic()
        if now - max(self._asked.get(job.lease_id, 0.0), self._since[job.lease_id]) < _EXTEND:
            return
        if job.lease_id in self._marked:
            self._store.mark([job], lease=self.lease)
        else:
            self._store.extend([job], lease=self._waiting_lease)
        self._asked[job.lease_id] = now

    # Ending.

    def end(self) -> list[Job]:
        """Permit no more ends; return the mails that certainly have not left, for the caller to give back."""
        with self._lock:
            self.ended = True
            return self._parted(lambda job: job.lease_id not in self._left)

    def part_with_rest(self) -> list[Job]:
        """Take out the mails that may have left and whose answers are not awaited any more, for the caller to store."""
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
        """Mails without a result."""
        with self._lock:
            return list(self._open.values())

    def was_begun(self, job: Job) -> bool:
        """Whether a session has taken the mail, and has given no result."""
        return job in self._supplied

    def may_have_left(self, job: Job) -> bool:
        """Whether the end of the mail was permitted."""
        return job.lease_id in self._left

    @property
    def pending(self) -> int:
        """Number of supplied mails that still need a mark: they come first."""
        return sum(job.lease_id not in self._marked for job in self._supplied)

    @property
    def in_hand(self) -> int:
        """Number of mails that a session has taken without a result so far."""
        return len(self._supplied)

    @property
    def unmarked(self) -> list[Job]:
        """Mails whose leases have to be extended while they wait."""
        return [job for job in self.unanswered if job.lease_id not in self._marked]

    @property
    def overdue(self) -> bool:
        """Whether an answer takes so long that the lease will expire soon."""
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
        """Whether the mail is marked, and the mark so recent that its end may leave."""
        return monotonic() <= self._marked.get(lease, float("-inf")) + _MARGIN / 2

    def _mark(self, job: Job) -> None:
        """Mark this mail, and as many of the next ones as allowed; old marks are repeated."""
        chosen: list[Job] = []

        def choose(done: Sequence[Settlement]) -> Sequence[Job]:
            with self._lock:
                self._unmarked.extendleft(reversed(chosen[1:]))  # selected for a commit that failed
                room = self.ahead.room([job.lease_id, *(each.lease_id for each in done)])
                self.ahead.in_doubt.add(job.lease_id)
                chosen[:] = [job, *self._chosen(room - 1, beside=job)]
            return chosen

        began = monotonic()
        try:
            marked = self._marking.mark(choose, self.lease)
        except errors.OutboxError as failed:
            # Not to be sent, whether or not the mark was stored.
            logger.error(
                "A mail was not sent, and will be: its mark could not be written down: %s",
                failed,
                extra={"action": "mark_failed"},
            )
            with self._lock:
                self._marked.clear()
                self.broken = True
            return
        self.note_marks(chosen, marked, began)

    def _chosen(self, most: int, beside: Job | None = None) -> list[Job]:
        """Select up to `most` of the next mails, which are in doubt from now on; queued ones are selected already."""
        queue, chosen = self._unmarked, list[Job]()
        while len(chosen) < most and queue:
            job = queue.popleft()
            lease = job.lease_id
            if job is not beside and lease in self._open and lease not in self._marked:
                chosen.append(job)
                self.ahead.in_doubt.add(lease)
        return chosen


class _Supply:
    """Iterator over submissions; not a generator, so that it goes on with the next mail after one that raises."""

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
        if batch.broken or not batch._goes_on():
            raise StopIteration
        while not self._waiting:
            if not self._look() and (self._together is True or not batch._more()):
                raise StopIteration
        job = self._waiting.popleft()
        batch._supplied.append(job)
        batch.touch()
        tried = batch._choose(job)
        return outgoing(job, batch._store, lambda: batch.before_end(job), batch.touch, tried, verp=batch._verp)

    def _look(self) -> bool:
        """Whether mails were queued since the last call; mails of the other kind have a pass of their own."""
        jobs = self._batch.jobs
        new, self._seen = jobs[self._seen :], len(jobs)
        ours = [job for job in new if self._together is None or bool(job.options.get("together")) is self._together]
        self._waiting.extend(ours)
        with self._batch._lock:
            self._batch._unmarked.extend(ours)
        return bool(new)
