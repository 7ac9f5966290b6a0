"""SQLite databases of the sandbox: in memory or in a file of its owner alone, one program at a time."""

from __future__ import annotations

import os
import pkgutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from courriel import errors


def open_database(path: Path | None, script: str) -> sqlite3.Connection:
    """Open the file (mode 0600), or a database in memory, and run a script of this package in it.

    Raises UsageError when another program has it open or when it is no database; OSError when it cannot be made.
    """
    if path is not None:
        # Before SQLite makes it: the files that it puts beside have the mode of the first.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
        path.chmod(0o600)
    connection = sqlite3.connect(path or ":memory:", timeout=0.5, check_same_thread=False, isolation_level=None)
    try:
        # Exclusive: two servers that write into the same mails would number them twice.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last practice mails, and no more
        connection.execute("PRAGMA secure_delete = ON")  # a deleted mail is gone from the file as well
        connection.executescript(f"BEGIN EXCLUSIVE; {_text(script)} COMMIT;")
    except sqlite3.DatabaseError as refused:
        connection.close()
        if "locked" in str(refused):
            raise errors.UsageError(f"{path}: another practice server has these mails open") from refused
        raise errors.UsageError(f"{path}: this is no database of the practice server ({refused})") from refused
    return connection


@contextmanager
def transaction(database: sqlite3.Connection) -> Generator[None, None, None]:
    """Transaction of a database: all of it or nothing. Raises OSError when it cannot be written, as on a full disk.

    One that stayed open would hold everything that is written after it, and a process that is killed would lose that.
    """
    try:
        database.execute("BEGIN")
        try:
            yield
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:  # SQLite has ended some by itself
                database.execute("ROLLBACK")
            raise
    except sqlite3.Error as full:
        raise OSError(f"the mails cannot be written: {full}") from full


def _text(script: str) -> str:
    data = pkgutil.get_data(__name__, script)
    assert data is not None
    return data.decode()
