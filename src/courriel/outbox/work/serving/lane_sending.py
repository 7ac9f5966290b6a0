"""LaneSending: sends the claimed mails of one lane, and those of further claims while they may follow at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel._dataclass import dataclass
from courriel.delivery.routing.decided import in_doubt_somewhere
from courriel.outbox import policy
from courriel.outbox.attempts import Attempts
from courriel.outbox.lanes import Way
from courriel.outbox.store.jobs import Claimed, Job
from courriel.outbox.work.sending.batch import Batch
from courriel.outbox.work.sending.dispatcher import Dispatcher, may_be_way, takes_any_sender
from courriel.outbox.work.sending.end_permit import way_in_doubt
from courriel.outbox.work.sending.marking import Marking
from courriel.outbox.work.sending.outcomes import LaneOutcome, decision_on
from courriel.outbox.work.serving.due_lanes import LOOK
from courriel.outbox.work.serving.held_slots import HeldSlots

if TYPE_CHECKING:
    from courriel.outbox.work.run import Run

ClaimMore: TypeAlias = "Callable[[Batch], tuple[Claimed, float]]"
"""Claims the next mails for a batch; returns them with a time before the claim."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Transport and limits by which one thread sends the mails of a lane, and when it makes room for other lanes."""

    lane: str
    way: Way
    dispatcher: Dispatcher
    answer_limit: float
    """Longest wait in seconds for the answer to one mail."""
    waiting_lease: float
    """Lease in seconds of a mail that waits for its mark."""
    most_claimed: int
    """Mails of one claim, at most."""
    claim_more: ClaimMore
    is_urgent_elsewhere: Callable[[str], bool]
    """Whether urgent mails of other lanes than this one are due."""


class LaneSending:
    """Sending of one claim; up to `most` mails follow by further claims, while more are due."""

    def __init__(self, run: Run, terms: Terms, claimed: Claimed, began: float, most: int) -> None:
        self._run, self._terms, self._most = run, terms, most
        self._claimed, self._began = claimed, began
        self._ahead = terms.dispatcher.ahead(terms.lane)
        self._slots = HeldSlots(run.tools.store, claimed.slots, began)
        self._tried = self._begun = 0
        self._urgent = 0  # the mails up to this one are urgent, or came before one that is
        self._apart: list[tuple[Claimed, float]] = []  # claims to be sent after this one
        self._batch = Batch(
            run.tools.store,
            (),
            terms.answer_limit,
            goes_on=self._goes_on,
            ahead=self._ahead,
            marking=Marking(run.tools.store, run.results.writer),
            more=self._more,
            waiting_lease=terms.waiting_lease,
            verp=lambda: takes_any_sender(terms.way),
        )

    def send(self) -> int:
        """Send the mails, and have each result stored; mails without a result were not begun, or are in doubt.

        Returns how many were tried.
        """
        run, batch = self._run, self._batch
        lane, way, dispatcher = self._terms.lane, self._terms.way, self._terms.dispatcher
        outcome = LaneOutcome(lane, self._claimed.lane)
        attempts = Attempts(run.tools.listeners.attempts, lane, way, run.tools.listeners.interrupt)
        failure: BaseException | None = None
        run.keeper.watch(batch)
        run.pulse.carry(batch)
        try:
            if self._take(self._claimed, self._began) and batch.jobs and self._goes_on():
                for job, result in dispatcher.carry(lane, way, batch):
                    self._begun += 1
                    self._slots.answered()
                    attempts.tell(result)
                    run.results.record(batch, job, decision_on(job, result, batch), outcome)
        except errors.CourrielError as broken:
            attempts.tell(broken)
            failure = broken if not dispatcher.short else None
        except BaseException as broken:
            failure = broken
            raise
        finally:
            self._finish(failure, outcome)
        apart = [LaneSending(run, self._terms, claimed, began, 0).send() for claimed, began in self._apart]
        return self._tried + sum(apart)

    # The steps.

    def _finish(self, failure: BaseException | None, outcome: LaneOutcome) -> None:
        """Give back the slots and the mails without a result, and tell the store how the lane did."""
        run, batch, dispatcher = self._run, self._batch, self._terms.dispatcher
        self._ahead.rest()
        self._slots.leave(self._begun + batch.in_hand, in_hand=batch.in_hand > 0)
        run.results.part_with(batch, failure, outcome)
        run.keeper.forget(batch)
        run.pulse.beat()
        if not batch.ended:
            outcome.tell(run.tools.store)
        if dispatcher.short:
            run.halt.wait(LOOK)  # wait until others have closed theirs

    def _goes_on(self) -> bool:
        """Whether one more mail may be begun."""
        return (
            self._run.goes_on()
            and not (self._begun >= self._urgent and self._terms.is_urgent_elsewhere(self._terms.lane))
            and self._slots.may_begin()
        )

    def _take(self, claimed: Claimed, began: float) -> bool:
        """Add claimed mails to the batch; whether there were any."""
        batch = self._batch
        batch.lease_out(claimed.jobs, claimed.marked, began)
        jobs = [job for job in self._spared(claimed.jobs) if not self._run.doubts.is_in_question(batch, job)]
        self._tried += len(jobs)
        self._urgent = self._begun + sum(job.priority == 0 for job in jobs)
        batch.queue([job for job in jobs if not self._is_over(job) and not self._hold_for_lost_way(job)])
        return bool(claimed.jobs)

    def _spared(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """The mails without recipients that have come onto the suppression list since they were put."""
        if not jobs or not self._run.tools.store.suppressing:
            return jobs
        from courriel.outbox.work.serving.suppressed_jobs import without_suppressed

        spared = without_suppressed(self._run.tools.store, jobs)
        self._batch.change(spared)
        return spared

    def _is_over(self, job: Job) -> bool:
        """Whether a mail is not to be sent, because it has expired, or nobody is left who gets it."""
        if job.left > 0 and job.recipients:
            return False
        if self._batch.answered(job):
            over = policy.expired(job.recipients) if job.recipients else policy.suppressed(job.results)
            self._run.results.store(self._batch, job, over)
        return True

    def _hold_for_lost_way(self, job: Job) -> bool:
        """Hold a mail that may have left by a way which the lane no longer has; True when it was held.

        Lanes with several ways ask the guard of each mail themselves.
        """
        name = way_in_doubt(job)
        if not name or may_be_way(self._terms.way, name):
            return False
        if self._batch.answered(job):
            self._run.results.store(self._batch, job, decision_on(job, in_doubt_somewhere(), self._batch))
        return True

    def _more(self) -> bool:
        """Whether further mails were claimed for the batch: only after a full claim, which leaves some due."""
        if self._tried >= self._most or self._tried % self._terms.most_claimed:
            return False
        with self._ahead.reserving():
            claimed, began = self._terms.claim_more(self._batch)
            if claimed.slots is not None or any(job.lost for job in claimed.jobs):
                self._most = 0  # sent alone, or at the lane's new rate, after the mails in hand
                self._apart.append((claimed, began))
                return False
            taken = self._take(claimed, began)
            if self._batch.ended:
                self._run.results.give_back_unsent(self._batch)  # the stopping thread has not seen them
            return taken
