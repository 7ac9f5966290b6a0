"""Results: from the decision on a mail to the settlement that the result writer stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import random
from typing import TYPE_CHECKING

from courriel._dataclass import replace
from courriel.outbox import policy
from courriel.outbox.store.jobs import Claimed, Job, Settlement
from courriel.outbox.work.sending.batch import Batch
from courriel.outbox.work.sending.marking import Marks
from courriel.outbox.work.sending.outcomes import LaneOutcome, events_of, recipients_of, stored_text, unanswered
from courriel.outbox.work.sending.result_writer import Entry, ResultWriter
from courriel.outbox.work.takeover import tell_recovered, tell_unreadable

if TYPE_CHECKING:
    from courriel.outbox.listeners import Event
    from courriel.outbox.work.tools import Tools

_NEXT = 1e-6  # seconds between the times at which mails that were given back together are due


class Results:
    """Results of one run of a worker; `in_hand` returns its batches, whose next mails are marked with them."""

    def __init__(self, tools: Tools, in_hand: Callable[[], Sequence[Batch]]) -> None:
        self._tools, self._store = tools, tools.store
        self.writer = ResultWriter(
            tools.store, tools.listeners, tools.ticket, tools.bell.ring, lambda settled: Marks(in_hand(), settled)
        )
        self.advanced = False
        """Whether a mail was settled since this was set to False, apart from giving it back."""
        self._closed = False

    def record(self, batch: Batch, job: Job, decision: policy.Decision, outcome: LaneOutcome) -> None:
        """Have the first result of a mail stored, and count it for its lane."""
        if batch.answered(job):
            outcome.see(decision)
            self.store(batch, job, decision)

    def store(self, batch: Batch, job: Job, decision: policy.Decision) -> None:
        """Have a result stored."""
        batch.unsure += batch.ended and decision.unsure
        self.advanced = self.advanced or decision.counted or decision.state.final
        events = events_of(job, decision)
        settlement = _settlement(job, decision, news=self._tools.listeners.wanted(events))
        if self._closed:
            self._store.settle([settlement])  # this thread has outlived the run of its worker
        else:
            self.writer.add(Entry(settlement, events, batch.written), slow=batch.ahead.slow)

    def give_back_unsent(self, batch: Batch) -> None:
        """Permit no more ends of a batch, and give back its mails that have not left."""
        for job in batch.end():
            self.store(batch, job, policy.give_back(recipients_of(job, batch)))

    def store_unanswered(self, batch: Batch) -> None:
        """Store the mails that may have left as unsure, because the worker stops and waits no longer."""
        for job in batch.part_with_rest():
            self.store(batch, job, unanswered(job, batch, "the worker stopped"))

    def part_with(self, batch: Batch, failure: BaseException | None, outcome: LaneOutcome) -> None:
        """Settle mails without a result: unsure when the end may have left, otherwise given back."""
        error, jobs = (failure if isinstance(failure, Exception) else None), batch.unanswered
        oldest = max(map(batch.age, jobs), default=0.0)
        for number, job in enumerate(jobs):
            mail = recipients_of(job, batch)
            if batch.may_have_left(job):
                decision = unanswered(job, batch, failure)
            elif batch.was_begun(job) and error is not None:
                decision = policy.decide(error, mail, random())  # noqa: S311
            else:
                decision = policy.give_back(mail, error)
                if error is None:  # due as before, and in the same order
                    decision = replace(decision, delay=number * _NEXT - oldest)
            self.record(batch, job, decision, outcome)

    def store_pending(self) -> None:
        """Store pending results when no claim does, because a listener may block the result writer."""

        def settle(done: Sequence[Settlement]) -> tuple[bool, Sequence[bool]]:
            return True, self._store.settle(done)

        self.writer.settle_with(settle)

    def tell(self, event: Event, ident: str) -> None:
        """Have listeners called for an event that is stored, by the result writer's thread while there is one."""
        if not self._closed:
            self.writer.tell(event, ident)
        elif self._tools.listeners.tell((event,), self._tools.ticket(ident)):
            self._store.told([ident])

    def tell_found(self, claimed: Claimed) -> None:
        """Log mails that a claim has recovered or held, and have listeners called."""
        tell_recovered(claimed.recovered, self.tell)
        tell_unreadable(claimed.unreadable)
        self.advanced = self.advanced or bool(claimed.unreadable)

    def close(self, seconds: float) -> int:
        """Store pending results within `seconds`, and end the writer; returns how many are not stored."""
        left = self.writer.close(seconds)
        self._closed = True
        return left


# The steps.


def _settlement(job: Job, decision: policy.Decision, *, news: bool) -> Settlement:
    now = time.time()
    results = dict(job.results) if job.results else {}
    for name, (code, enhanced, text) in decision.words.items():
        results[name] = code, enhanced, stored_text(text), now
    return Settlement(
        job.id,
        job.token,
        decision.state,
        decision.recipients,
        results,
        decision.delay,
        stored_text(decision.why),
        decision.counted,
        decision.unsure,
        news=news,
    )
