"""A mail that leaves in parts, one row for each of its ways, as one: its state, its results, its counters."""

from __future__ import annotations

from collections.abc import Sequence

from courriel._dataclass import replace
from courriel.outbox.store.facts import MailInfo
from courriel.outbox.store.states import State

_UNFINISHED = (State.IN_FLIGHT, State.LEASED, State.READY, State.HELD)
_FINAL = (State.FAILED, State.CANCELED, State.SENT)


def joined(parts: Sequence[MailInfo]) -> MailInfo:
    """The facts of all parts of a mail, under those of the first.

    It is SENT when all parts are; FAILED or CANCELED when all have come to their end, and one has so; HELD when a
    person has to decide on what is left. `tries` and `lost` are the most of one part, `unsure` is their sum.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    states = {part.state for part in parts}
    return replace(
        first,
        lane=", ".join(dict.fromkeys(part.lane for part in parts)),
        state=next(state for state in (*_UNFINISHED, *_FINAL) if state in states),
        due=min(part.due for part in parts),
        changed=max(part.changed for part in parts),
        tries=max(part.tries for part in parts),
        lost=max(part.lost for part in parts),
        unsure=sum(part.unsure for part in parts),
        waiting=tuple(name for part in parts for name in part.waiting),
        results={name: answer for part in parts for name, answer in part.results.items()},
        why=next((part.why for part in parts if part.why), ""),
        holder=next((part.holder for part in parts if part.holder), ""),
        unserved=tuple(name for part in parts for name in part.unserved),
        later={name: fate for part in parts for name, fate in part.later.items()},
        parts=tuple(parts),
    )
