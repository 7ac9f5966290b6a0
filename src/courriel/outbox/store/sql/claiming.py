"""Steps of a claim in SQL, the same for every engine, within one transaction on the connection that they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from courriel.outbox.store.facts import LaneInfo
from courriel.outbox.store.jobs import Recovered
from courriel.outbox.store.sql import rows
from courriel.outbox.store.sql.connection import SqlConnection, Values
from courriel.outbox.store.states import State

_LOWEST = 2  # the last priority


def lane_and_room(db: SqlConnection, sql: Mapping[str, str], values: Values, most: int) -> tuple[LaneInfo, int]:
    """Read a lane, and how many of its mails may be claimed now; the row is locked where the engine can."""
    row = db.execute(sql["lane"], values).fetchone()
    if row is None:
        return LaneInfo(""), most
    lane = rows.lane_of(row)
    busy = 0
    if lane.fails or lane.cap is not None:
        busy = int(db.execute(sql["count_busy"], values).fetchone()[0])
    return lane, rows.room_for(lane, busy, most)


def lease_due(
    db: SqlConnection, sql: Mapping[str, str], values: Values, most: int, *, suspects: bool = True
) -> list[rows.Row]:
    """Lease up to `most` mails by priority and due time.

    Mails with an expired lease keep their place in the queue, but are claimed apart from the others; `suspects=False`
    says that there are none.
    """
    first = db.execute(sql["first_suspect"], values).fetchone() if suspects else None
    if first is None:
        return _lease_calm(db, sql, values, most)
    priority, lost, due = first
    if found := _lease_calm(db, sql, values, most, before=(priority, due)):
        return found
    alike = {**values, "prio": priority, "lost": lost, "most": at_once(lost, most)}
    # None when another worker was faster: then the others need not wait.
    return db.execute(sql["claim_suspect"], alike).fetchall() or _lease_calm(db, sql, values, most)


def hold_unreadable(
    db: SqlConnection, sql: Mapping[str, str], unreadable: Sequence[tuple[Any, str]], values: Values
) -> tuple[Recovered, ...]:
    """Hold claimed mails whose rows cannot be read, so that the others are sent; `values` are token and time."""
    held: list[Recovered] = []
    for ident, why in unreadable:
        if db.execute(sql["set_aside"], {"id": ident, "why": why, **values}).rowcount:
            held.append(Recovered(str(ident), State.HELD, why))
    return tuple(held)


def at_once(lost: int, most: int) -> int:
    """Number of mails with so many expired leases that are claimed together, where `most` others would be.

    After one expiry a mail was most likely only in the batch of the mail that killed its worker: a quarter of a batch
    goes together. After the second each goes alone, so that the next death names the culprit.
    """
    return max(1, most // 4) if lost == 1 else 1


# The steps.


def _lease_calm(
    db: SqlConnection, sql: Mapping[str, str], values: Values, most: int, before: tuple[int, float] | None = None
) -> list[rows.Row]:
    """Lease mails without an expired lease; with `before`, those that come before this priority and time."""
    found: list[rows.Row] = []
    last, until = before or (_LOWEST, None)
    for priority in range(last + 1):
        if len(found) < most:
            limit = until if priority == last else None
            more = {**values, "prio": priority, "most": most - len(found), "until": limit}
            found += db.execute(sql["claim"], more).fetchall()
    return found
