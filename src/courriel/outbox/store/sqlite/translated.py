"""Errors of SQLite and of the operating system, as errors of the outbox."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from courriel import errors
from courriel.errors import OutboxError, OutboxFull
from courriel.outbox.store.states import DAMAGED, FORBIDDEN, FULL, MISSING

T = TypeVar("T")


class in_our_words:  # noqa: N801 - used like a function after `with`
    """Translate errors of SQLite and the operating system into OutboxError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, errors.CourrielError) or not isinstance(error, sqlite3.Error | OSError):
            return
        if is_full(error):
            raise disk_full(self.path) from error
        raise OutboxError(f"{self.path}: {error}", hint_id=hint_of(error, self.path)) from error


def rolled_back_on_failure(connection: sqlite3.Connection, act: Callable[[], T]) -> T:
    """Run a function in the open transaction, and roll back when it raises."""
    try:
        return act()
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    code = getattr(error, "sqlite_errorcode", 0)
    # The index of the log is a memory-mapped file: its growth needs room, too.
    return bool(code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE)


def hint_of(error: sqlite3.Error | OSError, path: Path) -> str:
    """Record of the failure table for a file that is damaged, or may not be used by this user; "" for other errors."""
    if isinstance(error, OSError):
        return FORBIDDEN if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else ""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DAMAGED
    closed = code == sqlite3.SQLITE_CANTOPEN and path.exists() and not os.access(path, os.R_OK | os.W_OK)
    return FORBIDDEN if closed or code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM) else ""


def disk_full(path: Path) -> OutboxFull:
    return OutboxFull(f"{path}: the disk is full; nothing was written", hint_id=FULL)


def file_moved(path: Path) -> OutboxError:
    return OutboxError(
        f"{path} was moved, deleted or replaced while it was open: nothing was written. Put the file back, or close"
        " this outbox and open it anew"
    )


def not_an_outbox(path: Path) -> OutboxError:
    return OutboxError(f"{path} is no outbox", hint_id=MISSING)
