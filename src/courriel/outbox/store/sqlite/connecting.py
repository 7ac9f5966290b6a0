"""Connections to an outbox file: their journal, and how far a commit is written before it returns."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from courriel import errors
from courriel.outbox.store.sql.rows import text_of

PATIENCE = 30.0
"""Seconds to wait for connections without our lock file (an application with the same database)."""


def connected(path: Path, synchronous: str, *, keep_journal: bool, any_text: bool) -> tuple[sqlite3.Connection, bool]:
    """A connection, and whether the file has a write-ahead log; with `keep_journal` it is not asked to have one.

    It syncs at each commit (FULL), or at checkpoints only (NORMAL). Each statement is a transaction of its own until
    BEGIN. With `any_text` it reads text that is not UTF-8. Raises OutboxError where no log can be kept, sqlite3.Error.
    """
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        mode = connection.execute(f"PRAGMA journal_mode{'' if keep_journal else ' = WAL'}").fetchone()[0]
        if mode != "wal" and not keep_journal:
            raise errors.OutboxError(f"{path}: SQLite cannot keep a write-ahead log there ({mode})")
        # Without a log NORMAL may damage a file, and only EXTRA keeps a commit through a power cut.
        connection.execute(f"PRAGMA synchronous = {synchronous if mode == 'wal' else 'EXTRA'}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA mmap_size = 0")
        if any_text:
            connection.text_factory = text_of
        if sys.platform == "darwin":
            connection.execute("PRAGMA fullfsync = 1")  # on macOS fsync alone does not reach the disk
    except BaseException:
        connection.close()
        raise
    return connection, mode == "wal"
