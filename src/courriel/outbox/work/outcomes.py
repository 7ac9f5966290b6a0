"""Outcome of an attempt: the decision on its mail, the events to tell, and what it says of the lane."""

from __future__ import annotations

import logging
from random import random

from courriel import errors
from courriel._dataclass import replace
from courriel.model.receipt import Receipt
from courriel.network.careful_log import CarefulLogger
from courriel.outbox import policy
from courriel.outbox.lanes import shown
from courriel.outbox.listeners import Event as News
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import LaneInfo
from courriel.outbox.store.jobs import Job
from courriel.outbox.store.states import State
from courriel.outbox.work.batch import Batch

logger = CarefulLogger("courriel.outbox")
_LONGEST_WHY = 500  # characters of a reason, and of a reply, that are stored


class LaneOutcome:
    """Outcome of one batch for its lane: a problem, a success, or neither."""

    def __init__(self, name: str, lane: LaneInfo | None) -> None:
        self._name, self._fails = name, lane.fails if lane is not None else 0
        self._trouble: policy.LaneProblem | None = None
        self._works = False
        self._error = ""  # last reason for which a mail was not sent

    def see(self, decision: policy.Decision) -> None:
        """Record the result of one mail."""
        self._trouble = self._trouble or decision.trouble
        self._works = self._works or (decision.trouble is None and decision.counted)
        self._error = decision.why if decision.state is not State.SENT and decision.why else self._error

    def tell(self, store: Store) -> None:
        """Pause the lane after a problem, or reset its failures after a success."""
        if self._trouble is not None:
            pause = policy.pause(self._fails, self._trouble, random())  # noqa: S311
            why = stored_text(self._trouble.sentence)
            level = logging.ERROR if self._trouble.login else logging.WARNING
            action = "login_refused" if self._trouble.login else "lane_paused"
            told = (shown(self._name), pause, self._trouble.brief)
            if self._trouble.mendable:
                logger.log(level, "Lane %s rests for %.0f s: %s. Once that is mended, courriel outbox resume starts it",
                           *told, extra={"action": action})  # fmt: skip
            else:
                logger.log(level, "Lane %s rests for %.0f s: %s", *told, extra={"action": action})
            store.lane_failed(self._name, fails=self._fails, pause=pause, why=why)
        elif self._works and self._fails:
            store.lane_works(self._name)
        if self._trouble is None and self._error:
            store.note_error(self._name, stored_text(self._error))


def decision_on(job: Job, result: policy.Result, batch: Batch) -> policy.Decision:
    tried = batch.tried(job)
    if isinstance(result, Receipt):
        batch.ahead.took(len(tried), policy.crowd_limit(result))
    if len(tried) < len(job.recipients) and isinstance(result, Receipt | errors.RecipientsRefused):
        mail = replace(recipients_of(job, batch), recipients=tried)
        return policy.with_rest(policy.decide(result, mail, random()), job.recipients[len(tried) :], mail)  # noqa: S311
    sent = None if job.results else policy.taken_by_all(result, job.recipients)
    return sent or policy.decide(result, recipients_of(job, batch), random())  # noqa: S311


def unanswered(job: Job, batch: Batch, why: object) -> policy.Decision:
    """Decision for a mail whose end may have left and whose answer is not awaited any more."""
    lost = errors.ConnectionFailed(f"nobody waited for the answer: {why}", stage="message", in_doubt=True)
    lost.message_id = job.message_id
    return policy.decide(lost, recipients_of(job, batch), random())  # noqa: S311


def recipients_of(job: Job, batch: Batch) -> policy.RecipientState:
    passed = batch.age(job)
    return policy.RecipientState(
        job.recipients,
        job.age + passed,
        job.left - passed,
        job.tries,
        job.on_unsure,
        together=bool(job.options.get("together")),
        failed_before=bool(job.results) and _has_failed(job),
    )


def _has_failed(job: Job) -> bool:
    waiting = frozenset(job.recipients)
    return any(name not in waiting and (code >= 500 or not code) for name, (code, *_) in job.results.items())


def events_of(job: Job, decision: policy.Decision) -> tuple[News, ...]:
    if decision.state is State.SENT:
        return ("sent",)
    if decision.state is State.FAILED:
        return ("failed",)
    if decision.unsure:
        return ("unsure",)
    return ("delayed",) if policy.is_delayed(job.calm, job.age) else ()


def stored_text(text: str) -> str:
    """Shorten a text to what is stored, in characters that every database accepts."""
    if len(text) <= _LONGEST_WHY and text.isascii() and "\0" not in text:
        return text
    return text[:_LONGEST_WHY].replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
