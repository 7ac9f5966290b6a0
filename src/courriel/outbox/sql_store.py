"""What every engine does alike with its mails: one short transaction for each thing, and the statements of `sql`."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Protocol, TypeVar

from courriel import errors
from courriel.outbox import rows
from courriel.outbox.store import Action, Count, Job, LaneInfo, MailInfo, Query, Settlement, State, Terms

T = TypeVar("T")

Values = Mapping[str, object]

_PAGE = 200  # mails read at a time, so that no reader keeps the database from being tidied


class Result(Protocol):
    """What a statement brought."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class Line(Protocol):
    """Where statements are said within one transaction."""

    def execute(self, statement: str, values: Any = ..., /) -> Result: ...


class SqlStore(ABC):
    """The part of a Store that is the same for each engine; an engine brings its transactions, `put` and `claim`."""

    _says: Mapping[str, str]
    _claims = 0

    @property
    @abstractmethod
    def place(self) -> str:
        """See Store.place."""

    @abstractmethod
    def _read(self, act: Callable[[Line], T]) -> T:
        """Look at what is committed."""

    @abstractmethod
    def _write(self, act: Callable[[Line], T]) -> T:
        """Do this in a transaction that is on stable storage afterwards."""

    @abstractmethod
    def _write_lightly(self, act: Callable[[Line], T]) -> T:
        """Do this in a transaction that a power cut may undo."""

    def _now(self) -> dict[str, object]:
        """The store's clock as a parameter, for an engine that has none of its own."""
        return {}

    # Working.

    def mark(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.mark."""
        return self._write(lambda line: self._each(line, "mark", jobs, lease))

    def advance(
        self, settlements: Sequence[Settlement], jobs: Sequence[Job], *, lease: float
    ) -> tuple[list[bool], list[bool]]:
        """See Store.advance."""
        return self._write(lambda line: (self._settle(line, settlements), self._each(line, "mark", jobs, lease)))

    def _mark_first(self, line: Line, jobs: Sequence[Job], terms: Terms) -> int:
        """Mark as many of the mails that were just claimed as the terms say; returns how many.

        Who claims goes on at once, and what lies between this mark and the first end is no more than an envelope.
        """
        if terms.mark is None or any(job.lost for job in jobs):
            return 0
        return sum(self._each(line, "mark", jobs[: terms.ahead], terms.mark))

    def extend(self, jobs: Sequence[Job], *, lease: float) -> list[bool]:
        """See Store.extend."""
        return self._write_lightly(lambda line: self._each(line, "extend", jobs, lease))

    def _each(self, line: Line, name: str, jobs: Sequence[Job], lease: float) -> list[bool]:
        now = self._now()
        return self._done(line, name, [{"id": job.id, "token": job.token, "lease": lease} | now for job in jobs])

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Store.settle."""

        return self._write(lambda line: self._settle(line, settlements))

    def _settle(self, line: Line, settlements: Sequence[Settlement]) -> list[bool]:
        now = self._now()
        return self._done(line, "settle", [rows.settlement_values(settled) | now for settled in settlements])

    def told(self, ids: Sequence[str]) -> None:
        """See Store.told."""
        self._write_lightly(lambda line: self._done(line, "told", [{"id": ident} for ident in ids]))

    def _done(self, line: Line, name: str, each: Sequence[Values]) -> list[bool]:
        """Say one statement for each; whether it changed the one row that was meant."""
        statement = self._says[name]
        return [line.execute(statement, values).rowcount == 1 for values in each]

    # Looking, and acting by hand.

    def edit(self, id: str, action: Action) -> bool:  # noqa: A002
        """See Store.edit."""

        def act(line: Line) -> bool:
            if line.execute(self._says[action], {"id": id} | self._now()).rowcount:
                return True
            if line.execute(self._says["find"], {"id": id, "key": None}).fetchone() is None:
                raise errors.TicketNotFound(f"there is no mail {id} in {self.place}")
            return False

        return self._write(act)

    def find(self, *, id: str | None = None, key: str | None = None) -> MailInfo | None:  # noqa: A002
        """See Store.find."""
        row = self._read(lambda line: line.execute(self._says["find"], {"id": id, "key": key}).fetchone())
        return rows.info_of(row) if row else None

    def read(self, query: Query) -> Iterator[MailInfo]:
        """See Store.read."""
        values, said = rows.query_values(query), self._says["read_news" if query.news else "read"]
        left = query.most if query.most is not None else sys.maxsize
        while left > 0:
            values["most"] = min(left, _PAGE)
            page = self._read(lambda line: line.execute(said, values).fetchall())
            yield from map(rows.info_of, page)
            if len(page) < _PAGE:
                return
            left -= len(page)
            values["created"], values["id"] = page[-1][:2]

    def counts(self) -> list[Count]:
        """See Store.counts."""
        found = self._read(lambda line: line.execute(self._says["counts"]).fetchall())
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
        row = self._read(lambda line: line.execute(self._says["chunk"], values).fetchone())
        return row[0] if row else None

    def lanes(self) -> list[LaneInfo]:
        """See Store.lanes."""
        found = self._read(lambda line: line.execute(self._says["lanes"], self._now()).fetchall())
        return [rows.lane_of(row) for row in found]

    def set_lane(self, name: str, changes: Mapping[str, object]) -> LaneInfo:
        """See Store.set_lane."""

        def act(line: Line) -> LaneInfo:
            values: dict[str, object] = {"lane": name} | self._now()
            line.execute(self._says["put_lane"], values)
            lane = rows.changed(rows.lane_of(line.execute(self._says["lane"], values).fetchone()), changes)
            values |= {"stopped": int(lane.stopped), "cap": lane.cap, "gap": lane.gap}
            line.execute(self._says["set_lane"], values)
            if changes.get("stopped") is False:
                line.execute(self._says["lane_works"], values)
            return rows.lane_of(line.execute(self._says["lane"], values).fetchone())

        return self._write(act)

    def lane_failed(self, name: str, *, fails: int, pause: float, why: str) -> None:
        """See Store.lane_failed."""
        values = {"lane": name, "fails": fails, "pause": pause, "why": why} | self._now()
        self._write_lightly(lambda line: line.execute(self._says["lane_failed"], values))

    def lane_works(self, name: str) -> None:
        """See Store.lane_works."""
        self._write_lightly(lambda line: line.execute(self._says["lane_works"], {"lane": name}))

    def prune(self, *, sent: float, failed: float, most: int) -> int:
        """See Store.prune."""

        def act(line: Line) -> int:
            values = {"sent": sent, "failed": failed, "most": most} | self._now()
            old = line.execute(self._says["old"], values).fetchall()
            for (ident,) in old:
                line.execute(self._says["forget_body"], {"id": ident})
                line.execute(self._says["forget_mail"], {"id": ident})
            return len(old)

        return self._write_lightly(act)

    # What a claim is made of.

    def _room(self, line: Line, values: Values, most: int) -> tuple[LaneInfo, int]:
        """A lane, and how many of its mails may be claimed now; the lane is locked where the engine can."""
        row = line.execute(self._says["lane"], values).fetchone()
        if row is None:
            return LaneInfo(""), most
        lane = rows.lane_of(row)
        busy = 0
        if lane.fails or lane.cap is not None:
            busy = int(line.execute(self._says["count_busy"], values).fetchone()[0])
        return lane, rows.room_for(lane, row[7], busy, most)

    def _rows_leased(self, line: Line, values: Values, terms: Terms, most: int) -> list[rows.Row]:
        """One that was lost before, alone, or as many as there is room for, the urgent ones first."""
        self._claims += 1
        values = {**values, "lease": terms.lease}
        if self._claims % 2 and (found := line.execute(self._says["claim_suspect"], values).fetchall()):
            return found
        found = []
        for priority in range(3):
            if len(found) < most:
                more = {**values, "prio": priority, "most": most - len(found)}
                found += line.execute(self._says["claim"], more).fetchall()
        return found or line.execute(self._says["claim_suspect"], values).fetchall()
