"""
A PostgreSQL server: short transactions on a few connections, each complete by itself.

No state is kept in a server session (no LISTEN, no advisory lock), so PgBouncer may stand in between. Statements are
prepared only where a connection is one server session: behind a pooler the next transaction may be in another. A
failure before COMMIT was certainly not written, and the transaction is repeated on a new connection; a COMMIT without
an answer is OutboxUncertain. A transaction in one round trip is uncertain as soon as all of it has been sent.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore
from typing import Any, NamedTuple, TypeVar

from courriel import errors
from courriel.outbox.store.postgres.connection import (
    Connection,
    InterruptibleConnection,
    PostgresConnection,
    Unanswered,
    connected,
    conninfo,
    in_our_words,
    psycopg,
)
from courriel.outbox.store.postgres.pipeline import (
    NOT_PREPARED,
    BoundStatement,
    PipelineSession,
    RefusedError,
    Statement,
)
from courriel.outbox.store.sql.statements import script
from courriel.outbox.store.sql.versions import ERA, FIRST_VERSION, check_era, era_of
from courriel.outbox.store.states import MISSING

T = TypeVar("T")

logger = logging.getLogger("courriel.outbox")

UPGRADES: tuple[str, ...] = ("bounces/postgres_101",)
"""Scripts in `sql`, each from one version to the next. They only add: older workers go on working."""

_OLDEST = 130_000  # PostgreSQL 13: gen_random_uuid() without an extension
_CONNECTIONS = 8  # of a process at a time: a server has a hundred for all its clients
_PATIENCE = 30.0  # seconds to wait for one of them, and for a lock
_TRIES = 3  # of a transaction that a deadlock, or a connection closed meanwhile, has undone
_UPGRADING = 7_308_323_445  # number of the advisory lock for creating tables, chosen at random

# All in one command, because round trips are what costs. A process that is stopped within a transaction
# (SIGSTOP, a paused machine) loses it after ten seconds, and its locks.
_BEGIN = """
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SELECT version, set_config('idle_in_transaction_session_timeout', '10s', true), set_config('lock_timeout', '30s', true),
       set_config('synchronous_commit', {how}, true), suppressing FROM outbox_version
"""
_BEGIN_MAKING = "BEGIN; SET LOCAL lock_timeout = '30s'; SET LOCAL synchronous_commit = on"
_VERSION = "SELECT version FROM outbox_version"
# remote_apply promises more than on does, and is kept where it is set.
_ON = "CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END"
BEGIN_DURABLY, BEGIN_LIGHTLY = _BEGIN.format(how=_ON), _BEGIN.format(how="'off'")
DURABLY = f"SELECT set_config('synchronous_commit', {_ON}, true), suppressing FROM outbox_version"  # noqa: S608 - ours
"""Statement for a transaction that the caller has begun; its row says whether anybody is suppressed."""

# The same for one round trip: another era causes a division by zero, and so a rollback. Nothing is open between round
# trips there, so that no session can idle in a transaction. Mails are looked up one by one: a cached plan that was
# made for empty tables would scan or join all of them. Lanes are plain until the statement `look`. Where anybody
# is suppressed, mails whose recipients were not looked up are refused in the same way: they are put one by one then.
_AT_ONCE = """
SELECT 1 / coalesce((SELECT version / {era} = {ours} AND suppressing <= %(checked)s::int FROM outbox_version),
                    false)::int,
       (SELECT suppressing FROM outbox_version),
       set_config('lock_timeout', %(wait)s, true), set_config('synchronous_commit', {how}, true),
       set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('courriel.plain', '1', true)
"""

_PASSING = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class _DiedBeforeError(psycopg.OperationalError):
    """A kept connection was closed by the server: the other kept ones are closed as well, and a new one may work."""


_left_behind: list[object] = []  # connections of a parent process: closing them here would end them there


class StatementResult(NamedTuple):
    """Result of a statement: the number of changed rows, and the returned rows."""

    changed: int
    rows: Sequence[tuple[Any, ...]]


class PostgresServer:
    """One database of a server; missing tables are created, or are an error without `create`.

    Raises InvalidUrl; OutboxError for a server that cannot be reached, or that lacks what the outbox needs.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._create = create
        self._told, self.place = conninfo(url)
        self._begin()
        self._prepares = False
        self.suppressing = False
        """Whether anybody is on the suppression list, as the last transaction has seen it."""
        self._durably, self._lightly = (Statement(_at_once(how)) for how in (_ON, "'off'"))
        self.name = self._prepare()

    # Transactions.

    def write(self, act: Callable[[PostgresConnection], T], begin: str = BEGIN_DURABLY) -> T:
        """Run a function in a transaction; it may run again when the first one was undone.

        Raises OutboxUncertain when it is unknown whether it was written.
        """
        return self._repeated(lambda db: self._transact(db, begin, act))

    def read(self, act: Callable[[PostgresConnection], T]) -> T:
        """Run a function on the committed state."""
        return self._repeated(act)

    def at_once(
        self, said: Sequence[BoundStatement], *, wait: str = "30s", durably: bool = True, checked: bool = True
    ) -> list[StatementResult]:
        """Run a transaction in one round trip; `wait` is the lock timeout.

        It is refused where it is not `checked` and anybody is on the suppression list.

        Raises RefusedError when the server refused a statement and nothing was written: the same statements one by one,
        in a usual transaction, may succeed or give a full error. Raises UnfinishedError when everything was sent and no
        answer came; OutboxError.
        """
        settings = self._durably if durably else self._lightly
        told = [(settings, {"wait": wait, "checked": int(checked)}), *said]
        with in_our_words(self.place):
            while True:
                with self._connection() as (connection, fresh):
                    session = _session_on(connection)
                    if not fresh and session.is_stale():
                        connection.close()
                        continue
                    try:
                        results = session.run(told, prepare=self._prepares)
                    except RefusedError as refused:
                        if refused.code in NOT_PREPARED:
                            self._prepares = False  # it is a pooler that passes the server's process id on
                        raise
                    except psycopg.OperationalError as failed:
                        if fresh or isinstance(failed, Unanswered):
                            raise
                        continue
                    self.suppressing = bool(session.rows(results[0])[0][1])
                    return [StatementResult(result.command_tuples or 0, session.rows(result)) for result in results[1:]]

    def name_now(self) -> str:
        """Name of the outbox, as its tables say it now: they may have been restored, or made anew."""
        self.name = self.read(lambda db: str(db.last("SELECT name FROM outbox_version")[0]))
        return self.name

    @property
    def prepares(self) -> bool:
        """Whether statements are prepared: a connection is one session of the server, as far as it is known."""
        return self._prepares

    def uncertain(self) -> errors.OutboxUncertain:
        """The error for a commit of which it is unknown whether it was written."""
        return errors.OutboxUncertain(
            f"{self.place}: the connection broke while this was being committed, and nobody knows whether it was"
            " written: put it again with the same key"
        )

    # Opening and closing.

    def reopen(self) -> None:
        """Go on with new connections; those in use by other threads are left to them."""
        self._drop_idle()
        self._closed = False

    def close(self) -> None:
        """Close every connection."""
        self._closed = True
        self._drop_idle()

    def __del__(self) -> None:
        with suppress(Exception):
            self._drop_idle()

    # The steps.

    def _begin(self) -> None:
        self._closed = False
        self._process = os.getpid()
        self._idle: deque[Connection] = deque()
        self._turns = BoundedSemaphore(_CONNECTIONS)

    def _repeated(self, act: Callable[[PostgresConnection], T]) -> T:
        with in_our_words(self.place):
            for _ in range(_TRIES - 1):
                try:
                    return self._once(act)
                except _PASSING:
                    continue
                except _DiedBeforeError:
                    self._drop_idle()
            return self._once(act)

    def _once(self, act: Callable[[PostgresConnection], T]) -> T:
        with self._connection() as (connection, fresh):
            try:
                return act(PostgresConnection(connection))
            except psycopg.OperationalError as failed:
                if connection.closed and not fresh and not isinstance(failed, Unanswered):
                    raise _DiedBeforeError(*failed.args) from failed
                raise

    def _transact(self, db: PostgresConnection, begin: str, act: Callable[[PostgresConnection], T]) -> T:
        version, *_, suppressing = db.last(begin)
        check_era(self.place, version, FIRST_VERSION + len(UPGRADES))
        self.suppressing = bool(suppressing)
        result = act(db)
        try:
            said = db.execute("COMMIT").statusmessage
        except psycopg.OperationalError as failed:
            if not db.connection.closed:
                raise
            raise self.uncertain() from failed
        if said != "COMMIT":
            raise errors.OutboxError(f"{self.place}: the server has undone the transaction")
        return result

    @contextmanager
    def _connection(self) -> Generator[tuple[Connection, bool]]:
        """A connection for one transaction, and whether it is new; kept afterwards when no transaction is open."""
        if os.getpid() != self._process:
            _left_behind.extend(self._idle)
            closed = self._closed
            self._begin()
            self._closed = closed
        if self._closed:
            raise errors.OutboxError(f"{self.place}: this outbox is closed")
        if not self._turns.acquire(timeout=_PATIENCE):
            raise errors.OutboxError(f"{self.place}: none of {_CONNECTIONS} connections was free for {_PATIENCE:.0f} s")
        idle, turns = self._idle, self._turns
        try:
            connection, fresh = self._kept() or (connected(self._told), True)
            try:
                yield connection, fresh
            except BaseException:
                _roll_back(connection)
                raise
            finally:
                if connection.closed or self._closed or idle is not self._idle:
                    connection.close()
                else:
                    idle.append(connection)
        finally:
            turns.release()

    def _kept(self) -> tuple[Connection, bool] | None:
        with suppress(IndexError):
            return self._idle.pop(), False
        return None

    def _drop_idle(self) -> None:
        """Close idle connections, except in a child process, where that would end the parent's."""
        while os.getpid() == self._process and (kept := self._kept()):
            kept[0].close()

    # Requirements on the server.

    def _prepare(self) -> str:
        with in_our_words(self.place), self._connection() as (connection, _):
            db = PostgresConnection(connection)
            self._check_server(db)
            if not self._is_current(db):
                if not self._create and self._version(db) < FIRST_VERSION:
                    raise errors.OutboxError(f"{self.place}: there is no outbox there", hint_id=MISSING)
                self._make_tables(db)
            self._check_tables(db)
            return str(db.last("SELECT name FROM outbox_version")[0])

    def _check_server(self, db: PostgresConnection) -> None:
        version, encoding, fsync, pages, standby, process = db.last(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),"
            " current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(), pg_backend_pid()"
        )
        # A pooler gives its clients a process id of its own, for cancelling.
        self._prepares = process == db.connection.pgconn.backend_pid
        if version < _OLDEST:
            raise errors.OutboxError(
                f"{self.place}: PostgreSQL {version // 10_000} is too old for an outbox: 13 or newer"
            )
        if encoding != "UTF8":
            raise errors.OutboxError(f"{self.place}: its encoding is {encoding}; mail needs a database in UTF8")
        if standby:
            raise errors.OutboxError(
                f"{self.place} is a standby, where nothing can be written: name the primary server"
            )
        if fsync != "on":
            raise errors.OutboxError(
                f"{self.place}: fsync is off there, and a power cut would lose mails: set fsync = on"
            )
        if pages != "on":
            logger.warning(
                "full_page_writes is off at %s: a power cut can damage the outbox, unless its disk never tears a page",
                self.place,
                extra={"action": "outbox_pages"},
            )

    def _check_tables(self, db: PostgresConnection) -> None:
        lost = db.execute(
            "SELECT relname FROM pg_class WHERE relpersistence <> 'p' AND oid IN"
            " ('outbox_mail'::regclass, 'outbox_body'::regclass, 'outbox_lane'::regclass)"
        ).fetchall()
        if lost:
            raise errors.OutboxError(f"{self.place}: {lost[0][0]} is not a logged table: a crash would empty it")

    def _is_current(self, db: PostgresConnection) -> bool:
        """Check the version of the tables without a lock, so that a start with current tables waits for no other
        process.
        """
        return self._version(db) >= FIRST_VERSION + len(UPGRADES)

    def _make_tables(self, db: PostgresConnection) -> None:
        """Create the tables, or upgrade them; of several processes that start together one does it."""
        db.execute(_BEGIN_MAKING)
        # A lock of this transaction and not of the session, which may not be ours alone.
        db.execute("SELECT pg_advisory_xact_lock(%(number)s)", {"number": _UPGRADING})
        following = self._version(db) + 1
        for step, name in enumerate(("postgres", *UPGRADES)[following - FIRST_VERSION :], start=following):
            db.execute(script(name))
            db.execute("UPDATE outbox_version SET version = %(step)s", {"step": step})
        db.execute("COMMIT")

    def _version(self, db: PostgresConnection) -> int:
        """Version of the tables, or the one before the first for none. Raises OutboxError for another era."""
        version = _version(db)
        if version is None:
            return FIRST_VERSION - 1
        check_era(self.place, version, FIRST_VERSION + len(UPGRADES))
        return version


# The steps.


def _at_once(how: str) -> str:
    return _AT_ONCE.format(era=ERA, ours=era_of(FIRST_VERSION + len(UPGRADES)), how=how)


def _session_on(connection: Connection) -> PipelineSession:
    """The pipeline session of a connection, which keeps its prepared statements."""
    assert isinstance(connection, InterruptibleConnection)
    if connection.pipelines is None:
        connection.pipelines = PipelineSession(connection)
    return connection.pipelines


def _version(db: PostgresConnection) -> int | None:
    # From pg_class, and not to_regclass(): a session caches the lookup of a name for a while, and
    # would miss tables that another process has created while it waited for the lock.
    visible = "SELECT 1 FROM pg_class WHERE relname = 'outbox_version' AND pg_table_is_visible(oid)"
    return int(db.last(_VERSION)[0]) if db.execute(visible).fetchone() else None


def _roll_back(connection: Connection) -> None:
    """Roll back, or close the connection where that fails."""
    try:
        if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.execute("ROLLBACK")
    except BaseException:  # noqa: BLE001 - the exception being raised already matters more
        connection.close()
