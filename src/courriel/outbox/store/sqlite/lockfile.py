"""A lock that threads and processes share, in a file: who comes later waits, and the system frees it at death."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from threading import Lock, Thread
from types import TracebackType

PATIENCE = 30.0  # seconds: whoever writes has it for a moment, unless its process was stopped

if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> None:
        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_LOCK, 1)  # gives up after ten seconds
            except OSError as busy:
                if busy.errno != 36:  # EDEADLOCK: it has waited, and may wait again
                    raise
            else:
                return

    def _take_at_once(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _give(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _take_at_once(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _give(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


class LockFile:
    """Use it by `with`. Not a lock on the database itself: closing any handle of that would free it (POSIX).

    Raises TimeoutError when another process has had it for PATIENCE seconds.
    """

    def __init__(self, path: str) -> None:
        self._threads = Lock()
        self._path = path
        self._file = _opened(path)  # -1 while there is none: it is opened again by the next one who wants the lock
        self._closed = False
        self._waiter: _Waiter | None = None

    def __enter__(self) -> None:
        if not self._threads.acquire(timeout=PATIENCE):
            raise TimeoutError(f"another thread of this process has been writing for {PATIENCE:.0f} s")
        taken = False
        try:
            self._open_again_if_needed()
            self._take()
            taken = True
            while not self._is_in_place():
                # Moved or deleted meanwhile: whoever opens the outbox now makes another one, and that is what counts.
                taken = False
                self._close_file()
                self._file = _opened(self._path)
                self._take()
                taken = True
        except BaseException:
            try:
                if taken:
                    _give(self._file)
            finally:
                self._threads.release()
            raise

    def _open_again_if_needed(self) -> None:
        """Open the file where an earlier attempt failed, or where nobody will get the lock of the one that was moved."""
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), self._path)
        if self._file >= 0 and self._waiter is not None and not self._is_in_place():
            self._close_file()
        if self._file < 0:
            self._file = _opened(self._path)

    def _close_file(self) -> None:
        """Close it, with the lock on it. Its number is forgotten first: the program may get it for a file of its own."""
        file, self._file = self._file, -1
        self._waiter = None
        if file >= 0:
            with suppress(OSError):
                _give(file)  # a thread that waits has the same lock open
            os.close(file)

    def _is_in_place(self) -> bool:
        """Whether the lock that is held is the one that others find under its name."""
        return identity(self._path) == _identity_of(os.fstat(self._file))

    def _take(self) -> None:
        """The system queues those who wait, which is fair, but knows no limit: so a thread stands in its queue."""
        if self._waiter is None or not self._waiter.is_of_use():
            self._waiter = None
            if _take_at_once(self._file):
                return
            self._waiter = _Waiter(self._file)
        if not self._waiter.wait(PATIENCE):
            raise TimeoutError(
                f"another process has been writing for {PATIENCE:.0f} s: it was stopped, or its disk does not answer"
            )
        self._waiter = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            _give(self._file)
        finally:
            self._threads.release()

    def take_at_once(self) -> bool:
        """Take it when nobody has it; then it is given back by `close`."""
        if self._file < 0 or not self._threads.acquire(blocking=False):
            return False
        if (self._waiter is None or self._waiter.over) and _take_at_once(self._file):
            return True
        self._threads.release()
        return False

    # What the file holds, for those who have the lock: one line.

    def read_note(self) -> str:
        """The note that was written last by whoever had the lock; "" when there is none, or the file is a copy."""
        os.lseek(self._file, 0, os.SEEK_SET)
        text = os.read(self._file, 1000).decode("ascii", "replace")
        os.lseek(self._file, 0, os.SEEK_SET)  # Windows locks where the file stands
        note, _, own = text.partition("\n")
        return note if own == self._own_name() else ""

    def write_note(self, note: str) -> None:
        """Leave a note for the next ones; none when there is no room for it."""
        if note == self.read_note():
            return
        with suppress(OSError):
            self._write(f"{note}\n{self._own_name()}".encode("ascii"))

    def _write(self, text: bytes) -> None:
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, text)
        os.lseek(self._file, 0, os.SEEK_SET)

    def _own_name(self) -> str:
        return "{}:{}".format(*_identity_of(os.fstat(self._file)))

    def close(self) -> None:
        """Let go of the file. Closing what a child inherited frees nothing of its parent's."""
        self._closed = True
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def identity(path: str) -> tuple[int, int] | None:
    """Device and inode of the file under this name; None when there is none."""
    try:
        return _identity_of(os.stat(path))  # noqa: PTH116 - asked for each transaction
    except (FileNotFoundError, NotADirectoryError):
        return None


# The steps.


def _identity_of(there: os.stat_result) -> tuple[int, int]:
    return there.st_dev, there.st_ino


def _opened(path: str) -> int:
    # A link under this name would have us open, or make, a file that somebody else has chosen.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags, 0o600)


class _Waiter:
    """A thread that stands in the system's queue, for those who give up after a while.

    It cannot leave the queue. What it gets when nobody wants it any more it gives back, and is over.
    """

    _file = -1

    def __init__(self, file: int) -> None:
        self._file = os.dup(file)  # the same lock; not closed under it
        self._turn = Lock()
        self._wanted = True
        self._taken = Lock()
        self._taken.acquire()
        self.over = False
        Thread(target=self._stand, daemon=True, name="courriel-outbox-lock").start()

    def is_of_use(self) -> bool:
        """Want it again; not when it is over."""
        with self._turn:
            self._wanted = not self.over
            return self._wanted

    def wait(self, seconds: float) -> bool:
        """Whether the lock is there by then; if not, it is not wanted any more."""
        taken = False
        try:
            taken = self._taken.acquire(timeout=seconds)
        finally:
            if not taken:
                with self._turn:
                    self._wanted = False
                    if self._taken.acquire(blocking=False):  # it came in this moment, or nobody is left to take it
                        self._give_back()
        return taken

    def _stand(self) -> None:
        _take(self._file)
        with self._turn:
            if self._wanted:
                self._taken.release()
            else:
                self._give_back()

    def _give_back(self) -> None:
        self.over = True
        _give(self._file)

    def __del__(self) -> None:
        if self._file >= 0:  # not when there was no descriptor left for it
            os.close(self._file)
