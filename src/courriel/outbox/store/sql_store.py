"""SqlStore: the part of a store that is the same for every engine, with one short transaction for each call."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from courriel import errors
from courriel.outbox.store import rows
from courriel.outbox.store.chunks import CHUNK, LARGE
from courriel.outbox.store.facts import Activity, Count, IntegrityFinding, LaneInfo, MailInfo, Query, Taken, WorkerInfo
from courriel.outbox.store.jobs import Job, KnownMail, LeaseTerms, NewMail, Pruned, Recovered, Settlement
from courriel.outbox.store.sql_connection import SqlConnection, T, Values
from courriel.outbox.store.sql_rates import SqlRates
from courriel.outbox.store.standing import Standing
from courriel.outbox.store.statements import in_order
from courriel.outbox.store.states import DAMAGED, POISON_AFTER, Action, State

if TYPE_CHECKING:
    from pathlib import Path


Pieces = Sequence[Values]
"""Parameters of `put_body`, for the chunks that are inserted together."""

_AT_A_TIME = LARGE // CHUNK
_OUT_OF_HAND = (State.READY, State.HELD, State.SENT, State.FAILED, State.CANCELED)
_SORTED = 5000  # mails that are sorted faster than they are found by lane in another index
_LOWEST = 2  # the last priority
_TICK = 0.001  # seconds: the shortest duration reported
_PAGE = 200  # mails read at a time: a long read would keep the database from removing old row versions


class SqlStore(SqlRates, ABC):
    """The part of a Store that is the same for every engine; an engine adds its transactions, `put` and `claim`."""

    _says: Mapping[str, str]

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

    # Putting. A large content is staged in short transactions of its own, and counts from the mail's transaction on.

    @contextmanager
    def _staged(self, mails: Sequence[NewMail]) -> Generator[frozenset[str]]:
        """Stage large contents, and yield the ids of their mails; the contents are deleted when the put fails."""
        begun: list[str] = []
        try:
            for mail in mails:
                if mail.size > LARGE and not self._is_known(mail.key):
                    begun.append(mail.id)
                    self._stage(mail)
            yield frozenset(begun)
        except BaseException:
            for ident in begun:
                with suppress(errors.OutboxError):  # deleted later by _sweep
                    self._write_lightly(partial(self._unstage, ident))
            raise

    def _is_known(self, key: str | None) -> bool:
        return key is not None and self.find(key=key) is not None

    def _stage(self, mail: NewMail) -> None:
        """Write a content in transactions of its own, before its mail.

        A power cut may undo them until the transaction of the mail, which syncs the same log.
        """
        for number, pieces in enumerate(portions(mail)):
            values = {"mail": mail.id} | self._now()

            def act(
                line: SqlConnection, first: bool = not number, pieces: Pieces = pieces, values: Values = values
            ) -> None:
                if first:
                    line.execute(self._says["stage"], values)
                self._done(line, "put_body", pieces)

            self._write_lightly(act)

    def _take_staged(self, line: SqlConnection, ident: str) -> None:
        """Assign a staged content to its mail. Raises OutboxError when it was swept up because it took too long."""
        if not line.execute(self._says["unstage"], {"mail": ident}).rowcount:
            raise errors.OutboxError(f"{self.place}: its content was an hour on the way here: put it again")

    def _unstage(self, ident: str, line: SqlConnection) -> None:
        """Delete a staged content that has no mail."""
        if line.execute(self._says["unstage"], {"mail": ident}).rowcount:
            line.execute(self._says["forget_body"], {"id": ident})

    def _sweep(self, line: SqlConnection) -> bool:
        """Delete some pieces of an abandoned content; False when there is none."""
        found = line.execute(self._says["stale"], self._now()).fetchone()
        if found is None:
            return False
        values = {"mail": found[0], "pieces": _AT_A_TIME}
        line.execute(self._says["condemn"], values)
        if line.execute(self._says["forget_pieces"], values).rowcount < _AT_A_TIME:
            line.execute(self._says["unstage_condemned"], values)
        return True

    # Working.

    def mark(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.mark."""
        return self._write(lambda line: self._each(line, "mark", jobs, lease))

    def advance(
        self, settlements: Sequence[Settlement], marks: Sequence[tuple[Job, float]]
    ) -> tuple[list[bool], list[bool]]:
        """See Store.advance."""
        return self._write(lambda line: (self._settle(line, settlements), self._leased(line, "mark", marks)))

    def _mark_first(self, line: SqlConnection, jobs: Sequence[Job], terms: LeaseTerms) -> int:
        """Mark as many of the claimed mails as the terms say; return how many.

        The worker goes on at once, so only an envelope lies between this mark and the first end.
        """
        if terms.mark is None or any(job.lost for job in jobs):
            return 0
        return sum(self._each(line, "mark", jobs[: terms.ahead], terms.mark))

    def extend(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.extend."""
        return self._write_lightly(lambda line: self._each(line, "extend", jobs, lease))

    def _each(self, line: SqlConnection, name: str, jobs: Sequence[Job], lease: float) -> list[bool]:
        return self._leased(line, name, [(job, lease) for job in jobs])

    def _leased(self, line: SqlConnection, name: str, leases: Sequence[tuple[Job, float]]) -> list[bool]:
        now = self._now()
        return self._done(line, name, [{"id": job.id, "token": job.token, "lease": each} | now for job, each in leases])

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Store.settle."""

        return self._write(lambda line: self._settle(line, settlements))

    def _settle(self, line: SqlConnection, settlements: Sequence[Settlement]) -> list[bool]:
        now = self._now()
        return self._done(line, "settle", [rows.settlement_values(settled) | now for settled in settlements])

    def told(self, ids: Sequence[str]) -> None:
        """See Store.told."""
        self._write_lightly(lambda line: self._done(line, "told", [{"id": ident} for ident in ids]))

    def _known(self, line: SqlConnection, key: str | None) -> KnownMail | None:
        """The stored mail with this key, within the transaction that found the key."""
        row = line.execute(self._says["known"], {"key": key}).fetchone()
        if row is None:
            return None
        chunks = line.execute(self._says["whole_body"], {"id": row[0]}).fetchall()
        return rows.known_of(row, b"".join([bytes(chunk) for (chunk,) in chunks]))

    def _done(self, line: SqlConnection, name: str, each: Sequence[Values]) -> list[bool]:
        """Run a statement for each set of values; for each, whether it changed its one row."""
        statement = self._says[name]
        return [line.execute(statement, values).rowcount == 1 for values in each]

    # Worker processes.

    @property
    def beside(self) -> str | None:
        """See Store.beside."""
        return None

    def enlist(self, worker: WorkerInfo) -> None:
        """See Store.enlist."""
        values = {"id": worker.id, "folder": worker.folder, "inode": worker.inode, "process": worker.process}
        self._write_lightly(lambda line: line.execute(self._says["enlist"], values | self._now()))

    def workers(self) -> list[WorkerInfo]:
        """See Store.workers."""
        found = self._read(lambda line: line.execute(self._says["workers"], self._now()).fetchall())
        return [WorkerInfo(*row) for row in found]

    def resign(self, id: str) -> bool:  # noqa: A002
        """See Store.resign."""
        return self._write_lightly(lambda line: line.execute(self._says["resign"], {"id": id}).rowcount == 1)

    def take_over(self, id: str, *, wait: float) -> list[Recovered]:  # noqa: A002
        """See Store.take_over."""
        values = {"holder": id, "wait": wait, "poison": POISON_AFTER} | self._now()
        found = self._write(lambda line: line.execute(self._says["take_over"], values).fetchall())
        return [Recovered(str(ident), State(state), why) for ident, state, why in found]

    def taken(self, id: str = "") -> list[Taken]:  # noqa: A002
        """See Store.taken."""
        values = {"id": id} | self._now()
        return [Taken(*row) for row in self._read(lambda line: line.execute(self._says["taken"], values).fetchall())]

    # Reading, and actions of a person.

    def edit(self, id: str, action: Action) -> bool:  # noqa: A002
        """See Store.edit."""

        def act(line: SqlConnection) -> bool:
            values: dict[str, object] = {"id": id} | self._now()
            if action == "retry_failed":
                values["rcpts"] = rows.names_written(self._not_accepted(line, id))
            # A mail of which no recipient can be read is not sent to nobody.
            if values.get("rcpts") != "[]" and line.execute(self._says[action], values).rowcount:
                return True
            if line.execute(self._says["find"], {"id": id, "key": None}).fetchone() is None:
                raise errors.TicketNotFound(f"there is no mail {id} in {self.place}")
            return False

        return self._write(act)

    def _not_accepted(self, line: SqlConnection, ident: str) -> list[str]:
        """The recipients that no server has accepted a mail for."""
        row = line.execute(self._says["find"], {"id": ident, "key": None}).fetchone()
        standings = rows.info_of(row).standings if row else {}
        return [name for name, standing in standings.items() if standing is not Standing.ACCEPTED]

    def begin_with(self, beginning: str) -> list[str]:
        """See Store.begin_with."""
        values = {"first": beginning, "last": f"{beginning}g"}  # ids are hexadecimal
        found = self._read(lambda line: line.execute(self._says["begin_with"], values).fetchall())
        return [str(ident) for (ident,) in found]

    def find(self, *, id: str | None = None, key: str | None = None) -> MailInfo | None:  # noqa: A002
        """See Store.find."""
        row = self._read(lambda line: line.execute(self._says["find"], {"id": id, "key": key}).fetchone())
        return rows.info_of(row) if row else None

    def read(self, query: Query) -> Iterator[MailInfo]:
        """See Store.read."""
        values = rows.query_values(query)
        left = query.most if query.most is not None else sys.maxsize
        while left > 0:
            values["most"] = min(left, _PAGE)
            page = self._read(lambda line: line.execute(self._pages(line, query), values).fetchall())
            yield from map(rows.info_of, page)
            if len(page) < _PAGE:
                return
            left -= len(page)
            values["created"], values["id"] = page[-1][:2]

    def _pages(self, line: SqlConnection, query: Query) -> str:
        """The statement that reads a page by an index; a lane is searched in the states where the counters find its
        mails.
        """
        if query.news:
            return self._says["read_news"]
        if query.unsure and query.state in (None, State.READY, State.SENT):
            return self._says["read_unsure"]
        states = [state for state in _OUT_OF_HAND if query.state in (None, state)]
        parts = [("read_in_hand", -1 if query.state is None else int(query.state))]
        if query.lane:
            found = dict(line.execute(self._says["counts_of"], {"lane": query.lane}).fetchall())
            parts += [(_of_a_lane(state, found[state]), int(state)) for state in states if state in found]
        else:
            parts += [("read_state", int(state)) for state in states]
        return self._in_words(in_order(tuple(parts)))

    def counts(self) -> list[Count]:
        """See Store.counts."""
        found = self._read(lambda line: line.execute(self._says["counts"]).fetchall())
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
        return self._read(lambda line: self._activity(line, window, most))

    def _activity(self, line: SqlConnection, window: float, most: int) -> Activity:
        values = {"window": window, "most": most} | self._now()
        sent, since = line.execute(self._says["sent_lately"], values).fetchone()
        error = line.execute(self._says["last_error"]).fetchone()
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
        row = self._read(lambda line: line.execute(self._says["chunk"], values).fetchone())
        return row[0] if row else None

    def lanes(self) -> list[LaneInfo]:
        """See Store.lanes."""
        found = self._read(lambda line: line.execute(self._says["lanes"], self._now()).fetchall())
        return [rows.lane_of(row) for row in found]

    def set_lane(self, name: str, changes: Mapping[str, object]) -> LaneInfo:
        """See Store.set_lane."""

        def act(line: SqlConnection) -> LaneInfo:
            values: dict[str, object] = {"lane": name} | self._now()
            line.execute(self._says["put_lane"], values)
            lane = rows.changed(rows.lane_of(line.execute(self._says["lane"], values).fetchone()), changes)
            values |= {"stopped": int(lane.stopped), "cap": lane.cap, "gap": lane.gap, "per": lane.per}
            line.execute(self._says["set_lane"], values)
            if changes.get("stopped") is False:
                line.execute(self._says["lane_works"], values)
            return rows.lane_of(line.execute(self._says["lane"], values).fetchone())

        return self._write(act)

    def lane_failed(self, name: str, *, fails: int, pause: float, why: str) -> None:
        """See Store.lane_failed."""
        values = {"lane": name, "fails": fails, "pause": pause, "why": why} | self._now()
        self._write_lightly(lambda line: line.execute(self._says["lane_failed"], values))

    def note_error(self, name: str, why: str) -> None:
        """See Store.note_error."""
        values = {"lane": name, "why": why} | self._now()
        self._write_lightly(lambda line: line.execute(self._says["note_error"], values))

    def lane_works(self, name: str) -> None:
        """See Store.lane_works."""
        self._write_lightly(lambda line: line.execute(self._says["lane_works"], {"lane": name}))

    def prune(self, *, sent: float, failed: float, most: int) -> Pruned:
        """See Store.prune."""
        ages = {State.SENT: sent, State.CANCELED: sent, State.FAILED: failed}

        def act(line: SqlConnection) -> Pruned:
            if self._sweep(line):
                return Pruned(0, more=True)
            old: list[tuple[str, Any]] = []
            for state, age in ages.items():
                if len(old) < most:
                    values = {"state": int(state), "age": age, "most": most - len(old)} | self._now()
                    old += line.execute(self._says["old"], values).fetchall()
            if not old:
                self._tidy(line)
                return Pruned(0, more=False)
            few, large = _few(old)
            for ident in large:
                line.execute(self._says["condemn"], {"mail": ident})
            self._forget(line, few, bodies=[ident for ident in few if ident not in large])
            return Pruned(len(few), more=True)

        return self._write_lightly(act)

    def _forget(self, line: SqlConnection, mails: Sequence[str], bodies: Sequence[str]) -> None:
        for ident in bodies:
            line.execute(self._says["forget_body"], {"id": ident})
        for ident in mails:
            line.execute(self._says["forget_mail"], {"id": ident})

    def _tidy(self, line: SqlConnection) -> None:
        """Delete rows that are not needed any more, apart from old mails."""
        line.execute(self._says["forget_workers"], self._now())

    # Maintenance.

    def check(self) -> list[IntegrityFinding]:
        """See Store.check."""
        found: list[IntegrityFinding] = []
        for kind in ("incomplete", "orphan", "lane", "value", "counters"):
            try:
                number, example = self._read(partial(self._find, self._says[f"find_{kind}"]))
            except errors.OutboxError as failed:
                if failed.hint_id != DAMAGED:
                    raise
                return [*found, IntegrityFinding("damaged", 1, str(failed.__cause__))]
            if number:
                found.append(IntegrityFinding(kind, number, str(example)))
        return found

    @staticmethod
    def _find(asked: str, line: SqlConnection) -> tuple[int, object]:
        number, example = line.execute(asked).fetchone()
        return int(number), example

    def backup(self, path: Path) -> None:
        """See Store.backup; refused for an engine with its own backup tools."""
        raise errors.UsageError(
            f"{self.place}: a PostgreSQL database is copied by its own means: pg_dump, pg_basebackup"
        )

    def compact(self) -> tuple[int, int]:
        """See Store.compact; refused for an engine that compacts by itself."""
        raise errors.UsageError(f"{self.place}: PostgreSQL uses the room again by itself (autovacuum)")

    # Steps of a claim.

    def _room(self, line: SqlConnection, values: Values, most: int) -> tuple[LaneInfo, int]:
        """Read a lane, and how many of its mails may be claimed now; the row is locked where the engine can."""
        row = line.execute(self._says["lane"], values).fetchone()
        if row is None:
            return LaneInfo(""), most
        lane = rows.lane_of(row)
        busy = 0
        if lane.fails or lane.cap is not None:
            busy = int(line.execute(self._says["count_busy"], values).fetchone()[0])
        return lane, rows.room_for(lane, busy, most)

    def _set_aside(
        self, line: SqlConnection, unreadable: Sequence[tuple[Any, str]], token: str
    ) -> tuple[Recovered, ...]:
        """Hold the claimed mails of this token whose rows cannot be read, so that the others are sent."""
        held: list[Recovered] = []
        for ident, why in unreadable:
            values = {"id": ident, "why": why, "token": token} | self._now()
            if line.execute(self._says["set_aside"], values).rowcount:
                held.append(Recovered(str(ident), State.HELD, why))
        return tuple(held)

    def _rows_leased(
        self, line: SqlConnection, values: Values, terms: LeaseTerms, most: int, *, suspects: bool = True
    ) -> list[rows.Row]:
        """Lease up to `most` mails by priority and due time.

        Mails with an expired lease keep their turn, but are claimed apart from the others; `suspects=False` says that
        there are none.
        """
        values = {**values, "lease": terms.lease}
        first = line.execute(self._says["first_suspect"], values).fetchone() if suspects else None
        if first is None:
            return self._claim_calm(line, values, most)
        priority, lost, due = first
        if found := self._claim_calm(line, values, most, before=(priority, due)):
            return found
        alike = {**values, "prio": priority, "lost": lost, "most": at_once(lost, most)}
        # None when another worker was faster: then the others need not wait.
        return line.execute(self._says["claim_suspect"], alike).fetchall() or self._claim_calm(line, values, most)

    def _claim_calm(
        self, line: SqlConnection, values: Values, most: int, before: tuple[int, float] | None = None
    ) -> list[rows.Row]:
        """Lease mails without an expired lease; with `before`, those of a turn before this priority and time."""
        found: list[rows.Row] = []
        last, until = before or (_LOWEST, None)
        for priority in range(last + 1):
            if len(found) < most:
                limit = until if priority == last else None
                more = {**values, "prio": priority, "most": most - len(found), "until": limit}
                found += line.execute(self._says["claim"], more).fetchall()
        return found


def _of_a_lane(state: State, mails: int) -> str:
    if state is State.READY:
        return "read_ready" if mails <= _SORTED else "read_state"
    return "read_state" if state is State.SENT else "read_ended"


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


def portions(mail: NewMail) -> Iterator[Pieces]:
    """Split a content into portions that fit into memory, and into a transaction for which others wait."""
    pieces = ({"mail": mail.id, "seq": seq, "chunk": chunk} for seq, chunk in enumerate(mail.chunks))
    while lot := list(islice(pieces, _AT_A_TIME)):
        yield lot


def at_once(lost: int, most: int) -> int:
    """Number of mails with so many expired leases that are claimed together, where `most` others would be.

    After one expiry a mail was most likely only in the batch of the mail that killed its worker: a quarter of a batch
    goes together. After the second each goes alone, so that the next death names the culprit.
    """
    return max(1, most // 4) if lost == 1 else 1
