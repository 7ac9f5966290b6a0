"""
Detect that the content of an open database file was replaced in place, by `cp` over it or by truncation.

Device and inode stay the same then, and SQLite goes on: it reads pages of both files, and its next checkpoint writes
pages of the first into the second. So the file carries a random mark while it is open (`outbox_version.opened`). When
size or times of the file have changed since the last transaction, as after each checkpoint, the mark is read from the
file itself, without its log: another one, or none, is another file.

A process that is killed in the middle of a checkpoint leaves a file that cannot be read without its log: the first page
tells of pages that are still in the log only. That is the same file, unless it has become smaller; the next checkpoint
completes it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from courriel import errors

_NO_CKPT_ON_CLOSE = 1006  # SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE
_TRIES, _PAUSE = 3, 0.05  # readings, and seconds between two: an application may be writing a checkpoint


def new_mark() -> int:
    """A mark for a file that is opened; 0 is none, and 1 was written by versions without marks."""
    return int.from_bytes(os.urandom(6)) + 2


def mark_in_file(path: Path) -> int | None:
    """The mark in the database file itself, as of its last checkpoint; 0 when there is none, or no database.

    None when the file cannot be read without its log, as after a death in the middle of a checkpoint.
    """
    try:
        # SQLite's own way: a descriptor of ours would release its locks when it is closed (POSIX). Immutable: no log.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as file:
            row = file.execute("SELECT opened FROM outbox_version").fetchone()
    except sqlite3.Error as failed:
        return None if getattr(failed, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT else 0
    return row[0] if row and type(row[0]) is int else 0


def replaced(path: Path) -> errors.OutboxError:
    """The error for a file that was replaced in place."""
    return errors.OutboxError(
        f"{path} was overwritten while it was open, or after a crash while its log was there: nothing was written. Stop"
        f" the programs that have it open. What is in the file now is used again when {path.name}-wal and"
        f" {path.name}-shm are removed; what was in the log belongs to the file that was overwritten"
    )


class ContentCheck:
    """Check of one open file, by whoever holds its lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None  # size and times at the last check
        self._size = 0  # at the last check; a checkpoint that is not complete makes no file smaller
        self.mark = 0
        """The mark, once it was found in the file itself."""

    def learn(self, opened: object) -> bool:
        """Whether `opened`, the mark as SQLite reads it (from the log or the file), is in the file itself by now."""
        if type(opened) is int and opened > 1 and mark_in_file(self._path) == opened:
            self.mark = opened
        return bool(self.mark)

    def is_replaced(self) -> bool:
        """Whether the file is another one; never where its mark is not known."""
        if not self.mark:
            return False
        there = os.stat(self._path)  # noqa: PTH116 - called for each transaction
        seen = there.st_size, there.st_mtime_ns, there.st_ctime_ns
        if seen == self._seen:
            return False
        found = mark_in_file(self._path)
        for _ in range(_TRIES - 1):
            if found == self.mark:
                break
            time.sleep(_PAUSE)
            found = mark_in_file(self._path)
        if found != self.mark and (found is not None or there.st_size < self._size):
            return True
        self._seen, self._size = seen, there.st_size
        return False


def leave_open(connection: sqlite3.Connection) -> None:
    """Let go of a connection without the checkpoint of its last close, which would write into another file."""
    if setconfig := getattr(connection, "setconfig", None):  # from Python 3.12 on
        setconfig(_NO_CKPT_ON_CLOSE, True)
        connection.close()
        return
    import ctypes

    # Never closed: not even when the interpreter ends and drops what it still holds.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
