"""
ResultWriter: stores results of mails, and then calls the listeners.

A thread stores each result soon after it came, and marks the sender's next mails by the same commit. A sender commits
pending results together with its next claim, or with marks when it has no marked mail left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from threading import Condition, RLock, Thread
from time import monotonic
from typing import TypeVar

from courriel import errors
from courriel._dataclass import dataclass
from courriel.network.careful_log import CarefulLogger
from courriel.outbox.listeners import Event, Listeners
from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import Settlement
from courriel.outbox.store.states import LeaseId, State
from courriel.outbox.ticket import Ticket
from courriel.outbox.work.marking import Marks

logger = CarefulLogger("courriel.outbox")

T = TypeVar("T")

_MOST = 1000  # results in one commit
_MOMENT = 0.015  # seconds between two commits of the thread; a death meanwhile leaves mails unsure
_LONGER = 0.05  # seconds, for a fast server, whose sender stores results before that
_SHARE = 4  # times the duration of a commit: a slow disk is not kept busy by single results
_SOONEST, _LATEST = 0.05, 5.0  # seconds until a failing store is tried again


@dataclass(frozen=True, slots=True)
class Entry:
    """Result of one attempt to be stored, and the events to be told."""

    settlement: Settlement
    events: tuple[Event, ...] = ()
    written: Callable[[Iterable[LeaseId]], None] | None = None
    """Called with the leases of all such entries when the results are stored."""


@dataclass(frozen=True, slots=True)
class _News:
    """Events of a mail to be told; `noted` when the store remembers that they are untold."""

    id: str
    events: tuple[Event, ...]
    noted: bool


class ResultWriter:
    """A thread that settles mails. A failing store is retried without end, because the mails are delivered."""

    def __init__(
        self,
        store: Store,
        listeners: Listeners,
        ticket: Callable[[str], Ticket],
        ring: Callable[[], None],
        marks: Callable[[Collection[LeaseId]], Marks] = lambda settled: Marks((), settled),
    ) -> None:
        self._store, self._listeners, self._ticket, self._ring = store, listeners, ticket, ring
        self._marks = marks
        self._entries: list[Entry] = []
        self._due = 0.0  # when the first result is stored, unless a sender stores it before
        self._last = float("-inf")  # time of the last commit
        self._moment = _MOMENT
        self._news: list[_News] = []  # stored, and not told yet
        self.trouble: errors.OutboxError | None = None
        """Error for which results wait, while they do."""
        self._writing = 0
        self._commits = False  # whether a commit of the thread is running
        self._ended = False
        self._wakes = float("-inf")  # when the thread looks again by itself; long ago while it is at work
        self._busy_since: float | None = None
        self._lock = RLock()  # for each mail by itself, in half the time
        self._work = Condition(self._lock)  # for the thread
        self._done = Condition(self._lock)  # for those who wait for it
        self._thread = Thread(target=self._run, name="courriel outbox recorder", daemon=True)
        self._thread.start()

    def add(self, entry: Entry, *, slow: bool = True) -> None:
        """Store a result soon; sooner for a slow server, whose sender will not store it with its next claim before
        that.
        """
        with self._lock:
            due = self._last + (self._moment if slow else max(self._moment, _LONGER))
            if not self._entries or due < self._due:
                self._due = due
            self._entries.append(entry)
            if self._due < self._wakes:  # it is not woken for what a sender will have stored by then
                self._work.notify()

    def tell(self, event: Event, ident: str) -> None:
        """Have listeners called for an event that is stored already, unless it is waiting to be told."""
        with self._lock:
            if self._listeners.wanted((event,)) and not any(each.id == ident for each in self._news):
                self._news.append(_News(ident, (event,), noted=True))
                self._work.notify()

    def settle_with(
        self, act: Callable[[Sequence[Settlement]], tuple[T, Sequence[bool]]], *, always: bool = False
    ) -> T | None:
        """Run `act`, which stores the pending results in its own commit, and returns for each whether it was stored.

        None when `act` raised; also without pending results, unless `always`.
        """
        entries = self._take()
        if not entries and not always:
            return None
        try:
            result, settled = act([entry.settlement for entry in entries])
        except Exception as failed:  # noqa: BLE001 - the thread tries the results again, and meets the same error
            logger.warning("Results wait to be written down: %s", failed, extra={"action": "settle_failed"})
            self._put_back(entries)
            if isinstance(failed, errors.OutboxError) and entries:
                self.trouble = failed
            return None
        except BaseException:
            self._put_back(entries)  # the sender was interrupted, but its mails are sent
            raise
        if entries:
            self._written(entries, settled)
        return result

    def wait_for_commit(self, seconds: float) -> None:
        """Wait for the running commit of the thread, for `seconds` at most."""
        with self._lock:
            if self._commits:
                self._done.wait_for(lambda: not self._commits, seconds)

    def hurry(self) -> None:
        """Store pending results now."""
        with self._lock:
            if self._entries and self._due:
                self._due = 0.0
                self._work.notify()

    def flush(self, seconds: float) -> bool:
        """Store pending results now; whether they were stored and told within `seconds`."""
        with self._lock:
            self._due = 0.0
            self._work.notify()
            return self._done.wait_for(lambda: not (self._entries or self._news or self._writing), seconds)

    def close(self, seconds: float) -> int:
        """Store pending results within `seconds`, and stop. Returns how many are left: their mails will be unsure."""
        self.flush(seconds)
        with self._lock:
            self._ended = True
            self._work.notify()
            left = len(self._entries) + self._writing
        if not left:
            self._thread.join(seconds)
        return left

    @property
    def moved(self) -> float:
        """Time of the thread's last step; now, when it waits for work."""
        busy_since = self._busy_since
        return monotonic() if busy_since is None else busy_since

    # The steps.

    def _run(self) -> None:
        while self._wait_for_work():
            self._busy_since = monotonic()
            if entries := self._take(commits=True):
                began = monotonic()
                settled = self._settle_and_mark([entry.settlement for entry in entries])
                self._moment = max(_MOMENT, _SHARE * (monotonic() - began))
                self._written(entries, settled)
            self._tell()
            self._busy_since = None

    def _wait_for_work(self) -> bool:
        """Wait until there is something to store or tell; False after `close`."""
        with self._lock:
            while not (self._news or self._ended):
                now = monotonic()
                # After a commit of a sender, which will make the next one too, it looks again without being woken.
                self._wakes = self._due if self._entries else self._last + _LONGER
                if self._wakes > now:
                    self._work.wait(self._wakes - now)
                elif self._entries:
                    break
                else:
                    self._wakes = float("inf")
                    self._work.wait()
            self._wakes = float("-inf")
            return bool(self._news or self._entries or not self._ended)

    def _take(self, *, commits: bool = False) -> list[Entry]:
        with self._lock:
            entries, self._entries = self._entries[:_MOST], self._entries[_MOST:]
            self._writing += len(entries)
            self._commits = self._commits or (commits and bool(entries))
            return entries

    def _put_back(self, entries: list[Entry]) -> None:
        with self._lock:
            self._writing -= len(entries)
            self._entries[:0] = entries
            self._due = 0.0
            self._work.notify()

    def _written(self, entries: list[Entry], done: Sequence[bool]) -> None:
        """Record that results are stored. Listeners are called by the thread, so that senders never wait for them."""
        ours = [entry for entry, settled in zip(entries, done, strict=True) if settled]
        leases: dict[Callable[[Iterable[LeaseId]], None], list[LeaseId]] = {}
        for entry in entries:
            if entry.written is not None:
                leases.setdefault(entry.written, []).append(entry.settlement.lease_id)
        for written, those in leases.items():
            written(those)
        for entry, settled in zip(entries, done, strict=True) if len(ours) < len(entries) else ():
            if not settled:
                # Canceled meanwhile, or claimed by another worker after our lease: the row belongs to the other.
                logger.warning("A mail was no longer ours when its result came",
                               extra={"action": "lease_lost", "ticket": entry.settlement.id})  # fmt: skip
        with self._lock:
            self._news += [
                _News(entry.settlement.id, entry.events, entry.settlement.news)
                for entry in ours
                if self._listeners.wanted(entry.events)
            ]
            self._writing -= len(entries)
            self._last, self.trouble = monotonic(), None
            self._done.notify_all()
            if self._news:
                self._work.notify()
        self._ring()
        if logger.isEnabledFor(logging.INFO):
            for entry in ours:
                _log(entry.settlement)

    def _tell(self) -> None:
        with self._lock:
            news = list(self._news)
        told = []
        for each in news:
            self._busy_since = monotonic()
            if self._listeners.tell(each.events, self._ticket(each.id)) and each.noted:
                told.append(each.id)
        if told:
            self._forget_news(told)
        if not news:
            return
        with self._lock:
            del self._news[: len(news)]
            self._done.notify_all()

    def _settle_and_mark(self, settlements: list[Settlement]) -> list[bool]:
        try:
            marks = self._marks({settled.lease_id for settled in settlements})
            if not marks.leases:
                return self._settle(settlements)
            try:
                settled, marked = self._store.advance(settlements, marks.leases)
            except Exception as failed:  # noqa: BLE001 - tried again without the marks
                logger.warning("Results wait to be written down: %s", failed, extra={"action": "settle_failed"})
                marks.note_failure()
                return self._settle(settlements)
            marks.note(marked)
            return settled
        finally:
            with self._lock:
                self._commits = False
                self._done.notify_all()

    def _settle(self, settlements: list[Settlement]) -> list[bool]:
        pause = _SOONEST
        while True:
            try:
                return self._store.settle(settlements)
            except errors.OutboxError as failed:
                logger.error("Results wait to be written down: %s", failed, extra={"action": "settle_failed"})
                self._waits_after(failed)
                self._wait(pause)
                self._busy_since = monotonic()
                pause = min(pause * 2, _LATEST)
                reopen(self._store)
            except Exception:
                # The outer edge: one result that cannot be written must not keep the others waiting.
                if len(settlements) > 1:
                    return [done for each in settlements for done in self._settle([each])]
                logger.exception("A result cannot be written down", extra={"action": "settle_impossible"})
                return [False]

    def _waits_after(self, failed: errors.OutboxError) -> None:
        """Note why results wait; no sender waits for a commit that may take hours to succeed."""
        with self._lock:
            self.trouble, self._commits = failed, False
            self._done.notify_all()

    def _wait(self, seconds: float) -> None:
        ends = monotonic() + seconds
        with self._lock:
            while (left := ends - monotonic()) > 0:
                self._work.wait(left)

    def _forget_news(self, told: list[str]) -> None:
        try:
            self._store.told(told)
        except errors.OutboxError as failed:
            logger.warning("The same news will be told again: %s", failed, extra={"action": "told_failed"})


def reopen(store: Store) -> None:
    """Reopen a store that failed; when that fails too, its next use raises."""
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
