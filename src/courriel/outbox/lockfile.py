"""A lock that threads and processes share, in a file: who comes later waits, and the system frees it at death."""

from __future__ import annotations

import os
import sys
from threading import Lock
from types import TracebackType

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
    """Use it by `with`. Not a lock on the database itself: closing any handle of that would free it (POSIX)."""

    def __init__(self, path: str) -> None:
        self._threads = Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            _take(self._file)
        except BaseException:
            self._threads.release()
            raise

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
        if _take_at_once(self._file):
            return True
        self._threads.release()
        return False

    def close(self) -> None:
        """Let go of the file. Closing what a child inherited frees nothing of its parent's."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)
