"""
LeaseKeeper: watches what senders have in hand, takes over mails of dead workers, and prunes.

It extends no lease: only the sending thread does, which knows whether there is progress.
"""

from __future__ import annotations

import logging
import time
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel.outbox.listeners import event_of
from courriel.outbox.store.base import UNSURE, MailInfo, Pruned, Query, State
from courriel.outbox.store.pruning import Pruning
from courriel.outbox.work.batch import Batch
from courriel.outbox.work.takeover import REST, take_over

if TYPE_CHECKING:
    from courriel.outbox.work.worker import Confirm, Tools

logger = logging.getLogger("courriel.outbox")

SENT_KEPT, FAILED_KEPT = 7 * 86_400.0, 30 * 86_400.0
"""Seconds for which mails stay in the outbox after their end: long enough for questions about them."""

_TICK = 1.0  # seconds between two rounds
_ROUNDS = 60  # ticks between two signs of life, and two searches for untold events and for held mails
_PRUNE = 3600  # ticks between two prunings
_PRUNING = 0.5  # seconds of a tick for pruning: the rest goes on in the next ticks
_OLD_NEWS = 60.0  # seconds after which an event is untold because its worker is gone


class LeaseKeeper:
    """A thread beside the senders."""

    def __init__(self, tools: Tools, confirm: Confirm | None) -> None:
        self._tools, self._confirm = tools, confirm
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
        take_over(self._tools, rest=0.0 if self._confirm is None else REST)

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
                logger.warning("The outbox could not be looked after: %s", failed, extra={"action": "keeper_failed"})
            except Exception:
                logger.exception("The keeper failed, and goes on", extra={"action": "keeper_failed"})
            tick += 1

    def _look_after(self) -> None:
        for batch in self.in_hand:
            if batch.overdue and batch.cut is not None:
                batch.cut()

    def _tell_again(self) -> None:
        """Call listeners for events whose worker ended after storing them."""
        listeners = self._tools.listeners
        for info in self._tools.store.read(Query(news=True)):
            event = event_of(info)
            old = info.changed < time.time() - _OLD_NEWS
            if old and listeners.wanted((event,)) and listeners.tell((event,), self._tools.ticket(info.id)):
                self._tools.store.told([info.id])

    def _ask_about_held(self) -> None:
        """Ask `confirm` about held mails that may have been delivered."""
        if self._confirm is None:
            return
        for info in self._tools.store.read(Query(state=State.HELD, unsure=True)):
            if info.why == UNSURE and info.due <= time.time():
                self._ask_about(info)

    def _ask_about(self, info: MailInfo) -> None:
        assert self._confirm is not None
        found = self._confirm(info.message_id, info.lane)
        self._tools.store.edit(info.id, "found" if found else "not_found")
        self._tools.bell.ring()
