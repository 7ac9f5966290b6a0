"""The store of several machines: the statements of the outbox, said to a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import uuid4

from courriel import errors
from courriel.outbox import rows
from courriel.outbox.postgres_line import Connection, PostgresLine, all_translated, in_our_words, psycopg, translated
from courriel.outbox.postgres_server import BEGIN_LIGHTLY, DURABLY, PostgresServer
from courriel.outbox.sql_store import Line, SqlStore, Values, portions
from courriel.outbox.store import (
    LARGE,
    POISON_AFTER,
    Claimed,
    Job,
    Known,
    LaneInfo,
    NewMail,
    Recovered,
    Settlement,
    State,
    Terms,
)
from courriel.values import dataclass, replace

T = TypeVar("T")

_CARRIED = 64 * 1024  # octets of a body that comes with its job; larger ones are read while they are sent
_NO_TRANSACTION = psycopg.pq.TransactionStatus.IDLE
_FAILED_TRANSACTION = psycopg.pq.TransactionStatus.INERROR


class PostgresStore(SqlStore):
    """Keeps mails in a PostgreSQL database, for any number of worker machines. The clock is the server's.

    `url` is a libpq URL; the tables are made in the first schema of the search path. Raises InvalidUrl, OutboxError;
    MissingExtra with the command that installs psycopg.
    """

    def __init__(self, url: str) -> None:
        self._server = PostgresServer(url)
        self._says = all_translated()
        self._lanes_known: set[str] = set()

    @property
    def place(self) -> str:
        """The URL, without a password."""
        return self._server.place

    # Putting.

    def put(self, mails: Sequence[NewMail], conn: object = None, *, known: Known | None = None) -> list[str]:
        """See Store.put; `conn` is a psycopg.Connection to the same database."""
        joined = None if conn is None else self._joined(conn)
        # Before and apart: within a caller's transaction a new lane would have everybody wait who puts into it.
        self._know_lanes({mail.lane for mail in mails})
        if joined is None:
            with self._staged(mails) as staged:
                return self._write(lambda line: self._put(line, mails, known, staged))
        with in_our_words(self.place), joined.transaction():
            line = PostgresLine(joined)
            line.execute(DURABLY)
            return self._put(line, mails, known)

    def _know_lanes(self, names: set[str]) -> None:
        if new := sorted(names - self._lanes_known):
            self._write(lambda line: self._done(line, "put_lane", [{"lane": name} for name in new]))
            self._lanes_known.update(new)

    def _put(
        self, line: Line, mails: Sequence[NewMail], known: Known | None, staged: frozenset[str] = frozenset()
    ) -> list[str]:
        assert isinstance(line, PostgresLine)
        values = [rows.mail_values(mail) for mail in mails]
        changed = line.execute_each([(self._says["put_mail"], each) for each in values])
        new = [mail for mail, count in zip(mails, changed, strict=True) if count]
        small = [piece for mail in new if mail.size <= LARGE for lot in portions(mail) for piece in lot]
        line.execute_each([(self._says["put_body"], piece) for piece in small])
        for mail, count in zip(mails, changed, strict=True):
            if mail.size > LARGE:
                self._put_large(line, mail, is_new=bool(count), staged=mail.id in staged)
        told = zip(mails, changed, strict=True)
        return [mail.id if count else self._id_of(line, mail, known) for mail, count in told]

    def _put_large(self, line: Line, mail: NewMail, *, is_new: bool, staged: bool) -> None:
        if staged and is_new:
            self._take_staged(line, mail.id)
        elif staged:
            self._unstage(mail.id, line)
        elif is_new:
            for lot in portions(mail):
                self._done(line, "put_body", lot)

    def _id_of(self, line: Line, mail: NewMail, known: Known | None) -> str:
        row = line.execute(self._says["id_of_key"], {"key": mail.key}).fetchone()
        if row is None:
            raise errors.OutboxError(f"{self.place}: the mail of this key is being forgotten: put it again")
        if known is not None and (before := self._known(line, mail.key)) is not None:
            known(mail, before)
        return str(row[0])

    def _joined(self, conn: object) -> Connection:
        """The caller's connection, within a transaction of theirs. Raises UsageError when it leads elsewhere."""
        if not isinstance(conn, psycopg.Connection):
            raise errors.UsageError(
                f"conn: a psycopg.Connection to {self.place}, not {type(conn).__module__}.{type(conn).__name__}"
            )
        if conn.closed or conn.info.transaction_status == _FAILED_TRANSACTION:
            raise errors.UsageError("conn: its transaction has failed, or it is closed; nothing can be put there")
        if conn.autocommit and conn.info.transaction_status == _NO_TRANSACTION:
            raise errors.UsageError("conn: begin a transaction first; this connection commits each statement alone")
        with in_our_words(self.place):
            line = PostgresLine(conn)
            there = line.last("SELECT to_regclass('outbox_version') IS NOT NULL")[0]
            if not there or line.last("SELECT name FROM outbox_version")[0] != self._server.name:
                raise errors.UsageError(f"conn: another database, or schema, than that of the outbox, {self.place}")
        return conn

    # Working.

    def claim(self, lane: str, most: int, *, lease: float, holder: str) -> Claimed:
        """See Store.claim."""
        look = self._read(lambda line: self._look(line, lane))
        if not look.worth:
            return Claimed(lane=look.lane)
        terms = Terms(lease, holder)
        return self._write_lightly(lambda line: self._claim(line, look, most, terms))

    def go_on(self, settlements: Sequence[Settlement], lane: str, most: int, terms: Terms) -> Claimed:
        """See Store.go_on."""

        def act(line: Line) -> Claimed:
            settled, look = self._settle(line, settlements), self._look(line, lane)
            claimed = self._claim(line, look, most, terms) if look.worth else Claimed(lane=look.lane)
            marked = self._mark_first(line, claimed.jobs, terms)
            return replace(claimed, settled=tuple(settled), marked=marked)

        return self._write(act)

    def _claim(self, line: Line, look: _Look, most: int, terms: Terms) -> Claimed:
        values = {"lane": look.lane.name, "holder": terms.holder, "token": uuid4().hex, "poison": POISON_AFTER}
        found = line.execute(self._says["recover"], values).fetchall() if look.late else []
        recovered = tuple(Recovered(str(ident), State(state), why) for ident, state, why in found)
        # The row of a lane is locked only where claims have to be counted: others go on beside each other.
        known, room = self._room(line, values, most) if _is_limited(look.lane) else (look.lane, most)
        leased: list[rows.Row] = []
        if room:
            # What was recovered a moment ago is known without another question.
            leased = self._rows_leased(line, values, terms, room, suspects=look.suspects or bool(recovered))
        if leased and known.gap:
            line.execute(self._says["spend"], values | {"seconds": known.gap * len(leased)})
        jobs, broken = self._jobs(line, leased)
        unreadable = self._set_aside(line, broken) if broken else ()
        return Claimed(tuple(jobs), recovered, unreadable, known)

    def _look(self, line: Line, lane: str) -> _Look:
        values = {"lane": lane}
        row = line.execute(self._says["lane_as_it_is"], values).fetchone()
        calm, suspects = line.execute(self._says["is_anything_due"], values).fetchone()
        late = line.execute(self._says["is_anything_late"], values).fetchone()[0]
        return _Look(rows.lane_of(row) if row else LaneInfo(lane), calm or suspects, late, suspects)

    def _jobs(self, line: Line, found: Sequence[rows.Row]) -> tuple[list[Job], list[tuple[object, str]]]:
        small = [row[1] for row in found if rows.is_small(row, _CARRIED)]
        bodies = dict(line.execute(self._says["small_bodies"], {"ids": small}).fetchall()) if small else {}
        return rows.jobs_of(found, bodies, _CARRIED)

    def _done(self, line: Line, name: str, each: Sequence[Values]) -> list[bool]:
        assert isinstance(line, PostgresLine)
        return [count == 1 for count in line.execute_each([(self._says[name], values) for values in each])]

    def _tidy(self, line: Line) -> None:
        super()._tidy(line)
        line.execute(self._says["fold_counts"])

    def _in_words(self, statement: str) -> str:
        return translated(statement)

    # Transactions.

    def _read(self, act: Callable[[Line], T]) -> T:
        return self._server.read(act)

    def _write(self, act: Callable[[Line], T]) -> T:
        return self._server.write(act)

    def _write_lightly(self, act: Callable[[Line], T]) -> T:
        return self._server.write(act, BEGIN_LIGHTLY)

    def reopen(self) -> None:
        """See Store.reopen."""
        self._lanes_known.clear()
        self._server.reopen()

    def close(self) -> None:
        """See Store.close."""
        self._server.close()


# The steps.


@dataclass(frozen=True, slots=True)
class _Look:
    """A lane as it is found, and whether something on it is due, or its lease is over."""

    lane: LaneInfo
    due: bool
    late: bool
    suspects: bool = True
    """Whether one that is due was lost before."""

    @property
    def worth(self) -> bool:
        """Whether a claim would do something."""
        return self.late or (self.due and not self.lane.stopped and self.lane.paused <= 0)


def _is_limited(lane: LaneInfo) -> bool:
    return bool(lane.stopped or lane.paused or lane.fails or lane.cap is not None or lane.gap)
