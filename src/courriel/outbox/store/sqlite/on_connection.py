"""
SqliteConnectionStore: the outbox as one connection of the caller sees it, in the caller's transaction.

Nothing else is opened: no second connection, no lock file, no file at all where the database is in memory. Within a
transaction of the caller each write is a savepoint; outside of one it is a transaction of its own.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from courriel import errors
from courriel.outbox.store.facts import WorkerInfo
from courriel.outbox.store.jobs import Known, NewMail
from courriel.outbox.store.sql.bounces.older import before_bounces, check_bounces, without_fates
from courriel.outbox.store.sql.connection import SqlConnection
from courriel.outbox.store.sql.versions import FIRST_VERSION, WITH_BOUNCES
from courriel.outbox.store.sqlite import filesystem
from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.store.sqlite.tables import version_of
from courriel.outbox.store.sqlite.translated import in_our_words, not_an_outbox

if TYPE_CHECKING:
    from courriel.outbox.store.reports import NewReport, Noted
    from courriel.outbox.store.suppression import Suppression

T = TypeVar("T")


class SqliteConnectionStore(SqliteStore):
    """Storage on the caller's own connection, whose main database has the tables. No worker can use it.

    Raises OutboxError where the tables are missing: they are never made here.
    """

    def __init__(self, connection: sqlite3.Connection, *, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        plain = _PlainRows(connection)
        found = [row[2] for row in plain.execute("PRAGMA database_list").fetchall() if row[1] == "main"]
        self._path = Path(found[0]) if found and found[0] else Path(":memory:")
        self._in_file = bool(found and found[0])
        self._begin(clock)
        self._flag = False
        with in_our_words(self._path):
            version = version_of(cast("sqlite3.Connection", plain), self._path)
        if version < FIRST_VERSION:
            raise not_an_outbox(self._path)
        if version < WITH_BOUNCES:
            self._sql = before_bounces(self._sql)
        self._older = version < WITH_BOUNCES

    @property
    def beside(self) -> str | None:
        """None: no worker uses this store."""
        return None

    # Putting.

    def put(self, mails: Sequence[NewMail], conn: object = None, *, known: Known | None = None) -> list[str]:
        """See Store.put; always on the store's own connection."""
        if conn is not None and conn is not self._connection:
            raise errors.UsageError("conn: this outbox is on a connection already")
        if self._in_file:
            with in_our_words(self._path):
                filesystem.check_room(self._path, sum(mail.size for mail in mails))
        self._lanes_known.clear()  # a transaction that made one may have been rolled back
        if not self._older:
            with in_our_words(self._path):
                row = _PlainRows(self._connection).execute(self._sql["flags"]).fetchone()
            self._flag = bool(row and row[2])
        return self._write(lambda _: [self._put(self._connection, mail, known) for mail in mails])

    @property
    def suppressing(self) -> bool:
        """See Store.suppressing."""
        return self._flag

    def suppress(self, entries: Sequence[Suppression]) -> list[bool]:
        """See Store.suppress."""
        check_bounces(self.place, older=self._older)
        return super().suppress(entries)

    def note_reports(self, reports: Sequence[NewReport]) -> list[Noted]:
        """See Store.note_reports."""
        check_bounces(self.place, older=self._older)
        return super().note_reports(reports)

    # Transactions.

    def _in_words(self, statement: str) -> str:
        return without_fates(statement) if self._older else statement

    def _read(self, act: Callable[[SqlConnection], T]) -> T:
        with in_our_words(self._path):
            return act(_PlainRows(self._connection))

    def _write(self, act: Callable[[SqlConnection], T]) -> T:
        line = self._connection
        with in_our_words(self._path):
            if not line.in_transaction and line.isolation_level is not None:
                line.execute("BEGIN IMMEDIATE")  # as sqlite3 does before a change; the caller commits
            inside = line.in_transaction
            line.execute("SAVEPOINT courriel" if inside else "BEGIN IMMEDIATE")
            try:
                done = act(_PlainRows(line))
            except BaseException:
                line.execute("ROLLBACK TO courriel" if inside else "ROLLBACK")
                if inside:
                    line.execute("RELEASE courriel")
                raise
            line.execute("RELEASE courriel" if inside else "COMMIT")
            return done

    def _write_lightly(self, act: Callable[[SqlConnection], T]) -> T:
        return self._write(act)

    # Not here: what a worker does, and what concerns the file.

    def claim(self, lane: str, most: int, *, lease: float, holder: str) -> NoReturn:
        """Refused: a worker opens the database itself."""
        raise no_worker()

    def enlist(self, worker: WorkerInfo) -> NoReturn:
        """Refused: a worker opens the database itself."""
        raise no_worker()

    def check(self) -> NoReturn:
        """Refused: the whole file is the application's."""
        raise no_worker()

    def backup(self, path: Path) -> NoReturn:
        """Refused: the whole file is the application's."""
        raise no_worker()

    def compact(self) -> NoReturn:
        """Refused: the whole file is the application's."""
        raise no_worker()

    def reopen(self) -> None:
        """Nothing: the connection is the caller's."""

    def close(self) -> None:
        """Nothing: the connection is the caller's."""


def no_worker() -> errors.UsageError:
    """The error for work that a caller's connection is not for."""
    return errors.UsageError(
        "this outbox is on a connection of yours, to put and to look: a worker, a check and a backup open the database"
        " by its path"
    )


# The steps.


class _PlainRows:
    """A connection whose rows are tuples, whatever the caller has it make."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Any = (), /) -> sqlite3.Cursor:
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor.execute(statement, values)
