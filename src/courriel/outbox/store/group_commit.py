"""
Group commit: one durable transaction for all threads that want to write at the same time.

A commit that reaches the disk takes as long for a hundred mails as for one. There is no thread of its own: the first
caller commits for all callers that arrived meanwhile, and those that arrive during the commit wait until one of them
commits for them. Each caller is woken as soon as its own write is done: if it had to acquire the lock first, it would
wait for the next commit as well.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeAlias, TypeVar, cast

from courriel import errors

T = TypeVar("T")

_MOST = 500  # writes in one transaction: a later caller waits for at most one of these
_LOOK = 1.0  # seconds after which a waiting caller checks by itself: the one woken may have been interrupted


class Write(Generic[T]):
    """One write of a caller: the function to run in the transaction, and its result."""

    __slots__ = ("_called", "act", "done", "error", "result")

    def __init__(self, act: Callable[[sqlite3.Connection], T]) -> None:
        self.act = act
        self.done = False
        self.result: T | None = None
        self.error: Exception | None = None
        self._called = Lock()
        self._called.acquire()

    def wait(self) -> None:
        """Wait for `call`, at most one second."""
        self._called.acquire(timeout=_LOOK)

    def call(self) -> None:
        """Wake the caller: its write is done, or the group commit is free."""
        with suppress(RuntimeError):  # it was called before, and has not woken up yet
            self._called.release()

    def outcome(self) -> T:
        """Return the result of the function, or raise its exception."""
        if self.error is not None:
            raise self.error
        return cast("T", self.result)


Transaction: TypeAlias = Callable[[Callable[[sqlite3.Connection], None]], None]
"""A function that runs another one within one durable transaction, and passes its exceptions on."""


class GroupCommit:
    """Queue of writes, and the lock of the thread that commits them."""

    def __init__(self) -> None:
        self._free = Lock()
        self._waiting: deque[Write[object]] = deque()

    def write(self, act: Callable[[sqlite3.Connection], T], transaction: Transaction) -> T:
        """Run a function in a durable transaction, and return its result when the disk has it.

        An exception of the function undoes only this write. Raises OutboxError, OutboxFull, OutboxUncertain.
        """
        write = cast("Write[object]", Write(act))
        self._waiting.append(write)
        while not write.done:
            if self.take(0):
                try:
                    if not write.done:
                        self._write_for_all(write, transaction)
                finally:
                    self.give_back()
            else:
                write.wait()
        return cast("T", write.outcome())

    def take(self, seconds: float) -> bool:
        """Block all writes of other threads; False when the lock was not free for so many seconds."""
        return self._free.acquire(timeout=seconds)

    def give_back(self) -> None:
        """Allow writes again, and wake the next writer."""
        self._free.release()
        with suppress(IndexError):
            self._waiting[0].call()

    # The steps.

    def _write_for_all(self, own: Write[object], transaction: Transaction) -> None:
        writes = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
        if own not in writes:
            writes.append(own)
            self._waiting.remove(own)
        served = [write for write in writes if write is not own]
        try:
            if len(writes) > 1 and _write_together(writes, transaction):
                writes = []
            while writes:
                writes = _attempt(writes, transaction)
            for write in served:
                write.call()
        except BaseException:
            # This caller was interrupted while writing for others: the next one does what is not done.
            self._waiting.extendleft(write for write in reversed(writes) if not write.done and write is not own)
            raise


def _write_together(writes: list[Write[object]], transaction: Transaction) -> bool:
    """Run all writes in one transaction, the usual case; False when one failed and nothing was written."""
    begun = acted = False

    def all_of_them(connection: sqlite3.Connection) -> None:
        nonlocal begun, acted
        begun = True
        for write in writes:
            write.result = write.act(connection)
            if not connection.in_transaction:
                raise errors.OutboxError("it took the whole transaction down")
        acted = True

    try:
        transaction(all_of_them)
    except Exception as failed:
        if begun and not acted:
            return False
        if not isinstance(failed, errors.OutboxError):
            raise
        for write in writes:
            write.error = failed
    for write in writes:
        write.done = True
    return True


def _attempt(writes: list[Write[object]], transaction: Transaction) -> list[Write[object]]:
    """Run each write by a savepoint of its own; return those to repeat because one undid the whole transaction."""
    fallen: list[Write[object]] = []

    def all_of_them(connection: sqlite3.Connection) -> None:
        for write in writes:
            if len(writes) > 1:
                connection.execute("SAVEPOINT courriel_write")
            _run(write, connection)
            if not connection.in_transaction:
                fallen.append(write)
                return
            if len(writes) > 1:
                if write.error is not None:
                    connection.execute("ROLLBACK TO courriel_write")
                connection.execute("RELEASE courriel_write")
            elif write.error is not None:
                connection.execute("ROLLBACK")

    try:
        transaction(all_of_them)
    except errors.OutboxError as failed:
        for write in writes:
            write.error = write.error or failed
    rest = [write for write in writes if fallen and write not in fallen]
    for write in writes:
        write.done = write not in rest
        if not write.done:
            write.error = None
    return rest


def _run(write: Write[object], connection: sqlite3.Connection) -> None:
    try:
        write.result = write.act(connection)
    except Exception as failed:  # noqa: BLE001 - raised again in the caller of this write
        write.error = failed
