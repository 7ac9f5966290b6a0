"""PostgresStore: the outbox in a PostgreSQL database, for workers on several machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar
from uuid import uuid4

from courriel import errors
from courriel._dataclass import replace
from courriel.outbox.store.chunks import LARGE
from courriel.outbox.store.facts import Activity, LaneInfo
from courriel.outbox.store.jobs import Claimed, Job, Known, LeaseTerms, NewMail, Recovered, Settlement
from courriel.outbox.store.postgres.connection import (
    PostgresConnection,
    all_translated,
    in_our_words,
    translated,
)
from courriel.outbox.store.postgres.joined import checked_connection
from courriel.outbox.store.postgres.joint_puts import JointPuts
from courriel.outbox.store.postgres.pipeline import BoundStatement, RefusedError, Statement, UnfinishedError
from courriel.outbox.store.postgres.server import BEGIN_LIGHTLY, DURABLY, PostgresServer
from courriel.outbox.store.postgres.values import (
    CARRIED,
    LaneLook,
    claim_values,
    done_in,
    is_limited,
    leases_of,
    numbered,
)
from courriel.outbox.store.sql import claiming, rows
from courriel.outbox.store.sql.connection import SqlConnection, Values
from courriel.outbox.store.sql.staging import portions
from courriel.outbox.store.sql.store import SqlStore
from courriel.outbox.store.states import POISON_AFTER, State

T = TypeVar("T")
_AT_ONCE = 1024 * 1024  # octets of a put in one round trip; a larger one is staged, so that no other waits for it
_OF_LANE = 8  # columns of a lane in the statement `look`

_SAID_AT_ONCE = (
    *("put_mail", "put_mails", "put_body", "put_body_of_key", "id_of_key"),
    *("look", "look_briefly", "claim_if_plain", "settle_if_plain", "settle_all_if_plain"),
    *("mark_all", "extend_all", "told_all"),
)

# Also without JIT compilation, which a plan with disabled nodes would trigger by its high cost.
_BY_INDEX = """
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
       set_config('jit', 'off', true)
"""


class PostgresStore(SqlStore):
    """Storage of mails in a PostgreSQL database, for any number of worker machines. The clock is the server's.

    `url` is a libpq URL; the tables are created in the first schema of the search path, if `create` is set; a database
    without them is an error otherwise. Raises InvalidUrl, OutboxError;
    MissingExtra with the command that installs psycopg.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._server = PostgresServer(url, create=create)
        self._sql = all_translated()
        self._statements = {name: Statement(self._sql[name]) for name in _SAID_AT_ONCE}
        self._joint = JointPuts(self._server, self._statements)
        self._lanes_known: set[str] = set()

    @property
    def place(self) -> str:
        """The URL without its password."""
        return self._server.place

    @property
    def suppressing(self) -> bool:
        """See Store.suppressing."""
        return self._server.suppressing

    # Putting.

    def put(self, mails: Sequence[NewMail], conn: object = None, *, known: Known | None = None) -> list[str]:
        """See Store.put; `conn` is a psycopg.Connection to the same database."""
        joined = None if conn is None else checked_connection(conn, self._server)
        # Before, and separately: a new lane within a caller's transaction would block all other puts into it.
        self._know_lanes({mail.lane for mail in mails})
        if joined is None:
            return self._put_with_others(mails, known)
        with in_our_words(self.place), joined.transaction():
            db = PostgresConnection(joined)
            self._server.suppressing = bool(db.last(DURABLY)[1])
            return self._put(db, mails, known)

    def _know_lanes(self, names: set[str]) -> None:
        if new := sorted(names - self._lanes_known):
            self._write(lambda db: self._done(db, "put_lane", [{"lane": name} for name in new]))
            self._lanes_known.update(new)

    def _put_with_others(self, mails: Sequence[NewMail], known: Known | None) -> list[str]:
        """Write in one commit with simultaneous puts; large mails, and those of a refused group, are written alone."""
        if sum(mail.size for mail in mails) > _AT_ONCE:
            with self._staging.staged(mails, self._is_known) as staged:
                return self._write(lambda db: self._put(db, mails, known, staged))
        if self.suppressing and self.suppressed(name for mail in mails for name in mail.recipients):
            return self._put_alone(mails, known, doubtful=False)
        pending = self._joint.put(mails, checked=self.suppressing)
        if pending.error is not None:
            raise pending.error
        if pending.doubtful or len(pending.kept) != len(mails):
            return self._put_alone(mails, known, doubtful=pending.doubtful)
        if known is not None:
            self._tell_known(pending.kept, mails, known)
        return pending.kept

    def _put_alone(self, mails: Sequence[NewMail], known: Known | None, *, doubtful: bool) -> list[str]:
        """Write in a separate transaction. Doubtful mails may be stored already, or will be: they are found by their
        ids.
        """
        try:
            return self._write(lambda db: self._put(db, mails, known, again=doubtful))
        except errors.OutboxUncertain:
            raise
        except errors.OutboxError as failed:
            if doubtful:
                raise self._server.uncertain() from failed
            raise

    def _tell_known(self, ids: Sequence[str], mails: Sequence[NewMail], known: Known) -> None:
        for ident, mail in zip(ids, mails, strict=True):
            if ident != mail.id:
                before = self._read(partial(self._known, key=mail.key))
                if before is not None and before.id == ident:
                    known(mail, before)

    def _put(
        self,
        db: SqlConnection,
        mails: Sequence[NewMail],
        known: Known | None = None,
        staged: frozenset[str] = frozenset(),
        *,
        again: bool = False,
    ) -> list[str]:
        assert isinstance(db, PostgresConnection)
        values = [rows.mail_values(mail) for mail in mails]
        said = self._sql["put_mail_again" if again else "put_mail"]
        changed = db.execute_each([(said, each) for each in values])
        new = [mail for mail, count in zip(mails, changed, strict=True) if count]
        small = [piece for mail in new if mail.size <= LARGE for portion in portions(mail) for piece in portion]
        db.execute_each([(self._sql["put_body"], piece) for piece in small])
        for mail, count in zip(mails, changed, strict=True):
            if mail.size > LARGE:
                self._put_large(db, mail, is_new=bool(count), staged=mail.id in staged)
        for mail in new if self.suppressing else ():
            self._leave_out(db, mail)
        told = zip(mails, changed, strict=True)
        find = self._sql["id_of_mail" if again else "id_of_key"]
        return [mail.id if count else self._id_of(db, find, mail, known) for mail, count in told]

    def _put_large(self, db: SqlConnection, mail: NewMail, *, is_new: bool, staged: bool) -> None:
        if staged and is_new:
            self._staging.take(db, mail.id)
        elif staged:
            self._staging.delete(mail.id, db)
        elif is_new:
            for portion in portions(mail):
                self._done(db, "put_body", portion)

    def _id_of(self, db: SqlConnection, find: str, mail: NewMail, known: Known | None) -> str:
        row = db.execute(find, {"id": mail.id, "key": mail.key}).fetchone()
        if row is None:
            raise errors.OutboxError(f"{self.place}: the mail of this key is being forgotten: put it again")
        if known is not None and row[0] != mail.id and (before := self._known(db, mail.key)) is not None:
            known(mail, before)
        return str(row[0])

    # Working.

    def mark(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.mark."""
        return self._all_at_once("mark", leases_of(jobs, lease))

    def extend(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.extend."""
        return self._all_at_once("extend", leases_of(jobs, lease), durably=False)

    def advance(
        self, settlements: Sequence[Settlement], marks: Sequence[tuple[Job, float]]
    ) -> tuple[list[bool], list[bool]]:
        """See Store.advance."""
        ended = [rows.settlement_values(settled) for settled in settlements]
        marked = [{"id": job.id, "token": job.token, "lease": lease} for job, lease in marks]
        said = self._settlement_of(ended)
        if marked:
            said.append((self._statements["mark_all"], {"mails": numbered(marked)}))
        try:
            answers = self._server.at_once(said)
        except RefusedError:
            return super().advance(settlements, marks)
        except UnfinishedError as broken:
            raise self._server.uncertain() from broken
        return done_in(answers[0], ended) if ended else [], done_in(answers[-1], marked) if marked else []

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Store.settle."""
        each = [rows.settlement_values(settled) for settled in settlements]
        try:
            answers = self._server.at_once(self._settlement_of(each))
        except RefusedError:
            return self._write(lambda db: self._done(db, "settle", each))
        except UnfinishedError as broken:
            raise self._server.uncertain() from broken
        return done_in(answers[0], each) if each else []

    def _settlement_of(self, each: Sequence[Values]) -> list[BoundStatement]:
        """One statement for all settlements, so that the counters are updated once."""
        if len(each) == 1:
            return [(self._statements["settle_if_plain"], each[0])]
        return [(self._statements["settle_all_if_plain"], {"mails": numbered(each)})] if each else []

    def told(self, ids: Sequence[str]) -> None:
        """See Store.told."""
        self._all_at_once("told", [{"id": ident} for ident in ids], durably=False)

    def claim(self, lane: str, most: int, *, lease: float, holder: str) -> Claimed:
        """See Store.claim."""
        terms = LeaseTerms(lease, holder)
        look, claimed = self._go_on_at_once((), lane, most, terms, durably=False)
        if claimed is not None:
            return claimed
        look = look or self._read(lambda db: self._look(db, lane))
        if not look.worth:
            return Claimed(lane=look.lane)
        return self._write_lightly(lambda db: self._claim(db, look, most, terms))

    def go_on(self, settlements: Sequence[Settlement], lane: str, most: int, terms: LeaseTerms) -> Claimed:
        """See Store.go_on."""

        def act(db: SqlConnection) -> Claimed:
            settled, look = self._settle(db, settlements), self._look(db, lane)
            claimed = self._claim(db, look, most, terms) if look.worth else Claimed(lane=look.lane)
            marked = self._mark_first(db, claimed.jobs, terms)
            return replace(claimed, settled=tuple(settled), marked=marked)

        _, claimed = self._go_on_at_once(settlements, lane, most, terms)
        return claimed if claimed is not None else self._write(act)

    def _go_on_at_once(
        self, settlements: Sequence[Settlement], lane: str, most: int, terms: LeaseTerms, *, durably: bool = True
    ) -> tuple[LaneLook | None, Claimed | None]:
        """Settle and claim in one round trip, on a plain lane (no limit, pause or lost mail); on any other nothing is
        done.
        """
        each = [rows.settlement_values(settled) for settled in settlements]
        claim = claim_values(lane, most, terms)
        # A worker that goes on does not ask whether mails are due: planning that query costs more than an empty claim.
        look_at_lane = "look" if self._server.prepares and not durably else "look_briefly"
        said: list[BoundStatement] = [
            (self._statements[look_at_lane], {"lane": lane}),
            *self._settlement_of(each),
            (self._statements["claim_if_plain"], claim),
        ]
        try:
            looked, *settled, found = self._server.at_once(said, durably=durably)
        except RefusedError:
            return None, None
        except UnfinishedError as broken:
            if not broken.hangs:
                self._unclaim(claim)
            raise self._server.uncertain() from broken
        lane_row, (late, plain, *due) = looked.rows[0][:_OF_LANE], looked.rows[0][_OF_LANE:]
        if not plain and not due:
            return None, None  # it was not asked
        look = LaneLook(
            rows.lane_of(lane_row) if lane_row[0] is not None else LaneInfo(lane), bool(due and due[0]), late
        )
        if not plain:
            return look, None
        leased = [row[:-2] for row in found.rows]
        bodies = {row[1]: row[-1] for row in found.rows if row[-1] is not None}
        jobs, damaged = rows.jobs_of(leased, bodies, CARRIED)
        unreadable: tuple[Recovered, ...] = ()
        if damaged:
            token = str(leased[0][2])
            with suppress(errors.OutboxError):  # the next claim finds them unreadable again
                unreadable = self._write(lambda db: self._hold_unreadable(db, damaged, token))
        done = tuple(done_in(settled[0], each)) if settled else ()
        marks = {row[1] for row in found.rows if row[-2] == State.IN_FLIGHT}
        marked = sum(job.id in marks for job in jobs)
        return look, Claimed(tuple(jobs), (), unreadable, look.lane, settled=done, marked=marked)

    def _unclaim(self, claim: Values) -> None:
        """Undo a claim whose answer was lost, if it was committed: no end of its mails can have left.

        If it kept its lease, mails that were marked with it would be in doubt. A commit that comes even later keeps its
        lease.
        """
        with suppress(errors.OutboxError):
            self._write(lambda db: db.execute(self._sql["unclaim"], claim))

    def _all_at_once(self, name: str, each: Sequence[Values], *, durably: bool = True) -> list[bool]:
        """Run a repeatable statement for all mails in one round trip; for each, whether it changed the row."""
        if not each:
            return []
        write = self._write if durably else self._write_lightly
        try:
            said = [(self._statements[f"{name}_all"], {"mails": numbered(each)})]
            (answer,) = self._server.at_once(said, durably=durably)
        except RefusedError:
            return write(lambda db: self._done(db, name, each))
        except UnfinishedError as broken:
            if broken.hangs:
                raise self._server.uncertain() from broken
            return write(lambda db: self._done(db, name, each))
        return done_in(answer, each)

    def _claim(self, db: SqlConnection, look: LaneLook, most: int, terms: LeaseTerms) -> Claimed:
        values = {"lane": look.lane.name, "holder": terms.holder, "token": uuid4().hex, "lease": terms.lease}
        found = db.execute(self._sql["recover"], values | {"poison": POISON_AFTER}).fetchall() if look.late else []
        recovered = tuple(Recovered(str(ident), State(state), why) for ident, state, why in found)
        # The row of a lane is locked only where claims are counted: otherwise workers claim concurrently.
        known, room = look.lane, most
        if is_limited(known):
            known, room = claiming.lane_and_room(db, self._sql, values, most)
        rate, room = self._rate(db, values, known, room)
        leased: list[rows.Row] = []
        if room:
            # Mails recovered just now are suspects, too.
            suspects = look.suspects or bool(recovered)
            leased = claiming.lease_due(db, self._sql, values, room, suspects=suspects)
        slots, wait = self._take_slots(db, values, rate, len(leased), room) if rate else (None, None)
        jobs, broken = self._jobs(db, leased)
        unreadable = self._hold_unreadable(db, broken, str(values["token"])) if broken else ()
        return Claimed(tuple(jobs), recovered, unreadable, known, slots=slots, wait=wait)

    def _look(self, db: SqlConnection, lane: str) -> LaneLook:
        values = {"lane": lane}
        row = db.execute(self._sql["lane_as_it_is"], values).fetchone()
        calm, suspects = db.execute(self._sql["is_anything_due"], values).fetchone()
        late = db.execute(self._sql["is_anything_late"], values).fetchone()[0]
        return LaneLook(rows.lane_of(row) if row else LaneInfo(lane), calm or suspects, late, suspects)

    def activity(self, window: float, most: int) -> Activity:
        """See Store.activity. Forced to use the index, also where the server has no statistics and would sort a million
        rows.
        """

        def look(db: SqlConnection) -> Activity:
            db.execute(_BY_INDEX)
            return self._activity(db, window, most)

        return self._write_lightly(look)

    def _jobs(self, db: SqlConnection, found: Sequence[rows.Row]) -> tuple[list[Job], list[tuple[object, str]]]:
        small = [row[1] for row in found if rows.is_small(row, CARRIED)]
        bodies = dict(db.execute(self._sql["small_bodies"], {"ids": small}).fetchall()) if small else {}
        return rows.jobs_of(found, bodies, CARRIED)

    def _done(self, db: SqlConnection, name: str, each: Sequence[Values]) -> list[bool]:
        assert isinstance(db, PostgresConnection)
        return [count == 1 for count in db.execute_each([(self._sql[name], values) for values in each])]

    def _tidy(self, db: SqlConnection) -> None:
        super()._tidy(db)
        db.execute(self._sql["fold_counts"])

    def _forget(self, db: SqlConnection, mails: Sequence[str], bodies: Sequence[str]) -> None:
        db.execute(self._sql["forget_bodies"], {"ids": list(bodies)})
        db.execute(self._sql["forget_mails"], {"ids": list(mails)})

    def _in_words(self, statement: str) -> str:
        return translated(statement)

    # Transactions.

    def _read(self, act: Callable[[SqlConnection], T]) -> T:
        return self._server.read(act)

    def _write(self, act: Callable[[SqlConnection], T]) -> T:
        return self._server.write(act)

    def _write_lightly(self, act: Callable[[SqlConnection], T]) -> T:
        return self._server.write(act, BEGIN_LIGHTLY)

    def reopen(self) -> None:
        """See Store.reopen."""
        self._lanes_known.clear()
        self._server.reopen()

    def close(self) -> None:
        """See Store.close."""
        self._server.close()
