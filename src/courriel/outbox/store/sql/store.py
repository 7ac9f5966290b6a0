"""SqlStore: the part of a store that is the same for every engine, with one short transaction for each call."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from courriel import errors
from courriel.outbox.store.chunks import LARGE
from courriel.outbox.store.facts import Activity, Count, IntegrityFinding, LaneInfo, MailInfo, Query, Taken, WorkerInfo
from courriel.outbox.store.jobs import Job, KnownMail, LeaseTerms, Pruned, Recovered, Settlement
from courriel.outbox.store.sql import claiming, rows
from courriel.outbox.store.sql.bounces.reports import SqlReports
from courriel.outbox.store.sql.connection import SqlConnection, T, Values
from courriel.outbox.store.sql.paging import page_statement
from courriel.outbox.store.sql.rates import SqlRates
from courriel.outbox.store.sql.staging import Staging
from courriel.outbox.store.standing import Standing
from courriel.outbox.store.states import DAMAGED, POISON_AFTER, Action, State

if TYPE_CHECKING:
    from pathlib import Path


_TAKEN = (Standing.ACCEPTED, Standing.RETURNED, Standing.COMPLAINED)  # a server took the mail over for them
_TICK = 0.001  # seconds: the shortest duration reported
_PAGE = 200  # mails read at a time: a long read would keep the database from removing old row versions


class SqlStore(SqlRates, SqlReports, ABC):
    """The part of a Store that is the same for every engine; an engine adds its transactions, `put` and `claim`."""

    _sql: Mapping[str, str]

    @property
    @abstractmethod
    def place(self) -> str:
        """See Store.place."""

    @abstractmethod
    def _read(self, act: Callable[[SqlConnection], T]) -> T:
        """Run a function on the committed state."""

    @abstractmethod
    def _write(self, act: Callable[[SqlConnection], T]) -> T:
        """Run a function in a transaction that is on stable storage afterwards."""

    @abstractmethod
    def _write_lightly(self, act: Callable[[SqlConnection], T]) -> T:
        """Run a function in a transaction that a power cut may undo."""

    def _in_words(self, statement: str) -> str:
        """Translate a shared statement into the engine's dialect."""
        return statement

    def _now(self) -> dict[str, object]:
        """Time of the store's clock as a statement parameter, for an engine without its own clock."""
        return {}

    # Putting.

    @property
    def _staging(self) -> Staging:
        # Made for each use: kept, it would be a cycle, and a store that nobody closes would stay open.
        return Staging(self.place, self._sql, self._write_lightly, self._done, self._now)

    def _is_known(self, key: str | None) -> bool:
        return key is not None and self.find(key=key) is not None

    # Working.

    def mark(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.mark."""
        return self._write(lambda db: self._each(db, "mark", jobs, lease))

    def advance(
        self, settlements: Sequence[Settlement], marks: Sequence[tuple[Job, float]]
    ) -> tuple[list[bool], list[bool]]:
        """See Store.advance."""
        return self._write(lambda db: (self._settle(db, settlements), self._leased(db, "mark", marks)))

    def _mark_first(self, db: SqlConnection, jobs: Sequence[Job], terms: LeaseTerms) -> int:
        """Mark as many of the claimed mails as the terms say; return how many.

        The worker goes on at once, so only an envelope lies between this mark and the first end.
        """
        if terms.mark is None or any(job.lost for job in jobs):
            return 0
        return sum(self._each(db, "mark", jobs[: terms.ahead], terms.mark))

    def extend(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.extend."""
        return self._write_lightly(lambda db: self._each(db, "extend", jobs, lease))

    def _each(self, db: SqlConnection, name: str, jobs: Sequence[Job], lease: float) -> list[bool]:
        return self._leased(db, name, [(job, lease) for job in jobs])

    def _leased(self, db: SqlConnection, name: str, leases: Sequence[tuple[Job, float]]) -> list[bool]:
        now = self._now()
        return self._done(db, name, [{"id": job.id, "token": job.token, "lease": each} | now for job, each in leases])

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Store.settle."""

        return self._write(lambda db: self._settle(db, settlements))

    def _settle(self, db: SqlConnection, settlements: Sequence[Settlement]) -> list[bool]:
        now = self._now()
        return self._done(db, "settle", [rows.settlement_values(settled) | now for settled in settlements])

    def told(self, ids: Sequence[str]) -> None:
        """See Store.told."""
        self._write_lightly(lambda db: self._done(db, "told", [{"id": ident} for ident in ids]))

    def _known(self, db: SqlConnection, key: str | None) -> KnownMail | None:
        """The stored mail with this key, within the transaction that found the key."""
        row = db.execute(self._sql["known"], {"key": key}).fetchone()
        if row is None:
            return None
        chunks = db.execute(self._sql["whole_body"], {"id": row[0]}).fetchall()
        return rows.known_of(row, b"".join([bytes(chunk) for (chunk,) in chunks]))

    def _done(self, db: SqlConnection, name: str, each: Sequence[Values]) -> list[bool]:
        """Run a statement for each set of values; for each, whether it changed its one row."""
        statement = self._sql[name]
        return [db.execute(statement, values).rowcount == 1 for values in each]

    # Worker processes.

    @property
    def beside(self) -> str | None:
        """See Store.beside."""
        return None

    def enlist(self, worker: WorkerInfo) -> None:
        """See Store.enlist."""
        values = {"id": worker.id, "folder": worker.folder, "inode": worker.inode, "process": worker.process}
        self._write_lightly(lambda db: db.execute(self._sql["enlist"], values | self._now()))

    def workers(self) -> list[WorkerInfo]:
        """See Store.workers."""
        found = self._read(lambda db: db.execute(self._sql["workers"], self._now()).fetchall())
        return [WorkerInfo(*row) for row in found]

    def resign(self, id: str) -> bool:  # noqa: A002
        """See Store.resign."""
        return self._write_lightly(lambda db: db.execute(self._sql["resign"], {"id": id}).rowcount == 1)

    def take_over(self, id: str, *, wait: float) -> list[Recovered]:  # noqa: A002
        """See Store.take_over."""
        values = {"holder": id, "wait": wait, "poison": POISON_AFTER} | self._now()
        found = self._write(lambda db: db.execute(self._sql["take_over"], values).fetchall())
        return [Recovered(str(ident), State(state), why) for ident, state, why in found]

    def taken(self, id: str = "") -> list[Taken]:  # noqa: A002
        """See Store.taken."""
        values = {"id": id} | self._now()
        return [Taken(*row) for row in self._read(lambda db: db.execute(self._sql["taken"], values).fetchall())]

    # Reading, and actions of a person.

    def edit(self, id: str, action: Action) -> bool:  # noqa: A002
        """See Store.edit."""

        def act(db: SqlConnection) -> bool:
            values: dict[str, object] = {"id": id} | self._now()
            if action == "retry_failed":
                values["rcpts"] = rows.names_written(self._not_accepted(db, id))
            # A mail of which no recipient can be read is not sent to nobody.
            if values.get("rcpts") != "[]" and db.execute(self._sql[action], values).rowcount:
                return True
            if db.execute(self._sql["find"], {"id": id, "key": None}).fetchone() is None:
                raise errors.TicketNotFound(f"there is no mail {id} in {self.place}")
            return False

        return self._write(act)

    def _not_accepted(self, db: SqlConnection, ident: str) -> list[str]:
        """The recipients that no server has accepted a mail for."""
        row = db.execute(self._sql["find"], {"id": ident, "key": None}).fetchone()
        standings = rows.info_of(row).standings if row else {}
        return [name for name, standing in standings.items() if standing not in _TAKEN]

    def begin_with(self, beginning: str) -> list[str]:
        """See Store.begin_with."""
        values = {"first": beginning, "last": f"{beginning}g"}  # ids are hexadecimal
        found = self._read(lambda db: db.execute(self._sql["begin_with"], values).fetchall())
        return [str(ident) for (ident,) in found]

    def find(self, *, id: str | None = None, key: str | None = None) -> MailInfo | None:  # noqa: A002
        """See Store.find."""
        row = self._read(lambda db: db.execute(self._sql["find"], {"id": id, "key": key}).fetchone())
        return rows.info_of(row) if row else None

    def read(self, query: Query) -> Iterator[MailInfo]:
        """See Store.read."""
        values = rows.query_values(query)
        left = query.most if query.most is not None else sys.maxsize
        while left > 0:
            values["most"] = min(left, _PAGE)
            page = self._read(lambda db: db.execute(self._page(db, query), values).fetchall())
            yield from map(rows.info_of, page)
            if len(page) < _PAGE:
                return
            left -= len(page)
            values["created"], values["id"] = page[-1][:2]

    def _page(self, db: SqlConnection, query: Query) -> str:
        return self._in_words(page_statement(db, self._sql, query))

    def counts(self) -> list[Count]:
        """See Store.counts."""
        found = self._read(lambda db: db.execute(self._sql["counts"]).fetchall())
        counts: dict[tuple[str, State], Count] = {}
        for lane, stored, mails, oldest, unsure in found:
            state = rows.state_of(stored)
            at = oldest if isinstance(oldest, int | float) else None  # a text, where the row was edited
            count = Count(lane, state, mails, at, unsure)
            if before := counts.get((lane, state)):  # two stored numbers that stand for one state: one is unknown
                since = before.oldest if at is None else at
                count = Count(lane, state, before.mails + mails, since, before.unsure + unsure)
            counts[lane, state] = count
        return list(counts.values())

    def activity(self, window: float, most: int) -> Activity:
        """See Store.activity."""
        return self._read(lambda db: self._activity(db, window, most))

    def _activity(self, db: SqlConnection, window: float, most: int) -> Activity:
        values = {"window": window, "most": most} | self._now()
        sent, since = db.execute(self._sql["sent_lately"], values).fetchone()
        error = db.execute(self._sql["last_error"]).fetchone()
        # The whole window counts, unless the sample is shorter.
        seconds = window if sent < most else max(since, _TICK)
        return Activity(sent, seconds, *(error or ()))

    def body(self, id: str) -> Iterator[bytes]:  # noqa: A002
        """See Store.body."""
        for seq in count():
            chunk = self._chunk(id, seq)
            if chunk is None:
                return
            yield chunk

    def _chunk(self, mail: str, seq: int) -> bytes | None:
        values = {"mail": mail, "seq": seq}
        row = self._read(lambda db: db.execute(self._sql["chunk"], values).fetchone())
        return row[0] if row else None

    def lanes(self) -> list[LaneInfo]:
        """See Store.lanes."""
        found = self._read(lambda db: db.execute(self._sql["lanes"], self._now()).fetchall())
        return [rows.lane_of(row) for row in found]

    def set_lane(self, name: str, changes: Mapping[str, object]) -> LaneInfo:
        """See Store.set_lane."""

        def act(db: SqlConnection) -> LaneInfo:
            values: dict[str, object] = {"lane": name} | self._now()
            db.execute(self._sql["put_lane"], values)
            lane = rows.changed(rows.lane_of(db.execute(self._sql["lane"], values).fetchone()), changes)
            values |= {"stopped": int(lane.stopped), "cap": lane.cap, "gap": lane.gap, "per": lane.per}
            db.execute(self._sql["set_lane"], values)
            if changes.get("stopped") is False:
                db.execute(self._sql["lane_works"], values)
            return rows.lane_of(db.execute(self._sql["lane"], values).fetchone())

        return self._write(act)

    def lane_failed(self, name: str, *, fails: int, pause: float, why: str) -> None:
        """See Store.lane_failed."""
        values = {"lane": name, "fails": fails, "pause": pause, "why": why} | self._now()
        self._write_lightly(lambda db: db.execute(self._sql["lane_failed"], values))

    def note_error(self, name: str, why: str) -> None:
        """See Store.note_error."""
        values = {"lane": name, "why": why} | self._now()
        self._write_lightly(lambda db: db.execute(self._sql["note_error"], values))

    def lane_works(self, name: str) -> None:
        """See Store.lane_works."""
        self._write_lightly(lambda db: db.execute(self._sql["lane_works"], {"lane": name}))

    def prune(self, *, sent: float, failed: float, most: int) -> Pruned:
        """See Store.prune."""
        ages = {State.SENT: sent, State.CANCELED: sent, State.FAILED: failed}

        def act(db: SqlConnection) -> Pruned:
            if self._staging.sweep(db):
                return Pruned(0, more=True)
            old: list[tuple[str, Any]] = []
            for state, age in ages.items():
                if len(old) < most:
                    values = {"state": int(state), "age": age, "most": most - len(old)} | self._now()
                    old += db.execute(self._sql["old"], values).fetchall()
            if not old:
                self._tidy(db)
                return Pruned(0, more=False)
            few, large = _few(old)
            for ident in large:
                db.execute(self._sql["condemn"], {"mail": ident})
            self._forget(db, few, bodies=[ident for ident in few if ident not in large])
            return Pruned(len(few), more=True)

        return self._write_lightly(act)

    def _forget(self, db: SqlConnection, mails: Sequence[str], bodies: Sequence[str]) -> None:
        for ident in bodies:
            db.execute(self._sql["forget_body"], {"id": ident})
        for ident in mails:
            db.execute(self._sql["forget_mail"], {"id": ident})

    def _tidy(self, db: SqlConnection) -> None:
        """Delete rows that are not needed any more, apart from old mails."""
        db.execute(self._sql["forget_workers"], self._now())

    # Maintenance.

    def check(self) -> list[IntegrityFinding]:
        """See Store.check."""
        found: list[IntegrityFinding] = []
        for kind in ("incomplete", "orphan", "lane", "value", "counters"):
            try:
                number, example = self._read(partial(self._find, self._sql[f"find_{kind}"]))
            except errors.OutboxError as failed:
                if failed.hint_id != DAMAGED:
                    raise
                return [*found, IntegrityFinding("damaged", 1, str(failed.__cause__))]
            if number:
                found.append(IntegrityFinding(kind, number, str(example)))
        return found

    @staticmethod
    def _find(asked: str, db: SqlConnection) -> tuple[int, object]:
        number, example = db.execute(asked).fetchone()
        return int(number), example

    def backup(self, path: Path) -> None:
        """See Store.backup; refused for an engine with its own backup tools."""
        raise errors.UsageError(
            f"{self.place}: a PostgreSQL database is copied by its own means: pg_dump, pg_basebackup"
        )

    def compact(self) -> tuple[int, int]:
        """See Store.compact; refused for an engine that compacts by itself."""
        raise errors.UsageError(f"{self.place}: PostgreSQL uses the room again by itself (autovacuum)")

    # Steps of a claim; see also `claiming`.

    def _hold_unreadable(
        self, db: SqlConnection, unreadable: Sequence[tuple[Any, str]], token: object
    ) -> tuple[Recovered, ...]:
        """Hold the claimed mails of this token whose rows cannot be read, so that the others are sent."""
        return claiming.hold_unreadable(db, self._sql, unreadable, {"token": token} | self._now())


def _few(old: Sequence[tuple[str, Any]]) -> tuple[list[str], frozenset[str]]:
    """Ids of as many mails as one transaction may delete, by the size of their contents, and those of large ones.

    A large content is deleted alone, in pieces.
    """
    few: list[str] = []
    large: set[str] = set()
    octets = 0
    for ident, size in old:
        if type(size) is not int or size > LARGE:
            large.add(ident)
        elif octets + size > LARGE:
            break
        else:
            octets += size
        few.append(ident)
    return few, frozenset(large)
