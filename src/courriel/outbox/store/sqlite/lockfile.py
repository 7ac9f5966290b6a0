"""A lock file for threads and processes: waiters are queued, and the system releases it when a process dies."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from threading import Lock, Thread
from types import TracebackType

from courriel.outbox.store.sqlite.filesystem import make_new

PATIENCE = 30.0  # seconds: a writer holds the lock for a moment, unless its process was stopped

if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> None:
        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_LOCK, 1)  # raises after ten seconds
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
    """Lock on a file, used by `with`. Not a lock on the database: closing any descriptor would release it (POSIX).

    `mode` is that of a new file. Raises TimeoutError when another process has held it for PATIENCE seconds.
    """

    def __init__(self, path: str, mode: int = 0o600) -> None:
        self._threads = Lock()
        self._path, self._mode = path, mode
        self._file = _opened(path, mode)  # -1 after a failed attempt to reopen it: opened again for the next caller
        self._closed = False
        self._waiter: _Waiter | None = None

    def __enter__(self) -> None:
        if not self._threads.acquire(timeout=PATIENCE):
            raise TimeoutError(f"another thread of this process has been writing for {PATIENCE:.0f} s")
        taken = False
        try:
            self._reopen_if_needed()
            self._take()
            taken = True
            while not self._is_in_place():
                # Moved or deleted meanwhile: the next process to open the outbox creates a new file, which counts.
                taken = False
                self._close_file()
                self._file = _opened(self._path, self._mode)
                self._take()
                taken = True
        except BaseException:
            try:
                if taken:
                    _give(self._file)
            finally:
                self._threads.release()
            raise

    def _reopen_if_needed(self) -> None:
        """Open the file after a failed attempt, or when another process holds the lock of a file that was replaced."""
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), self._path)
        if self._file >= 0 and self._waiter is not None and not self._is_in_place():
            self._close_file()
        if self._file < 0:
            self._file = _opened(self._path, self._mode)

    def _close_file(self) -> None:
        """Close the file and release its lock. Its number is forgotten first: the system may use it again."""
        file, self._file = self._file, -1
        self._waiter = None
        if file >= 0:
            with suppress(OSError):
                _give(file)  # a waiting thread has a descriptor of the same lock
            os.close(file)

    def _is_in_place(self) -> bool:
        """Whether the locked file is still the one under its name."""
        return identity(self._path) == _identity_of(os.fstat(self._file))

    def _take(self) -> None:
        """Acquire the lock with a time limit: the system's queue is fair, but has none, so a thread waits in it."""
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
        """Acquire the lock if it is free; `close` releases it."""
        if self._file < 0 or not self._threads.acquire(blocking=False):
            return False
        if (self._waiter is None or self._waiter.over) and _take_at_once(self._file):
            return True
        self._threads.release()
        return False

    # Content of the file, for the holder of the lock: one line.

    def read_note(self) -> str:
        """Note written by the last holder of the lock; "" when there is none, or the file is a copy."""
        os.lseek(self._file, 0, os.SEEK_SET)
        text = os.read(self._file, 1000).decode("ascii", "replace")
        os.lseek(self._file, 0, os.SEEK_SET)  # Windows locks at the file position
        note, _, own = text.partition("\n")
        return note if own == self._own_name() else ""

    def write_note(self, note: str) -> None:
        """Write a note for the next holders; none when the disk is full."""
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
        """Close the file. Closing an inherited descriptor in a child releases no lock of the parent."""
        self._closed = True
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def identity(path: str) -> tuple[int, int] | None:
    """Device and inode of the file under this name; None when missing."""
    try:
        return _identity_of(os.stat(path))  # noqa: PTH116 - called for each transaction
    except (FileNotFoundError, NotADirectoryError):
        return None


# The steps.


def _identity_of(there: os.stat_result) -> tuple[int, int]:
    return there.st_dev, there.st_ino


def _opened(path: str, mode: int) -> int:
    # A link under this name would make us open, or create, a file chosen by another user.
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    while True:
        with suppress(FileNotFoundError):
            return os.open(path, flags)
        with suppress(FileExistsError):  # another process was faster
            return make_new(path, mode)


class _Waiter:
    """A thread that waits in the system's queue, for callers with a time limit.

    It cannot leave the queue. When it acquires the lock after all callers gave up, it releases it and ends.
    """

    _file = -1

    def __init__(self, file: int) -> None:
        self._file = os.dup(file)  # the same lock; not closed under it
        self._mutex = Lock()
        self._wanted = True
        self._taken = Lock()
        self._taken.acquire()
        self.over = False
        Thread(target=self._stand, daemon=True, name="courriel-outbox-lock").start()

    def is_of_use(self) -> bool:
        """Claim the result of this waiter; False when its thread has ended."""
        with self._mutex:
            self._wanted = not self.over
            return self._wanted

    def wait(self, seconds: float) -> bool:
        """Wait up to so many seconds; whether the lock was acquired. If not, it is not wanted any more."""
        taken = False
        try:
            taken = self._taken.acquire(timeout=seconds)
        finally:
            if not taken:
                with self._mutex:
                    self._wanted = False
                    if self._taken.acquire(blocking=False):  # acquired at this moment, or no caller is left
                        self._give_back()
        return taken

    def _stand(self) -> None:
        _take(self._file)
        with self._mutex:
            if self._wanted:
                self._taken.release()
            else:
                self._give_back()

    def _give_back(self) -> None:
        self.over = True
        _give(self._file)

    def __del__(self) -> None:
        if self._file >= 0:  # not when `dup` failed
            os.close(self._file)
