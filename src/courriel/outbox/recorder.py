"""Writes down what became of mails while others are sent: all that wait in one commit; then tells whoever listens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Condition, Thread
from time import monotonic

from courriel import errors
from courriel.outbox.listeners import Event, Listeners
from courriel.outbox.store import Settlement, State, Store
from courriel.outbox.ticket import Ticket
from courriel.values import dataclass

logger = logging.getLogger("courriel.outbox")

_MOST = 200  # in one commit
_SOONEST, _LATEST = 0.05, 5.0  # seconds until a store that failed is tried again


@dataclass(frozen=True, slots=True)
class Entry:
    """One mail's end of a try, and what it is news of."""

    settlement: Settlement
    events: tuple[Event, ...] = ()


class Recorder:
    """A thread that settles. A store that fails is tried again, for as long as it takes: the mails are delivered."""

    def __init__(
        self, store: Store, listeners: Listeners, ticket: Callable[[str], Ticket], ring: Callable[[], None]
    ) -> None:
        self._store, self._listeners, self._ticket, self._ring = store, listeners, ticket, ring
        self._entries: list[Entry] = []
        self._writing = 0
        self._ended = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="courriel outbox recorder", daemon=True)
        self._thread.start()

    def add(self, entry: Entry) -> None:
        """Write this down soon."""
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written down; whether it is, after so many seconds at most."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._entries and not self._writing, seconds)

    def close(self, seconds: float) -> int:
        """Write down what is there, for so many seconds at most. Returns how many are left: they will be unsure."""
        self.flush(seconds)
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            left = len(self._entries) + self._writing
        if not left:
            self._thread.join(seconds)
        return left

    # The steps.

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._entries) or self._ended)
                if self._ended and not self._entries:
                    return
                entries, self._entries = self._entries[:_MOST], self._entries[_MOST:]
                self._writing = len(entries)
            try:
                self._write(entries)
            finally:
                with self._changed:
                    self._writing = 0
                    self._changed.notify_all()

    def _write(self, entries: list[Entry]) -> None:
        done = self._settle([entry.settlement for entry in entries])
        told = []
        for entry, settled in zip(entries, done, strict=True):
            ident = entry.settlement.id
            if not settled:
                # Cancelled meanwhile, or taken over after our lease: the row is theirs, and says what it says.
                logger.warning(
                    "A mail was no longer ours when its result came", extra={"action": "lease_lost", "ticket": ident}
                )
                continue
            _log(entry.settlement)
            if self._listeners.tell(entry.events, self._ticket(ident)) and entry.settlement.news:
                told.append(ident)
        self._ring()
        if told:
            self._forget_news(told)

    def _settle(self, settlements: list[Settlement]) -> list[bool]:
        pause = _SOONEST
        while True:
            try:
                return self._store.settle(settlements)
            except errors.OutboxError as failed:
                logger.error("Results wait to be written down: %s", failed, extra={"action": "settle_failed"})
                self._wait(pause)
                pause = min(pause * 2, _LATEST)
                reopen(self._store)
            except Exception:
                # The outer edge: one result that cannot be written must not keep the others waiting.
                if len(settlements) > 1:
                    return [done for each in settlements for done in self._settle([each])]
                logger.exception("A result cannot be written down", extra={"action": "settle_impossible"})
                return [False]

    def _wait(self, seconds: float) -> None:
        ends = monotonic() + seconds
        with self._changed:
            while (left := ends - monotonic()) > 0:
                self._changed.wait(left)

    def _forget_news(self, told: list[str]) -> None:
        try:
            self._store.told(told)
        except errors.OutboxError as failed:
            logger.warning("The same news will be told again: %s", failed, extra={"action": "told_failed"})


def reopen(store: Store) -> None:
    """Begin anew with a store that failed; when that fails too, its next use will say so."""
    try:
        store.reopen()
    except errors.OutboxError as failed:
        logger.error("The outbox cannot be opened: %s", failed, extra={"action": "reopen_failed"})


# The steps.


def _log(settled: Settlement) -> None:
    words = {
        State.SENT: "Ticket sent",
        State.FAILED: "Ticket failed",
        State.HELD: "Ticket waits for a person",
        State.READY: "Ticket waits for its next try",
    }
    action = f"ticket_{settled.state.name.lower()}"
    logger.info(words.get(settled.state, "Ticket settled"), extra={"action": action, "ticket": settled.id})
