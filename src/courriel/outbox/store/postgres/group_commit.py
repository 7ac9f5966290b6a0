"""
Group commit of puts: the first caller writes for all callers that arrived meanwhile, on one connection.

A commit that reaches the disk takes as long for a hundred mails as for one, and so does a round trip. There is no
thread of its own: callers that arrive while the server works wait, and one of them writes the next group. When the
server refuses a group, each caller writes alone, in its own transaction: one bad mail, or a key that another process is
just putting, delays no other caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from courriel import errors
    from courriel.outbox.store.jobs import NewMail

_MOST_PUTS = 500  # in one transaction: a later caller waits for at most one of these
_MOST_OCTETS = 1024 * 1024
_LOOK = 1.0  # seconds after which a waiting caller checks by itself: its call may have been interrupted


class PendingPut:
    """Mails of one put call, and their result: `kept` has an id for each, or there is an `error`.

    With neither, the caller writes alone; `doubtful` says that the mails may be stored already. Recipients that were
    `checked` are not on the suppression list.
    """

    __slots__ = ("_called", "checked", "done", "doubtful", "error", "kept", "mails", "size")

    def __init__(self, mails: Sequence[NewMail], *, checked: bool = False) -> None:
        self.mails, self.checked = mails, checked
        self.size = sum(mail.size for mail in mails)
        self.done = self.doubtful = False
        self.kept: list[str] = []
        self.error: errors.OutboxError | None = None
        self._called = Lock()
        self._called.acquire()

    def wait(self) -> None:
        """Wait for `call`, at most one second."""
        self._called.acquire(timeout=_LOOK)

    def call(self) -> None:
        """Wake the caller: its mails are written, or no caller is writing."""
        with suppress(RuntimeError):  # it was called before, and has not woken up yet
            self._called.release()


class PutGroup:
    """Puts of one process at the same time. `write` stores the mails of several calls, all or none.

    It sets the result of each call. When it is interrupted, the other calls of the group are doubtful.
    """

    def __init__(self, write: Callable[[Sequence[PendingPut]], None]) -> None:
        self._write = write
        self._writing = Lock()
        self._waiting: deque[PendingPut] = deque()

    def put(self, mails: Sequence[NewMail], *, checked: bool = False) -> PendingPut:
        """Write these mails together with those of other callers, and return their result."""
        own = PendingPut(mails, checked=checked)
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
        group = self._next_group(own)
        try:
            self._write(group)
        except BaseException:
            for each in group:
                each.doubtful = True
            raise
        finally:
            for each in group:
                each.done = True
            for each in group:
                if each is not own:
                    each.call()

    def _next_group(self, own: PendingPut) -> list[PendingPut]:
        """The calls that have waited longest, as many as fit, and the caller's own."""
        self._waiting.remove(own)
        group, size = [own], own.size
        while self._waiting and len(group) < _MOST_PUTS and size + self._waiting[0].size <= _MOST_OCTETS:
            group.append(self._waiting.popleft())
            size += group[-1].size
        return group
