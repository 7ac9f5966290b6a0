"""SqliteStore: the outbox in one SQLite file of this machine."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast
from uuid import uuid4

from courriel import errors
from courriel._dataclass import replace
from courriel.outbox.store.facts import IntegrityFinding, LaneInfo
from courriel.outbox.store.jobs import Claimed, Job, Known, LeaseTerms, NewMail, Pruned, Recovered, Settlement
from courriel.outbox.store.sql import claiming, rows
from courriel.outbox.store.sql.connection import SqlConnection, Values
from courriel.outbox.store.sql.statements import by_position, for_ids, for_rows, statements
from courriel.outbox.store.sql.store import SqlStore
from courriel.outbox.store.sqlite import filesystem, tables
from courriel.outbox.store.sqlite.backup import backup
from courriel.outbox.store.sqlite.file import SqliteFile
from courriel.outbox.store.sqlite.translated import in_our_words
from courriel.outbox.store.states import DAMAGED, POISON_AFTER, LeaseId, State

T = TypeVar("T")

_OFTEN = ("put_mail", "put_body", "mark", "extend", "settle", "told")  # executed for each mail
_SEVERAL = 4  # mails from which on one statement for all is faster than one for each
_TOGETHER = 100  # mails in one statement
_CARRIED = 64 * 1024  # octets of a body that comes with its job; larger ones are read while they are sent
_UNKNOWN = LaneInfo("")


class SqliteStore(SqlStore):
    """Storage of mails in one file of this machine; created when missing, readable only by its owner.

    Without `create` a file that is no outbox is an error, and left unchanged. A `shared` file is an application's own;
    see SqliteFile. `clock` returns seconds since 1970.
    Raises UsageError for a location where no database is safe, OutboxError for a file that cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], float] = time.time,
        create: bool = True,
        shared: bool = False,
    ) -> None:
        self._file = SqliteFile(Path(path).absolute(), create=create, shared=shared)
        self._path = self._file.path
        self._begin(clock)

    def _begin(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sql = statements()
        self._by_position = {name: by_position(self._sql[name]) for name in _OFTEN}
        self._lanes_known: set[str] = set()

    @property
    def place(self) -> str:
        """Path of the file."""
        return str(self._path)

    @property
    def beside(self) -> str | None:
        """Path of the file."""
        return str(self._path)

    @property
    def suppressing(self) -> bool:
        """See Store.suppressing."""
        return self._file.suppressing

    # Putting.

    def put(self, mails: Sequence[NewMail], conn: object = None, *, known: Known | None = None) -> list[str]:
        """See Store.put; `conn` is a sqlite3.Connection whose main file is the outbox's own."""
        with in_our_words(self._path):
            filesystem.check_room(self._path, sum(mail.size for mail in mails))
        if conn is None:
            with self._staging.staged(mails, self._is_known) as staged:
                ids = self._file.write(
                    lambda connection: [self._put(connection, mail, known, staged) for mail in mails]
                )
            self._lanes_known.update(mail.lane for mail in mails)  # a lane is never deleted
            return ids
        joined = self._joined(conn)
        with in_our_words(self._path):
            _, self._file.suppressing = tables.check_era_of(joined, self._path)
            joined.execute("SAVEPOINT courriel_put")
            try:
                ids = [self._put(joined, mail, known) for mail in mails]
            except BaseException:
                joined.execute("ROLLBACK TO courriel_put")
                raise
            finally:
                joined.execute("RELEASE courriel_put")
            return ids

    def _put(
        self, connection: sqlite3.Connection, mail: NewMail, known: Known | None, staged: frozenset[str] = frozenset()
    ) -> str:
        cursor = connection.cursor()
        cursor.row_factory = None  # a caller's connection may have one of its own
        values = rows.mail_values(mail) | {"now": self._clock()}
        statement, in_order = self._by_position["put_mail"]
        if cursor.execute(statement, in_order(values)).rowcount == 0:
            if staged:
                self._staging.delete(mail.id, connection)
            if known is not None and (before := self._known(cursor, mail.key)) is not None:
                known(mail, before)
            return str(cursor.execute(self._sql["id_of_key"], {"key": mail.key}).fetchone()[0])
        if mail.lane not in self._lanes_known:
            cursor.execute(self._sql["put_lane"], values)
        if self.suppressing:
            self._leave_out(cursor, mail)
        if mail.id in staged:
            self._staging.take(connection, mail.id)
            return mail.id
        statement, in_order = self._by_position["put_body"]
        for seq, chunk in enumerate(mail.chunks):
            cursor.execute(statement, in_order({"mail": mail.id, "seq": seq, "chunk": chunk}))
        return mail.id

    def _joined(self, conn: object) -> sqlite3.Connection:
        """The caller's connection, within a transaction of the caller. Raises UsageError for another database."""
        if not isinstance(conn, sqlite3.Connection):
            raise errors.UsageError(f"conn: a sqlite3.Connection to {self._path}, not {type(conn).__name__}")
        cursor = conn.cursor()
        cursor.row_factory = None
        main = next((row[2] for row in cursor.execute("PRAGMA database_list") if row[1] == "main"), "")
        if not main or not Path(main).samefile(self._path):
            raise errors.UsageError(f"conn: its main file is {main or 'in memory'}, and the outbox is {self._path}")
        if not conn.in_transaction:
            if conn.isolation_level is None:
                raise errors.UsageError("conn: begin a transaction first; this connection commits each statement alone")
            conn.execute("BEGIN IMMEDIATE")
        self._file.warn_of_shared_file()
        return conn

    # Working.

    def claim(self, lane: str, most: int, *, lease: float, holder: str) -> Claimed:
        """See Store.claim."""
        known, suspect_due, late = self._file.read(lambda reading: self._look(reading, lane))
        if not late and (not suspect_due or known.stopped or known.paused > 0):
            return Claimed(lane=known)
        terms = LeaseTerms(lease, holder)
        return self._file.write_lightly(lambda connection: self._claim(connection, lane, most, terms))

    def go_on(self, settlements: Sequence[Settlement], lane: str, most: int, terms: LeaseTerms) -> Claimed:
        """See Store.go_on."""

        def act(connection: sqlite3.Connection) -> Claimed:
            settled = self._settle(connection, settlements)
            claimed = self._claim(connection, lane, most, terms)
            marked = self._mark_first(connection, claimed.jobs, terms)
            return replace(claimed, settled=tuple(settled), marked=marked)

        return self._file.write(act)

    def _claim(self, connection: sqlite3.Connection, lane: str, most: int, terms: LeaseTerms) -> Claimed:
        values: dict[str, object] = {"lane": lane, "holder": terms.holder, "token": uuid4().hex, "lease": terms.lease}
        values |= self._now()
        found = connection.execute(self._sql["recover"], values | {"poison": POISON_AFTER}).fetchall()
        recovered = tuple(Recovered(str(ident), State(state), why) for ident, state, why in found)
        known, room = claiming.lane_and_room(connection, self._sql, values, most)
        rate, room = self._rate(connection, values, known, room)
        leased = claiming.lease_due(connection, self._sql, values, room) if room else []
        slots, wait = self._take_slots(connection, values, rate, len(leased), room) if rate else (None, None)
        jobs, broken = rows.jobs_of(leased, _small_bodies(connection, leased), _CARRIED)
        unreadable = self._hold_unreadable(connection, broken, values["token"]) if broken else ()
        return Claimed(tuple(jobs), recovered, unreadable, known, slots=slots, wait=wait)

    def _look(self, connection: sqlite3.Connection, lane: str) -> tuple[LaneInfo, bool, bool]:
        values = {"lane": lane, "now": self._clock()}
        row = connection.execute(self._sql["lane"], values).fetchone()
        due = any(connection.execute(self._sql["is_anything_due"], values).fetchone())
        late = connection.execute(self._sql["is_anything_late"], values).fetchone()[0]
        return rows.lane_of(row) if row else replace(_UNKNOWN, name=lane), due, bool(late)

    def _done(self, db: SqlConnection, name: str, each: Sequence[Values]) -> list[bool]:
        """See SqlStore._done; in a third of its time, by one cursor and positional parameters."""
        statement, in_order = self._by_position[name]
        say = cast("sqlite3.Connection", db).cursor().execute
        return [say(statement, values).rowcount == 1 for values in map(in_order, each)]

    def _leased(self, db: SqlConnection, name: str, leases: Sequence[tuple[Job, float]]) -> list[bool]:
        """See SqlStore._leased; one statement for the mails of one claim."""
        if len(leases) < _SEVERAL:
            return super()._leased(db, name, leases)
        now = self._clock()
        alike: dict[tuple[str, float], list[str]] = {}
        for job, lease in leases:
            alike.setdefault((job.token, lease), []).append(job.id)
        done: set[LeaseId] = set()
        for (token, lease), ids in alike.items():
            for some in _in_lots(ids, _TOGETHER):
                found = db.execute(for_ids(name, len(some)), (now, lease, *some, token, now)).fetchall()
                done.update((ident, token) for (ident,) in found)
        return [job.lease_id in done for job, _ in leases]

    def _settle(self, db: SqlConnection, settlements: Sequence[Settlement]) -> list[bool]:
        """See SqlStore._settle; one statement for all."""
        if len(settlements) < _SEVERAL or len({each.id for each in settlements}) < len(settlements):
            return super()._settle(db, settlements)
        now = self._clock()
        done: set[str] = set()
        for some in _in_lots(settlements, _TOGETHER):
            statement, in_order, times = for_rows("settle", len(some))
            values: list[object] = [now] * times
            for each in some:
                values += in_order(rows.settlement_values(each))
            done.update(ident for (ident,) in db.execute(statement, values).fetchall())
        return [each.id in done for each in settlements]

    # Maintenance.

    def prune(self, *, sent: float, failed: float, most: int) -> Pruned:
        """See Store.prune; with a checkpoint of the log."""
        pruned = super().prune(sent=sent, failed=failed, most=most)
        if pruned.more:
            self._file.checkpoint()
        return pruned

    def check(self) -> list[IntegrityFinding]:
        """See Store.check."""
        try:
            damage = self._file.read(lambda db: db.execute("PRAGMA integrity_check(10)").fetchall())
        except errors.OutboxError as failed:
            if failed.hint_id != DAMAGED:
                raise
            damage = [(str(failed.__cause__),)]
        found = [IntegrityFinding("damaged", len(damage), str(damage[0][0]))] if damage != [("ok",)] else []
        if self._file.lacks_log:
            found.append(IntegrityFinding("log", 1, f"{self._path.name}-wal"))
        return found + [each for each in super().check() if damage == [("ok",)] or each.kind != "damaged"]

    def backup(self, path: Path) -> None:
        """See Store.backup."""
        backup(self._file, path)

    def compact(self) -> tuple[int, int]:
        """See Store.compact."""
        return self._file.compact()

    # Transactions.

    def _read(self, act: Callable[[SqlConnection], T]) -> T:
        return self._file.read(act)

    def _write(self, act: Callable[[SqlConnection], T]) -> T:
        return self._file.write(act)

    def _write_lightly(self, act: Callable[[SqlConnection], T]) -> T:
        return self._file.write_lightly(act)

    def _now(self) -> dict[str, object]:
        return {"now": self._clock()}

    def reopen(self) -> None:
        """See Store.reopen."""
        self._lanes_known.clear()
        self._file.reopen()

    def close(self) -> None:
        """See Store.close."""
        self._file.close()


# The steps.


def _in_lots(values: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (values[first : first + most] for first in range(0, len(values), most))


def _small_bodies(connection: sqlite3.Connection, found: Sequence[rows.Row]) -> dict[str, bytes]:
    """Contents of the small mails, by one query; others are read while they are sent."""
    ids = [row[1] for row in found if rows.is_small(row, _CARRIED)]
    places = ",".join("?" * len(ids))
    asked = f"SELECT mail, chunk FROM outbox_body WHERE seq = 0 AND mail IN ({places})"  # noqa: S608 - question marks only
    return dict(connection.execute(asked, ids).fetchall())
