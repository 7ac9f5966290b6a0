"""The embedded store: the statements of the outbox, said to one SQLite file of this machine."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from uuid import uuid4

from courriel import errors
from courriel.outbox import medium, rows
from courriel.outbox.sqlite_file import SqliteFile, in_our_words
from courriel.outbox.statements import statements
from courriel.outbox.store import (
    POISON_AFTER,
    Action,
    Claimed,
    Count,
    Job,
    LaneInfo,
    MailInfo,
    NewMail,
    Query,
    Recovered,
    Settlement,
    State,
)
from courriel.values import replace

_CARRIED = 64 * 1024  # octets of a body that comes with its job; larger ones are read while they are sent
_PAGE = 200  # mails read at a time, so that no reader keeps the file from being tidied
_UNKNOWN = LaneInfo("")


class SqliteStore:
    """Keeps mails in one file of this machine; made when it is missing, readable by its owner alone.

    `clock` gives seconds since 1970. Raises UsageError for a place where no database is safe, OutboxError for a file
    that cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.time) -> None:
        self._path = Path(path).absolute()
        self._file = SqliteFile(self._path)
        self._clock = clock
        self._says = statements()
        self._claims = 0

    @property
    def place(self) -> str:
        """The file."""
        return str(self._path)

    # Putting.

    def put(self, mails: Sequence[NewMail], conn: object = None) -> list[str]:
        """See Store.put; `conn` is a sqlite3.Connection whose main file is the outbox's own."""
        medium.check_room(self._path, sum(mail.size for mail in mails))
        if conn is None:
            return self._file.write(lambda connection: [self._put(connection, mail) for mail in mails])
        joined = self._joined(conn)
        with in_our_words(self._path):
            joined.execute("SAVEPOINT courriel_put")
            try:
                ids = [self._put(joined, mail) for mail in mails]
            except BaseException:
                joined.execute("ROLLBACK TO courriel_put")
                raise
            finally:
                joined.execute("RELEASE courriel_put")
            return ids

    def _put(self, connection: sqlite3.Connection, mail: NewMail) -> str:
        cursor = connection.cursor()
        cursor.row_factory = None  # a caller's connection may have one of its own
        values = rows.mail_values(mail) | {"now": self._clock()}
        if cursor.execute(self._says["put_mail"], values).rowcount == 0:
            return str(cursor.execute(self._says["id_of_key"], {"key": mail.key}).fetchone()[0])
        cursor.execute(self._says["put_lane"], values)
        for seq, chunk in enumerate(mail.chunks):
            cursor.execute(self._says["put_body"], {"mail": mail.id, "seq": seq, "chunk": chunk})
        return mail.id

    def _joined(self, conn: object) -> sqlite3.Connection:
        """The caller's connection, within a transaction of theirs. Raises UsageError when it is none of this file."""
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
        terms: dict[str, object] = {"lane": lane, "lease": lease, "holder": holder, "token": uuid4().hex}

        def act(connection: sqlite3.Connection) -> Claimed:
            values = terms | {"now": self._clock(), "poison": POISON_AFTER}
            found = connection.execute(self._says["recover"], values).fetchall()
            recovered = tuple(Recovered(str(ident), State(state), why) for ident, state, why in found)
            now_known, room = self._room(connection, values, most)
            jobs = self._lease(connection, values, room) if room else []
            if jobs and now_known.gap:
                connection.execute(self._says["spend"], values | {"seconds": now_known.gap * len(jobs)})
            return Claimed(tuple(jobs), recovered, now_known)

        return self._file.write_lightly(act)

    def _look(self, connection: sqlite3.Connection, lane: str) -> tuple[LaneInfo, bool, bool]:
        values = {"lane": lane, "now": self._clock()}
        row = connection.execute(self._says["lane"], values).fetchone()
        due = connection.execute(self._says["is_anything_due"], values).fetchone()[0]
        late = connection.execute(self._says["is_anything_late"], values).fetchone()[0]
        return rows.lane_of(row) if row else replace(_UNKNOWN, name=lane), bool(due), bool(late)

    def _room(self, connection: sqlite3.Connection, values: Mapping[str, object], most: int) -> tuple[LaneInfo, int]:
        row = connection.execute(self._says["lane"], values).fetchone()
        if row is None:
            return _UNKNOWN, most
        lane = rows.lane_of(row)
        busy = 0
        if lane.fails or lane.cap is not None:
            busy = int(connection.execute(self._says["count_busy"], values).fetchone()[0])
        return lane, rows.room_for(lane, row[7], busy, most)

    def _lease(self, connection: sqlite3.Connection, values: dict[str, object], most: int) -> list[Job]:
        """One that was lost before, alone, or as many as there is room for, the urgent ones first."""
        self._claims += 1
        found = connection.execute(self._says["claim_suspect"], values).fetchall() if self._claims % 2 else []
        for priority in () if found else range(3):
            if len(found) < most:
                more = values | {"prio": priority, "most": most - len(found)}
                found += connection.execute(self._says["claim"], more).fetchall()
        found = found or connection.execute(self._says["claim_suspect"], values).fetchall()
        return rows.jobs_of(found, _small_bodies(connection, found), _CARRIED)

    def mark(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.mark."""
        return self._file.write(lambda connection: self._each(connection, "mark", jobs, lease))

    def extend(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.extend."""
        return self._file.write_lightly(lambda connection: self._each(connection, "extend", jobs, lease))

    def _each(self, connection: sqlite3.Connection, name: str, jobs: Sequence[Job], lease: float) -> list[bool]:
        now, statement = self._clock(), self._says[name]
        return [
            connection.execute(statement, {"id": job.id, "token": job.token, "lease": lease, "now": now}).rowcount == 1
            for job in jobs
        ]

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Store.settle."""

        def act(connection: sqlite3.Connection) -> list[bool]:
            now = {"now": self._clock()}
            return [
                connection.execute(self._says["settle"], rows.settlement_values(settled) | now).rowcount == 1
                for settled in settlements
            ]

        return self._file.write(act)

    def told(self, ids: Sequence[str]) -> None:
        """See Store.told."""
        self._file.write_lightly(
            lambda connection: connection.executemany(self._says["told"], [{"id": i} for i in ids])
        )

    # Looking, and acting by hand.

    def edit(self, id: str, action: Action) -> bool:  # noqa: A002
        """See Store.edit."""

        def act(connection: sqlite3.Connection) -> bool:
            if connection.execute(self._says[action], {"id": id, "now": self._clock()}).rowcount:
                return True
            if connection.execute(self._says["find"], {"id": id, "key": None}).fetchone() is None:
                raise errors.TicketNotFound(f"there is no mail {id} in {self._path}")
            return False

        return self._file.write(act)

    def find(self, *, id: str | None = None, key: str | None = None) -> MailInfo | None:  # noqa: A002
        """See Store.find."""
        row = self._file.read(lambda reading: reading.execute(self._says["find"], {"id": id, "key": key}).fetchone())
        return rows.info_of(row) if row else None

    def read(self, query: Query) -> Iterator[MailInfo]:
        """See Store.read."""
        values, said = rows.query_values(query), self._says["read_news" if query.news else "read"]
        left = query.most if query.most is not None else sys.maxsize
        while left > 0:
            values["most"] = min(left, _PAGE)
            page = self._file.read(lambda reading: reading.execute(said, values).fetchall())
            yield from map(rows.info_of, page)
            if len(page) < _PAGE:
                return
            left -= len(page)
            values["created"], values["id"] = page[-1][:2]

    def counts(self) -> list[Count]:
        """See Store.counts."""
        found = self._file.read(lambda reading: reading.execute(self._says["counts"]).fetchall())
        return [Count(lane, State(state), mails, oldest, unsure) for lane, state, mails, oldest, unsure in found]

    def body(self, id: str) -> Iterator[bytes]:  # noqa: A002
        """See Store.body."""
        for seq in count():
            chunk = self._chunk(id, seq)
            if chunk is None:
                return
            yield chunk

    def _chunk(self, mail: str, seq: int) -> bytes | None:
        values = {"mail": mail, "seq": seq}
        row = self._file.read(lambda reading: reading.execute(self._says["chunk"], values).fetchone())
        return row[0] if row else None

    def lanes(self) -> list[LaneInfo]:
        """See Store.lanes."""
        values = {"now": self._clock()}
        return [
            rows.lane_of(row)
            for row in self._file.read(lambda reading: reading.execute(self._says["lanes"], values).fetchall())
        ]

    def set_lane(self, name: str, changes: Mapping[str, object]) -> LaneInfo:
        """See Store.set_lane."""

        def act(connection: sqlite3.Connection) -> LaneInfo:
            values: dict[str, object] = {"lane": name, "now": self._clock()}
            connection.execute(self._says["put_lane"], values)
            lane = rows.changed(rows.lane_of(connection.execute(self._says["lane"], values).fetchone()), changes)
            values |= {"stopped": int(lane.stopped), "cap": lane.cap, "gap": lane.gap}
            connection.execute(self._says["set_lane"], values)
            if changes.get("stopped") is False:
                connection.execute(self._says["lane_works"], values)
            return rows.lane_of(connection.execute(self._says["lane"], values).fetchone())

        return self._file.write(act)

    def lane_failed(self, name: str, *, fails: int, pause: float, why: str) -> None:
        """See Store.lane_failed."""
        values = {"lane": name, "fails": fails, "pause": pause, "why": why, "now": self._clock()}
        self._file.write_lightly(lambda connection: connection.execute(self._says["lane_failed"], values))

    def lane_works(self, name: str) -> None:
        """See Store.lane_works."""
        self._file.write_lightly(lambda connection: connection.execute(self._says["lane_works"], {"lane": name}))

    def prune(self, *, sent: float, failed: float, most: int) -> int:
        """See Store.prune."""

        def act(connection: sqlite3.Connection) -> int:
            values = {"now": self._clock(), "sent": sent, "failed": failed, "most": most}
            old = connection.execute(self._says["old"], values).fetchall()
            for (ident,) in old:
                connection.execute(self._says["forget_body"], {"id": ident})
                connection.execute(self._says["forget_mail"], {"id": ident})
            return len(old)

        return self._file.write_lightly(act)

    def reopen(self) -> None:
        """See Store.reopen."""
        self._file.reopen()

    def close(self) -> None:
        """See Store.close."""
        self._file.close()


# The steps.


def _small_bodies(connection: sqlite3.Connection, found: Sequence[rows.Row]) -> dict[str, bytes]:
    """The contents of those that are small, all at once; others are read while they are sent."""
    ids = [row[1] for row in found if row[-1] <= _CARRIED]
    places = ",".join("?" * len(ids))
    asked = f"SELECT mail, chunk FROM outbox_body WHERE seq = 0 AND mail IN ({places})"  # noqa: S608 - question marks only
    return dict(connection.execute(asked, ids).fetchall())
