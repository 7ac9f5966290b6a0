"""Look at what is in a database file without changing the file or making anything beside it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def tables_of(path: Path) -> frozenset[str] | None:
    """Names of the tables in this file, none for an empty or missing one; None when only opening it will tell.

    Raises sqlite3.DatabaseError for a file that is no database.
    """
    if not path.exists() or not path.stat().st_size:
        return frozenset()
    # "immutable": without locks, without the log, and without the index of the log, which would have to be made. The
    # driver closes the file without taking from this process what other connections have locked.
    tables = _looked_up(path, "immutable=1")
    if tables is not None and "outbox_version" not in tables and Path(f"{path}-wal").exists():
        return _looked_up(path, "mode=ro")  # they may be in the log still
    return tables


# The steps.


def _looked_up(path: Path, how: str) -> frozenset[str] | None:
    asked = f"{path.absolute().as_uri()}?{how}"
    try:
        with closing(sqlite3.connect(asked, uri=True, isolation_level=None)) as looking:
            found = looking.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.Error as failed:
        if getattr(failed, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_NOTADB:
            raise
        return None  # damaged, or others write at this moment
    return frozenset(str(name) for (name,) in found)
