"""
Questions: calls `confirm` about unsure mails, in a thread of its own for which no other thread waits.

Whoever is asked may search a mailbox, which takes seconds or minutes, may never return, and may raise anything. The
leases of the mails in question are extended meanwhile by the keeper's thread; no answer within `LIMIT` counts as None.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Condition, Thread
from time import monotonic
from typing import TypeAlias

from courriel._dataclass import dataclass
from courriel.network.careful_log import CarefulLogger

logger = CarefulLogger("courriel.outbox")

Confirm: TypeAlias = Callable[[str, str], "bool | None"]
"""Callback that returns whether an unsure mail was delivered, by Message-ID and lane; None when that is unknown."""

LIMIT = 300.0
"""Seconds for one answer: a search in a large mailbox takes a minute."""

_MOST = 200  # questions that wait: each has a lease, and each lease a commit every half minute
_REMEMBERED = 10_000  # answers


@dataclass(frozen=True, slots=True)
class Question:
    """Question about one mail: `tell` is called with the answer and whether there was one, and `extend` while it waits.

    `unsure` is the number of its unsure attempts: after another one it is another question.
    """

    id: str
    message_id: str
    lane: str
    unsure: int
    tell: Callable[[bool | None, bool], None]
    extend: Callable[[], None] = lambda: None


class Questions:
    """Questions of one worker to its `confirm`; `interrupted` is called with an exception that asks for an end.

    An exception, and no answer in time, count as None: nobody can tell.
    """

    def __init__(self, confirm: Confirm | None, interrupted: Callable[[BaseException], None]) -> None:
        self._confirm, self._interrupted = confirm, interrupted
        self._waiting: deque[Question] = deque()
        self._current: Question | None = None
        self._since = 0.0  # when the current one was asked
        self._late = False  # whether its answer is not waited for any more
        self._telling = 0  # given up, and not told yet
        self._known: OrderedDict[tuple[str, int], bool | None] = OrderedDict()
        self._changed = Condition()
        self._thread: Thread | None = None
        self._closed = False
        self.asked = 0
        """Questions so far."""

    @property
    def possible(self) -> bool:
        """True when the outbox has a `confirm` callback to ask."""
        return self._confirm is not None

    def ask(self, question: Question) -> bool:
        """Queue the question, once; returns False when too many questions wait already."""
        with self._changed:
            if self._closed or len(self._waiting) >= _MOST:
                return False
            if not any(each.id == question.id for each in self._open()):
                self.asked += 1
                self._waiting.append(question)
                self._changed.notify_all()
            if self._thread is None:
                self._thread = Thread(target=self._run, name="courriel outbox questions", daemon=True)
                self._thread.start()
            return True

    def is_answered(self, id: str, unsure: int) -> bool:  # noqa: A002 - its name everywhere
        """Whether the answer about this mail was not that it was delivered, so that it may be sent."""
        with self._changed:
            return (id, unsure) in self._known

    def look_after(self) -> None:
        """Extend the leases of all mails in question, and give up a question that has waited too long."""
        late: list[Question] = []
        with self._changed:
            waiting = self._open()
            if self._current is not None and monotonic() - self._since > LIMIT:
                # Whoever does not answer this one answers no others either, until the call has returned.
                late, waiting, self._late = waiting, [], True
                self._waiting.clear()
                self._telling = len(late)
        for question in late:
            self._answered(question, None, heard=False)
        if late:
            logger.error("No answer of confirm for %.0f s; mails no longer asked about: %d", LIMIT,
                         len(late), extra={"action": "confirm_late", "ticket": late[0].id})  # fmt: skip
        for question in waiting:
            question.extend()

    def wait(self, seconds: float) -> bool:
        """Wait for the next answer; False when no question is open."""
        with self._changed:
            before = len(self._open()) + self._telling
            if before:
                self._changed.wait_for(lambda: len(self._open()) + self._telling < before, seconds)
            return before > 0

    def close(self) -> list[Question]:
        """Ask no more; return the questions without an answer. An answer that comes later does not count."""
        with self._changed:
            open_ones, self._closed, self._late = self._open(), True, True
            self._waiting.clear()
            self._changed.notify_all()
            return open_ones

    # The steps.

    def _open(self) -> list[Question]:
        current = [] if self._current is None or self._late else [self._current]
        return [*current, *self._waiting]

    def _run(self) -> None:
        while (question := self._next()) is not None:
            answer, heard = self._answer(question)
            with self._changed:
                late, self._since = self._late, monotonic()
            if not late:
                self._answered(question, answer, heard=heard)
            with self._changed:
                self._current, self._late = None, self._closed
                self._changed.notify_all()

    def _next(self) -> Question | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            self._current, self._since = self._waiting.popleft(), monotonic()
            return self._current

    def _answer(self, question: Question) -> tuple[bool | None, bool]:
        assert self._confirm is not None
        try:
            return self._confirm(question.message_id, question.lane), True
        except BaseException as failed:
            logger.exception("Nobody could be asked about a mail",
                             extra={"action": "confirm_failed", "ticket": question.id})  # fmt: skip
            if not isinstance(failed, Exception):
                self._interrupted(failed)
            return None, False

    def _answered(self, question: Question, answer: bool | None, *, heard: bool) -> None:
        if answer is not True:
            with self._changed:
                self._known[question.id, question.unsure] = answer
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        try:
            question.tell(answer, heard)
        except Exception:
            logger.exception("An answer could not be written down", extra={"action": "answer_failed"})
        with self._changed:
            self._telling = max(0, self._telling - 1)
            self._changed.notify_all()
