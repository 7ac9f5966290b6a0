"""
PostgresConnectionStore: the outbox as one connection of the caller sees it, in the caller's transaction.

Nothing else is opened, and nothing is set in the caller's transaction: how durable its commit is says its own
synchronous_commit. Within a transaction each write is a savepoint; outside of one it is a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from courriel import errors
from courriel.outbox.store.facts import Activity, WorkerInfo
from courriel.outbox.store.jobs import Known, NewMail
from courriel.outbox.store.postgres.connection import (
    Connection,
    PostgresConnection,
    all_translated,
    in_our_words,
    psycopg,
)
from courriel.outbox.store.postgres.store import PostgresStore
from courriel.outbox.store.sql.bounces.older import before_bounces, check_bounces, without_fates
from courriel.outbox.store.sql.connection import SqlConnection
from courriel.outbox.store.sql.store import SqlStore
from courriel.outbox.store.sql.versions import FIRST_VERSION, WITH_BOUNCES, check_era
from courriel.outbox.store.states import MISSING

if TYPE_CHECKING:
    from courriel.outbox.store.reports import NewReport, Noted
    from courriel.outbox.store.suppression import Suppression

T = TypeVar("T")

_FAILED = psycopg.pq.TransactionStatus.INERROR


class PostgresConnectionStore(PostgresStore):
    """Storage on the caller's own psycopg connection, whose search path leads to the tables. No worker can use it.

    Raises OutboxError where the tables are missing: they are never made here.
    """

    def __init__(self, connection: object) -> None:
        if not isinstance(connection, psycopg.Connection):
            kind = f"{type(connection).__module__}.{type(connection).__name__}"
            raise errors.UsageError(f"a psycopg.Connection (psycopg 3, blocking), not {kind}")
        self._connection: Connection = connection
        self._sql = _statements()
        self._flag = False
        found = self._read(_version)
        if found is None:
            raise errors.OutboxError(f"{self.place}: there is no outbox there", hint_id=MISSING)
        check_era(self.place, found, FIRST_VERSION)
        self._older = found < WITH_BOUNCES
        if self._older:
            self._sql = _older_statements()

    @property
    def place(self) -> str:
        """The database, without a secret."""
        about = self._connection.info
        return f"postgresql://{about.user}@{about.host}:{about.port}/{about.dbname}"

    # Putting.

    def put(self, mails: Sequence[NewMail], conn: object = None, *, known: Known | None = None) -> list[str]:
        """See Store.put; always on the store's own connection."""
        if conn is not None and conn is not self._connection:
            raise errors.UsageError("conn: this outbox is on a connection already")
        return self._write(lambda db: self._put(db, mails, known))

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

    def told(self, ids: Sequence[str]) -> None:
        """See Store.told."""
        SqlStore.told(self, ids)

    def activity(self, window: float, most: int) -> Activity:
        """See Store.activity; with no setting for the planner, which would stay for the caller's statements."""
        return SqlStore.activity(self, window, most)

    # Transactions.

    def _in_words(self, statement: str) -> str:
        return super()._in_words(without_fates(statement) if self._older else statement)

    def _read(self, act: Callable[[SqlConnection], T]) -> T:
        self._check()
        with in_our_words(self.place):
            return act(PostgresConnection(self._connection))

    def _write(self, act: Callable[[SqlConnection], T]) -> T:
        self._check()
        with in_our_words(self.place):
            db = PostgresConnection(self._connection)
            # Begins the caller's transaction, where its connection has one for each statement.
            flags = db.execute(self._sql["flags"]).fetchone()
            self._flag = not self._older and bool(flags and flags[2])
            with self._connection.transaction():
                return act(db)

    def _write_lightly(self, act: Callable[[SqlConnection], T]) -> T:
        return self._write(act)

    def _check(self) -> None:
        if self._connection.closed or self._connection.info.transaction_status == _FAILED:
            raise errors.UsageError("its transaction has failed, or it is closed: nothing can be read or put there")

    # Not here: what a worker does.

    def claim(self, lane: str, most: int, *, lease: float, holder: str) -> NoReturn:
        """Refused: a worker opens the database itself."""
        raise _no_worker()

    def enlist(self, worker: WorkerInfo) -> NoReturn:
        """Refused: a worker opens the database itself."""
        raise _no_worker()

    def check(self) -> NoReturn:
        """Refused: the database is the application's."""
        raise _no_worker()

    def backup(self, path: Path) -> NoReturn:
        """Refused: the database is the application's."""
        raise _no_worker()

    def reopen(self) -> None:
        """Nothing: the connection is the caller's."""

    def close(self) -> None:
        """Nothing: the connection is the caller's."""


# The steps.

_statements = cache(all_translated)  # a store is made for each put
_older_statements = cache(lambda: before_bounces(_statements()))


def _version(db: SqlConnection) -> int | None:
    if not db.execute("SELECT to_regclass('outbox_version') IS NOT NULL").fetchone()[0]:
        return None
    return int(db.execute("SELECT version FROM outbox_version").fetchone()[0])


def _no_worker() -> errors.UsageError:
    return errors.UsageError(
        "this outbox is on a connection of yours, to put and to look: a worker and a check open the database by its URL"
    )
