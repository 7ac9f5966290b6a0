"""Rates of lanes in SQL, the same for every engine: slots of mails, and lanes with due mails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from courriel._dataclass import replace
from courriel.outbox import rate
from courriel.outbox.rate import RateState
from courriel.outbox.store.facts import LaneInfo
from courriel.outbox.store.jobs import ClaimedSlots, DueLane

if TYPE_CHECKING:
    from courriel.outbox.store.sql.connection import SqlConnection, Values

T = TypeVar("T")

_PRIORITIES, _USUAL = (0, 1, 2), 1  # a row that was edited may have any


class SqlRates(ABC):
    """Part of SqlStore for rates. Every transaction locks the row of a lane before its slots."""

    _sql: Mapping[str, str]

    @abstractmethod
    def _read(self, act: Callable[[SqlConnection], T]) -> T:
        """Run a function on the committed state."""

    @abstractmethod
    def _write_lightly(self, act: Callable[[SqlConnection], T]) -> T:
        """Run a function in a transaction that a power cut may undo."""

    @abstractmethod
    def _now(self) -> dict[str, object]:
        """Time of the store's clock as a statement parameter, for an engine without its own clock."""

    def due_lanes(self) -> list[DueLane]:
        """See Store.due_lanes."""
        found = self._read(lambda db: db.execute(self._sql["due_lanes"], self._now()).fetchall())
        lanes: dict[str, DueLane] = {}
        for name, gap, tat, per, free, prio in found:
            before = lanes.get(name)
            wait, urgency = rate.wait(gap, tat, per, free), prio if prio in _PRIORITIES else _USUAL
            if before is not None:
                wait, urgency = min(wait, before.wait), min(urgency, before.priority)
            lanes[name] = DueLane(name, wait, urgency)
        return list(lanes.values())

    def renew_slots(self, slots: ClaimedSlots) -> ClaimedSlots | None:
        """See Store.renew_slots."""

        def act(db: SqlConnection) -> ClaimedSlots | None:
            values: dict[str, object] = {"lane": slots.lane, "until": slots.until, "mails": slots.mails} | self._now()
            row = db.execute(self._sql["lane"], values).fetchone()
            db.execute(self._sql["leave_slots"], values)
            db.execute(self._sql["forget_slot"], values)
            gap = float(row[6] or slots.per) if row else slots.per
            state = self._state(db, values, gap, slots.per)
            return self._put_slots(db, values, state, slots.mails) if state.most - state.used >= slots.mails else None

        return self._write_lightly(act)

    def leave_slots(self, slots: ClaimedSlots, *, used: int, ago: float) -> None:
        """See Store.leave_slots."""

        def act(db: SqlConnection) -> None:
            values: dict[str, object] = {"lane": slots.lane, "until": slots.until, "mails": slots.mails} | self._now()
            db.execute(self._sql["free_lane"], values)
            db.execute(self._sql["leave_slots"], values)
            db.execute(self._sql["forget_slot"], values)
            if used:
                until = rate.rounded_up(self._moment(db, values) - ago, slots.per)
                db.execute(self._sql["take_slots"], values | {"until": until, "mails": used})

        self._write_lightly(act)

    # Steps of a claim.

    def _rate(self, db: SqlConnection, values: Values, lane: LaneInfo, room: int) -> tuple[RateState | None, int]:
        """Rate state of a locked lane, and the number of mails that may be claimed under it."""
        if not lane.gap or not room:
            return None, room
        per = lane.per or lane.gap
        db.execute(self._sql["forget_slots"], {**values, "per": per})
        state = self._state(db, values, lane.gap, per)
        return state, state.room(room)

    def _take_slots(
        self, db: SqlConnection, values: Values, state: RateState, claimed: int, room: int
    ) -> tuple[ClaimedSlots | None, float]:
        """Take slots for the claimed mails; return them, and the seconds until the next mail may leave."""
        tat, free = state.after(claimed, room)
        if claimed or free or rate.is_beyond(state.tat, state.gap):
            db.execute(self._sql["pace_lane"], {**values, "tat": tat, "free": free})
        slots = self._put_slots(db, values, state, claimed) if claimed else None
        return slots, max(0.0, tat, free)

    def _state(self, db: SqlConnection, values: Values, gap: float, per: float) -> RateState:
        row = db.execute(self._sql["slots"], {**values, "per": per}).fetchone()
        tat, used, oldest, newest = row
        state = RateState(gap, per, tat, int(used or 0), oldest, newest)
        if newest is None or not rate.is_beyond(newest, state.good_for):
            return state
        # The clock was set back. The slots count as taken now, and not for as long as the clock jumped.
        until = self._moment(db, values) + state.good_for
        db.execute(self._sql["forget_later_slots"], {**values, "until": until})
        kept = db.execute(self._sql["slots"], {**values, "per": per}).fetchone()[1]
        later = {**values, "until": until, "mails": state.used - int(kept or 0)}
        db.execute(self._sql["take_slots"], later)
        return replace(state, oldest=min(oldest, state.good_for), newest=state.good_for)

    def _put_slots(self, db: SqlConnection, values: Values, state: RateState, mails: int) -> ClaimedSlots:
        until = self._moment(db, values) + state.good_for
        db.execute(self._sql["take_slots"], {**values, "until": until, "mails": mails})
        return ClaimedSlots(str(values["lane"]), mails, until, state.good_for, state.per)

    def _moment(self, db: SqlConnection, values: Values) -> float:
        return float(db.execute(self._sql["moment"], values).fetchone()[0])
