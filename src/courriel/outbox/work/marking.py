"""
Marks of mails whose end is about to leave, each made by a commit that also writes down what was answered.

Usually the thread that writes results down makes them, so that whoever sends never waits for the disk; a sender that
has no marked mail left makes them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from courriel.outbox.store.base import Job, LeaseId, Settlement, Store

if TYPE_CHECKING:
    from courriel.outbox.work.batch import Batch
    from courriel.outbox.work.result_writer import ResultWriter

Choose: TypeAlias = "Callable[[Sequence[Settlement]], Sequence[Job]]"
"""Which mails are marked by a commit that writes these results down."""

_PATIENCE = 5.0  # seconds that a commit on its way is waited for


class Marking:
    """How a sender has its mails marked: with the results that `recorder` holds, or alone where there is none."""

    def __init__(self, store: Store, recorder: ResultWriter | None = None) -> None:
        self._store, self._recorder = store, recorder

    def mark(self, choose: Choose, lease: float) -> list[bool]:
        """Mark, with a lease, what is chosen; whether each of them is still ours. Raises OutboxError."""

        def advance(done: Sequence[Settlement]) -> tuple[list[bool], list[bool]]:
            settled, marked = self._store.advance(done, [(job, lease) for job in choose(done)])
            return marked, settled

        marked = None if self._recorder is None else self._recorder.settle_with(advance)
        return self._store.mark(choose(()), lease=lease) if marked is None else marked

    def wait(self) -> None:
        """Wait for the commit that is on its way: it may mark what is asked for."""
        if self._recorder is not None:
            self._recorder.wait_for_commit(_PATIENCE)

    def hurry(self) -> None:
        """Few marked mails are left: have results written down now, and the next mails marked with them."""
        if self._recorder is not None:
            self._recorder.hurry()


class Marks:
    """The mails of several senders that one commit marks while it writes down these results."""

    def __init__(self, batches: Iterable[Batch], settled: Collection[LeaseId]) -> None:
        self._began = monotonic()
        self._chosen = [(batch, batch.next_to_mark(settled)) for batch in batches]
        self.leases = [(job, batch.lease) for batch, jobs in self._chosen for job in jobs]
        """Each mail, and the lease of its mark in seconds."""

    def note(self, marked: Sequence[bool]) -> None:
        """They are marked, those that were still ours."""
        done = iter(marked)
        for batch, jobs in self._chosen:
            batch.note_marks(jobs, [next(done) for _ in jobs], self._began)

    def note_failure(self) -> None:
        """Nobody knows whether they are."""
        for batch, jobs in self._chosen:
            batch.note_failed_marks(jobs)
