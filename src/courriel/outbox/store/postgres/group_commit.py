"""
Group commit of puts: the first caller writes for all callers that have come meanwhile, on one connection.

A commit that reaches the disk takes as long for a hundred mails as for one, and so does a round trip. No thread stands
behind it: those who come while the server works wait, and one of them writes the next lot. What the server refuses as a
lot each caller writes alone, in a transaction of its own: one bad mail, or a key that somebody else is just putting,
holds up nobody else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from courriel import errors
    from courriel.outbox.store.base import NewMail

_MOST_PUTS = 500  # in one transaction: those who come later wait no longer than for one of these
_MOST_OCTETS = 1024 * 1024
_LOOK = 1.0  # seconds after which a caller that waits looks by itself: whoever was to call it may have been interrupted


class PendingPut:
    """The mails of one call, and what came of them: `kept` has an id for each, or there is an `error`.

    With neither they go alone; so do `doubtful` ones, which may be there already.
    """

    __slots__ = ("_called", "done", "doubtful", "error", "kept", "mails", "size")

    def __init__(self, mails: Sequence[NewMail]) -> None:
        self.mails = mails
        self.size = sum(mail.size for mail in mails)
        self.done = self.doubtful = False
        self.kept: list[str] = []
        self.error: errors.OutboxError | None = None
        self._called = Lock()
        self._called.acquire()

    def wait(self) -> None:
        """Wait for a call, for a moment."""
        self._called.acquire(timeout=_LOOK)

    def call(self) -> None:
        """It is done, or nobody writes any more."""
        with suppress(RuntimeError):  # it was called already, and has not heard
            self._called.release()


class PutGroup:
    """The callers of one process that put at the same time. `write` keeps the mails of several calls, all or none.

    It says of each call what came of it. When it is interrupted, those it was writing for are doubtful.
    """

    def __init__(self, write: Callable[[Sequence[PendingPut]], None]) -> None:
        self._write = write
        self._writing = Lock()
        self._waiting: deque[PendingPut] = deque()

    def put(self, mails: Sequence[NewMail]) -> PendingPut:
        """Write these mails together with those of others, and return what came of them."""
        own = PendingPut(mails)
        self._waiting.append(own)
        while not own.done:
            if self._writing.acquire(blocking=False):
                try:
                    if not own.done:
                        self._write_for_all(own)
                finally:
                    self._writing.release()
                    with suppress(IndexError):
                        self._waiting[0].call()
            else:
                own.wait()
        return own

    # The steps.

    def _write_for_all(self, own: PendingPut) -> None:
        lot = self._lot(own)
        try:
            self._write(lot)
        except BaseException:
            for each in lot:
                each.doubtful = True
            raise
        finally:
            for each in lot:
                each.done = True
            for each in lot:
                if each is not own:
                    each.call()

    def _lot(self, own: PendingPut) -> list[PendingPut]:
        """Those who have waited longest, as many as fit, and the caller itself."""
        self._waiting.remove(own)
        lot, size = [own], own.size
        while self._waiting and len(lot) < _MOST_PUTS and size + self._waiting[0].size <= _MOST_OCTETS:
            lot.append(self._waiting.popleft())
            size += lot[-1].size
        return lot
