"""
LeaseKeeper: watches what senders have in hand, takes over mails of dead workers, and prunes.

It extends no lease of what is being sent: only the sending thread does, which knows whether there is progress. Of mails
about which `confirm` is asked it does. It calls no function of the user: those may take as long as they like.
"""

from __future__ import annotations

import time
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel.network.careful_log import CarefulLogger
from courriel.outbox.listeners import event_of
from courriel.outbox.questions import Question, Questions
from courriel.outbox.store.facts import MailInfo, Query
from courriel.outbox.store.jobs import Pruned
from courriel.outbox.store.pruning import Pruning
from courriel.outbox.store.states import UNSURE, State
from courriel.outbox.work.batch import Batch
from courriel.outbox.work.takeover import REST, Tell, take_over

if TYPE_CHECKING:
    from courriel.outbox.work.tools import Tools

logger = CarefulLogger("courriel.outbox")

SENT_KEPT, FAILED_KEPT = 7 * 86_400.0, 30 * 86_400.0
"""Seconds for which mails stay in the outbox after their end: long enough for questions about them."""

_TICK = 1.0  # seconds between two rounds
_ROUNDS = 60  # ticks between two signs of life, and two searches for untold events and for held mails
_PRUNE = 3600  # ticks between two prunings
_PRUNING = 0.5  # seconds of a tick for pruning: the rest goes on in the next ticks
_OLD_NEWS = 60.0  # seconds after which an event is untold because its worker is gone


class LeaseKeeper:
    """A thread beside the senders."""

    def __init__(self, tools: Tools, questions: Questions, tell: Tell) -> None:
        self._tools, self._tell = tools, tell
        self.questions = questions
        """Questions to `confirm`; each run of a worker has its own."""
        self._batches: list[Batch] = []
        self._lock = Lock()
        self._halt = Event()
        self._thread: Thread | None = None
        self.moved = monotonic()
        """Time of its last step."""

    def start(self) -> None:
        """Start the thread."""
        self._halt.clear()
        self.moved = monotonic()
        self._thread = Thread(target=self._run, name="courriel outbox keeper", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Stop the thread."""
        self._halt.set()
        if self._thread is not None:
            self._thread.join(seconds)

    @property
    def in_hand(self) -> list[Batch]:
        """Batches being sent now."""
        with self._lock:
            return list(self._batches)

    def take_over(self) -> None:
        """Give back the mails of dead workers. Raises OutboxError."""
        take_over(self._tools, self._tell, rest=REST if self.questions.possible else 0.0)

    def watch(self, batch: Batch) -> None:
        """Add a batch that is being sent."""
        with self._lock:
            self._batches.append(batch)

    def forget(self, batch: Batch) -> None:
        """Remove a batch."""
        with self._lock:
            self._batches.remove(batch)

    # The steps.

    def _run(self) -> None:
        tick = 0
        pruning = Pruning(self._tools.store, sent=SENT_KEPT, failed=FAILED_KEPT, rest=self._halt.wait)
        pruned = Pruned(0, more=False)
        while not self._halt.wait(_TICK if tick else 0.01):
            self.moved = monotonic()
            try:
                self._look_after()
                self._tools.presence.enlist()
                self.take_over()
                if tick and tick % _ROUNDS == 0:
                    self._tools.presence.renew()
                if tick % _ROUNDS == 0:
                    self._tell_again()
                    self._ask_about_held()
                if pruned.more or tick % _PRUNE == 0:
                    pruned = pruning.run(_PRUNING)
            except errors.OutboxError as failed:
                logger.warning(
                    "The outbox cannot be used for now, and is tried again: %s",
                    failed,
                    extra={"action": "keeper_failed"},
                )
            except BaseException as failed:
                logger.exception("The keeper failed, and goes on", extra={"action": "keeper_failed"})
                self._tools.listeners.interrupt(failed)
            tick += 1

    def _look_after(self) -> None:
        for batch in self.in_hand:
            if batch.overdue and batch.cut is not None:
                batch.cut()
        self.questions.look_after()

    def _tell_again(self) -> None:
        """Have listeners called for events whose worker ended after storing them."""
        listeners = self._tools.listeners
        for info in self._tools.store.read(Query(news=True)):
            event = event_of(info)
            if info.changed < time.time() - _OLD_NEWS and listeners.wanted((event,)):
                self._tell(event, info.id)

    def _ask_about_held(self) -> None:
        """Have `confirm` asked about held mails that may have been delivered."""
        if not self.questions.possible:
            return
        for info in self._tools.store.read(Query(state=State.HELD, unsure=True)):
            if info.why == UNSURE and info.due <= time.time() and not self._ask_about(info):
                return

    def _ask_about(self, info: MailInfo) -> bool:
        def tell(found: bool | None, heard: bool) -> None:
            if heard:  # otherwise asked again in the next round
                self._tools.store.edit(info.id, "found" if found is True else "not_found")
                self._tools.bell.ring()

        return self.questions.ask(Question(info.id, info.message_id, info.lane, info.unsure, tell))
