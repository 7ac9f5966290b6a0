"""Statements that read a page of matching mails, each by an index."""

from __future__ import annotations

from collections.abc import Mapping

from courriel.outbox.store.facts import Query
from courriel.outbox.store.sql.connection import SqlConnection
from courriel.outbox.store.sql.statements import in_order
from courriel.outbox.store.states import State

_OUT_OF_HAND = (State.READY, State.HELD, State.SENT, State.FAILED, State.CANCELED)
_SORTED = 5000  # mails that are sorted faster than they are found by lane in another index


def page_statement(db: SqlConnection, sql: Mapping[str, str], query: Query) -> str:
    """The statement for a page of these mails; a lane is searched in the states where the counters find its mails."""
    if query.news:
        return sql["read_news"]
    if query.unsure and query.state in (None, State.READY, State.SENT):
        return sql["read_unsure"]
    states = [state for state in _OUT_OF_HAND if query.state in (None, state)]
    parts = [("read_in_hand", -1 if query.state is None else int(query.state))]
    if query.lane:
        found = dict(db.execute(sql["counts_of"], {"lane": query.lane}).fetchall())
        parts += [(_of_a_lane(state, found[state]), int(state)) for state in states if state in found]
    else:
        parts += [("read_state", int(state)) for state in states]
    return in_order(tuple(parts))


def _of_a_lane(state: State, mails: int) -> str:
    if state is State.READY:
        return "read_ready" if mails <= _SORTED else "read_state"
    return "read_state" if state is State.SENT else "read_ended"
