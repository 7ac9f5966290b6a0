"""Tables of an outbox file: made, upgraded, and marked as open, closed or robbed of their log."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from courriel import errors
from courriel.outbox.store.sql.statements import script
from courriel.outbox.store.sql.versions import FIRST_VERSION, check_era, era_of
from courriel.outbox.store.sqlite import contents
from courriel.outbox.store.sqlite.translated import in_our_words, not_an_outbox

logger = logging.getLogger("courriel.outbox")

UPGRADES: tuple[str, ...] = ("bounces/sqlite_101",)
"""Scripts in `sql`, each from one version to the next. They only add: older workers go on working."""

LOST_LOG = -1  # value of `opened`: the file was copied without its log, or the log was removed
VERSION = "SELECT version, opened FROM outbox_version"
_FLAGS = "SELECT * FROM outbox_version"  # version, opened, and from version 101 on: suppressing


def check_contents(path: Path, *, create: bool) -> None:
    """Refuse a file that is no database before anything is created or changed; without `create` also one of others.

    Raises OutboxError.
    """
    with in_our_words(path):
        tables = contents.tables_of(path)
    if not create and tables is not None and "outbox_version" not in tables:
        raise not_an_outbox(path)


def make_tables(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    """Create the tables, or upgrade them; current tables are not written."""
    version = version_of(connection, path)
    if version < FIRST_VERSION and not create:
        raise not_an_outbox(path)
    if version >= FIRST_VERSION + len(UPGRADES):
        check_era_of(connection, path)
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        following = version_of(connection, path) + 1
        for step, name in enumerate(("sqlite", *UPGRADES)[following - FIRST_VERSION :], start=following):
            for statement in split_script(script(name)):
                connection.execute(statement)
            connection.execute("UPDATE outbox_version SET version = ?", (step,))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Version of the tables, or the one before the first for none.

    Raises OutboxError for an invalid version, or one of another era.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox_version'").fetchone():
        return FIRST_VERSION - 1
    found = connection.execute("SELECT version FROM outbox_version").fetchall()
    if len(found) != 1 or not isinstance(found[0][0], int) or found[0][0] < 1:
        raise errors.OutboxError(f"{path}: its table outbox_version holds no version; another program has changed it")
    check_era(str(path), found[0][0], FIRST_VERSION + len(UPGRADES))
    return int(found[0][0])


def check_era_of(connection: sqlite3.Connection, path: Path) -> tuple[object, bool]:
    """Raise for tables of a later era; otherwise the mark of an open file that has a log, 0 for none.

    Also whether anybody is on the suppression list.
    """
    cursor = connection.cursor()
    cursor.row_factory = None  # a caller's connection may have one of its own
    row = cursor.execute(_FLAGS).fetchone()
    if row is None or type(row[0]) is not int or era_of(row[0]) != era_of(FIRST_VERSION + len(UPGRADES)):
        version_of(connection, path)
    return (row[1], len(row) > 2 and bool(row[2])) if row else (0, False)


def mark_lost_log(connection: sqlite3.Connection) -> bool:
    """Write into a file without a log that it has lost one, if it has: every later opening is to know; whether it has.

    A backup that is restored begins anew.
    """
    return connection.execute("UPDATE outbox_version SET opened = ? WHERE opened > 0", (LOST_LOG,)).rowcount > 0


def mark_closed(connection: sqlite3.Connection) -> None:
    """Checkpoint the whole log at the last close, and record in the header that the file needs none."""
    row = connection.execute(VERSION).fetchone()
    if row and row[1] and is_alone(connection):
        connection.execute("UPDATE outbox_version SET opened = 0 WHERE opened > 0")  # not one that has lost its log
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def is_alone(connection: sqlite3.Connection) -> bool:
    """Whether no other connection to the file is open, in any process; only for a connection that is closed afterwards.

    It keeps the file exclusive from then on, or prevents new connections.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError:
        return False
    return True


def vacuum(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def octets_used(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def split_script(text: str) -> Iterator[str]:
    """Statements of a script, because `executescript` would commit the open transaction."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def is_shared(connection: sqlite3.Connection) -> bool:
    others = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) NOT IN ('outbox_', 'sqlite_')"
    return connection.execute(others).fetchone() is not None


def warn_of_lost_log(path: Path) -> None:
    logger.warning(
        "%s was copied, or has lost its log (%s-wal), while it was open: its last mails may be missing. Ask `courriel"
        " outbox list` for those that you expect, and copy an outbox that is open by `courriel outbox backup`",
        path,
        path.name,
        extra={"action": "outbox_without_log"},
    )


def warn_of_shared_file(path: Path) -> None:
    logger.warning(
        "The outbox shares %s with other connections, and SQLite %s can damage such a file when a commit meets"
        " a checkpoint (mended in 3.51.3, 3.50.7 and 3.44.6): use a newer SQLite, or a file of its own",
        path,
        sqlite3.sqlite_version,
        extra={"action": "outbox_shared_file"},
    )
