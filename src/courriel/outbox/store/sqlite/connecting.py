"""Connections to a SQLite file in WAL mode."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from courriel import errors
from courriel.outbox.store.sql.rows import text_of

PATIENCE = 30.0
"""Seconds to wait for connections without our lock file (an application with the same database)."""


def connected(path: Path, synchronous: str, *, any_text: bool) -> sqlite3.Connection:
    """Open a connection that syncs at each commit (FULL), or at checkpoints only (NORMAL). Raises OutboxError.

    With `any_text` it reads text that is not UTF-8.
    """
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise errors.OutboxError(f"{path}: SQLite cannot keep a write-ahead log there ({mode})")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA mmap_size = 0")
        if any_text:
            connection.text_factory = text_of
        if sys.platform == "darwin":
            connection.execute("PRAGMA fullfsync = 1")  # on macOS fsync alone does not reach the disk
    except BaseException:
        connection.close()
        raise
    return connection
