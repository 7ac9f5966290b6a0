"""
One durable transaction for all who wait: whoever comes first writes for everybody who has come meanwhile.

A commit that reaches the disk takes as long for a hundred mails as for one. No thread stands behind it: the first
caller writes, those who come while the disk works wait, and one of them writes for all of them. Each is called by
itself when it is served: who had to wait for the pen to hear of it would wait for the next commit as well.
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

_MOST = 500  # wishes in one transaction: those who come later wait no longer than for one of these
_LOOK = 1.0  # seconds after which who waits looks by itself: whoever was called may have been interrupted


class Write(Generic[T]):
    """What one caller wants to be written, and what came of it."""

    __slots__ = ("_called", "act", "done", "error", "result")

    def __init__(self, act: Callable[[sqlite3.Connection], T]) -> None:
        self.act = act
        self.done = False
        self.result: T | None = None
        self.error: Exception | None = None
        self._called = Lock()
        self._called.acquire()

    def wait(self) -> None:
        """Wait for a call, for a moment."""
        self._called.acquire(timeout=_LOOK)

    def call(self) -> None:
        """It is done, or the pen is free."""
        with suppress(RuntimeError):  # it was called already, and has not heard
            self._called.release()

    def outcome(self) -> T:
        """The result, or what was raised instead."""
        if self.error is not None:
            raise self.error
        return cast("T", self.result)


Transaction: TypeAlias = Callable[[Callable[[sqlite3.Connection], None]], None]
"""Runs a function within one durable transaction, and lets what it raises pass."""


class GroupCommit:
    """Who has it writes."""

    def __init__(self) -> None:
        self._free = Lock()
        self._waiting: deque[Write[object]] = deque()

    def write(self, act: Callable[[sqlite3.Connection], T], transaction: Transaction) -> T:
        """Do this in a durable transaction, and return what it returns once the disk has it.

        What it raises undoes it alone. Raises OutboxError, OutboxFull, OutboxUncertain.
        """
        wish = cast("Write[object]", Write(act))
        self._waiting.append(wish)
        while not wish.done:
            if self.take(0):
                try:
                    if not wish.done:
                        self._write_for_all(wish, transaction)
                finally:
                    self.give_back()
            else:
                wish.wait()
        return cast("T", wish.outcome())

    def take(self, seconds: float) -> bool:
        """Have it, so that nobody else writes; False when somebody has had it for so many seconds."""
        return self._free.acquire(timeout=seconds)

    def give_back(self) -> None:
        """Let the next one write."""
        self._free.release()
        with suppress(IndexError):
            self._waiting[0].call()

    # The steps.

    def _write_for_all(self, own: Write[object], transaction: Transaction) -> None:
        wishes = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
        if own not in wishes:
            wishes.append(own)
            self._waiting.remove(own)
        served = [wish for wish in wishes if wish is not own]
        try:
            if len(wishes) > 1 and _write_together(wishes, transaction):
                wishes = []
            while wishes:
                wishes = _attempt(wishes, transaction)
            for wish in served:
                wish.call()
        except BaseException:
            # A caller was interrupted while writing for others: they are not done, and the next one writes for them.
            self._waiting.extendleft(wish for wish in reversed(wishes) if not wish.done and wish is not own)
            raise


def _write_together(wishes: list[Write[object]], transaction: Transaction) -> bool:
    """Write them all, as they can be nearly always; False when one of them failed, and nothing was written."""
    begun = acted = False

    def all_of_them(connection: sqlite3.Connection) -> None:
        nonlocal begun, acted
        begun = True
        for wish in wishes:
            wish.result = wish.act(connection)
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
        for wish in wishes:
            wish.error = failed
    for wish in wishes:
        wish.done = True
    return True


def _attempt(wishes: list[Write[object]], transaction: Transaction) -> list[Write[object]]:
    """Write each that can be. Returns those to be written again, because one took the whole transaction down."""
    fallen: list[Write[object]] = []

    def all_of_them(connection: sqlite3.Connection) -> None:
        for wish in wishes:
            if len(wishes) > 1:
                connection.execute("SAVEPOINT wish")
            _grant(wish, connection)
            if not connection.in_transaction:
                fallen.append(wish)
                return
            if len(wishes) > 1:
                if wish.error is not None:
                    connection.execute("ROLLBACK TO wish")
                connection.execute("RELEASE wish")
            elif wish.error is not None:
                connection.execute("ROLLBACK")

    try:
        transaction(all_of_them)
    except errors.OutboxError as failed:
        for wish in wishes:
            wish.error = wish.error or failed
    rest = [wish for wish in wishes if fallen and wish not in fallen]
    for wish in wishes:
        wish.done = wish not in rest
        if not wish.done:
            wish.error = None
    return rest


def _grant(wish: Write[object], connection: sqlite3.Connection) -> None:
    try:
        wish.result = wish.act(connection)
    except Exception as failed:  # noqa: BLE001 - raised to the one caller who wanted this
        wish.error = failed
