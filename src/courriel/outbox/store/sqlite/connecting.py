"""Connections to an outbox file: their journal, and how far a commit is written before it returns."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from courriel import errors


def connected(path: Path, synchronous: str, *, keep_journal: bool, patience: float) -> tuple[sqlite3.Connection, bool]:
    """A connection, and whether the file has a write-ahead log; with `keep_journal` it is not asked to have one.

    Each statement is a transaction of its own until BEGIN; locks of others are waited for `patience` seconds. Raises
    OutboxError where no log can be kept, sqlite3.Error.
    """
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        mode = connection.execute(f"PRAGMA journal_mode{'' if keep_journal else ' = WAL'}").fetchone()[0]
        if mode != "wal" and not keep_journal:
            raise errors.OutboxError(f"{path}: SQLite cannot keep a write-ahead log there ({mode})")
        # Without a log NORMAL may damage a file, and only EXTRA keeps a commit through a power cut.
        connection.execute(f"PRAGMA synchronous = {synchronous if mode == 'wal' else 'EXTRA'}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA mmap_size = 0")
        if sys.platform == "darwin":
            connection.execute("PRAGMA fullfsync = 1")  # on macOS fsync alone does not reach the disk
    except BaseException:
        connection.close()
        raise
    return connection, mode == "wal"
