"""Questions to `confirm` about unsure mails that a worker has claimed, before they are sent again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from courriel._dataclass import replace
from courriel.outbox import policy
from courriel.outbox.questions import Confirm, Question, Questions
from courriel.outbox.store.jobs import Job
from courriel.outbox.store.states import FOUND, State
from courriel.outbox.work.results import Results
from courriel.outbox.work.sending.batch import Batch
from courriel.outbox.work.sending.outcomes import recipients_of

_ASK_LATER = 60.0  # seconds until a mail is claimed again, when too many are asked about


class Doubts:
    """Unsure mails of one run, and the questions about them."""

    def __init__(self, confirm: Confirm | None, results: Results, interrupted: Callable[[BaseException], None]) -> None:
        self.questions = Questions(confirm, interrupted)
        self._results = results
        self.found = 0
        """Mails that `confirm` has found delivered."""

    def is_in_question(self, batch: Batch, job: Job) -> bool:
        """Whether a mail is not to be sent now, because `confirm` is asked about it; then the batch has it no more.

        Its lease is extended while it waits. With the answer it is settled, or given back: then it is due again, and
        its next claim sends it.
        """
        questions = self.questions
        if not job.unsure or not questions.possible or job.left <= 0 or questions.is_answered(job.id, job.unsure):
            return False
        if not batch.answered(job):
            return True
        tell, extend = partial(self._settle, batch, job), partial(batch.extend_alone, job)
        if not questions.ask(Question(job.id, job.message_id, job.lane, job.unsure, tell, extend)):
            later = replace(policy.give_back(recipients_of(job, batch)), delay=_ASK_LATER)
            self._results.store(batch, job, later)
        return True

    def _settle(self, batch: Batch, job: Job, delivered: bool | None, heard: bool) -> None:
        """Store the answer about one mail; without an answer (not `heard`) it is sent again."""
        if delivered is True:
            self.found += 1
            decision = policy.Decision(State.SENT, job.recipients, why=FOUND, counted=False)
        else:
            decision = replace(policy.give_back(recipients_of(job, batch)), delay=-batch.age(job))
        self._results.store(batch, job, decision)

    def wait(self, seconds: float, asked: int) -> bool:
        """Wait for the next answer; whether a question was open, or more than `asked` were put so far."""
        return self.questions.wait(seconds) or self.questions.asked > asked

    def close(self) -> None:
        """Give back the mails about which `confirm` has not answered: none of them has left again."""
        for question in self.questions.close():
            question.tell(None, False)
