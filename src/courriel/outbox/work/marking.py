"""
Marks of mails whose ends are about to leave, each made by a commit that also stores results.

Usually the result writer's thread makes them, so that a sender never waits for the disk; a sender without a marked mail
makes them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import Job, Settlement
from courriel.outbox.store.states import LeaseId

if TYPE_CHECKING:
    from courriel.outbox.work.batch import Batch
    from courriel.outbox.work.result_writer import ResultWriter

Choose: TypeAlias = "Callable[[Sequence[Settlement]], Sequence[Job]]"
"""Function that selects the mails to be marked by a commit that stores these results."""

_PATIENCE = 5.0  # seconds to wait for a running commit


class Marking:
    """Marks for one sender: together with the results of the `recorder`, or alone without one."""

    def __init__(self, store: Store, recorder: ResultWriter | None = None) -> None:
        self._store, self._recorder = store, recorder

    def mark(self, choose: Choose, lease: float) -> list[bool]:
        """Mark the selected mails with a lease; for each, whether its lease is still ours. Raises OutboxError."""

        def advance(done: Sequence[Settlement]) -> tuple[list[bool], list[bool]]:
            settled, marked = self._store.advance(done, [(job, lease) for job in choose(done)])
            return marked, settled

        marked = None if self._recorder is None else self._recorder.settle_with(advance)
        return self._store.mark(choose(()), lease=lease) if marked is None else marked

    def wait(self) -> None:
        """Wait for the running commit, which may mark the mail in question."""
        if self._recorder is not None:
            self._recorder.wait_for_commit(_PATIENCE)

    def hurry(self) -> None:
        """Have results stored now, and the next mails marked with them, because few marked ones are left."""
        if self._recorder is not None:
            self._recorder.hurry()


class Marks:
    """Mails of several senders that are marked by the commit that stores these results."""

    def __init__(self, batches: Iterable[Batch], settled: Collection[LeaseId]) -> None:
        self._began = monotonic()
        self._chosen = [(batch, batch.next_to_mark(settled)) for batch in batches]
        self.leases = [(job, batch.lease) for batch, jobs in self._chosen for job in jobs]
        """Each mail, and the lease of its mark in seconds."""

    def note(self, marked: Sequence[bool]) -> None:
        """Record the marks; mails with a lost lease are left out."""
        done = iter(marked)
        for batch, jobs in self._chosen:
            batch.note_marks(jobs, [next(done) for _ in jobs], self._began)

    def note_failure(self) -> None:
        """Record that the marks may or may not be stored."""
        for batch, jobs in self._chosen:
            batch.note_failed_marks(jobs)
