"""Rows to values and back: what both engines have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from courriel.outbox.store import (
    Answer,
    Job,
    KnownMail,
    LaneInfo,
    MailInfo,
    NewMail,
    OnUnsure,
    Query,
    Settlement,
    State,
)
from courriel.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = Sequence[Any]

_ON_UNSURE = tuple(OnUnsure)
_NOTHING = len("{}")


def mail_values(mail: NewMail) -> dict[str, object]:
    """The parameters of `put_mail`."""
    return {
        "id": mail.id,
        "key": mail.key,
        "lane": mail.lane,
        "prio": mail.priority,
        "delay": mail.delay,
        "lifetime": mail.lifetime,
        "on_unsure": int(mail.on_unsure),
        "msgid": mail.message_id,
        "sender": mail.sender,
        "rcpts": _names_written(mail.recipients),
        "options": _written(mail.options) if mail.options else "{}",
        "size": mail.size,
    }


def settlement_values(settled: Settlement) -> dict[str, object]:
    """The parameters of `settle`."""
    return {
        "id": settled.id,
        "token": settled.token,
        "state": int(settled.state),
        "results": _answers_written(settled.results),
        "rcpts": _names_written(settled.recipients),
        "delay": settled.delay,
        "why": settled.why,
        "uncounted": 0 if settled.counted else 1,
        "unsure": int(settled.unsure),
        "news": int(settled.news),
    }


def query_values(query: Query) -> dict[str, object]:
    """The parameters of the first page of `read`."""
    return {
        "created": query.since if query.since is not None else -1.0,
        "id": "",
        "state": -1 if query.state is None else int(query.state),
        "lane": query.lane or "",
        "unsure": -1 if query.unsure is None else int(query.unsure),
    }


def jobs_of(rows: Iterable[Row], bodies: Mapping[str, bytes], most: int) -> list[Job]:
    """What `claim` returned, the longest due first; `bodies` has those of no more than so many octets."""
    return [_job(row, bodies, most) for row in sorted(rows, key=lambda row: (row[4], row[0], row[1]))]


def info_of(row: Row) -> MailInfo:
    """A row of `find` or `read`."""
    created, ident, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure = row[:13]
    message_id, sender, recipients, options, results, why, size, holder = row[13:]
    return MailInfo(
        id=str(ident),
        key=key,
        lane=lane,
        priority=prio,
        state=State(state),
        due=due,
        created=created,
        expires=expires,
        changed=changed,
        tries=tries,
        lost=lost,
        unsure=unsure,
        on_unsure=OnUnsure(on_unsure),
        message_id=message_id,
        sender=sender,
        waiting=tuple(_read(recipients)),
        options=_read(options),
        results=answers(_read(results)),
        why=why,
        size=size,
        holder=holder,
    )


def known_of(row: Row, content: bytes) -> KnownMail:
    """A row of `known`, with the content of its mail."""
    ident, sender, waiting, results, options = row
    recipients = dict.fromkeys((*_read(waiting), *_read(results)))
    return KnownMail(str(ident), sender, tuple(recipients), _read(options), content)


def lane_of(row: Row) -> LaneInfo:
    """A row of `lane` or `lanes`."""
    name, stopped, paused, fails, why, cap, gap, _ = row
    return LaneInfo(name, bool(stopped), max(0.0, paused), fails, why, cap, gap)


def changed(lane: LaneInfo, changes: Mapping[str, object]) -> LaneInfo:
    """A lane as it is wished. Raises ValueError for what no lane has."""
    unknown = set(changes) - {"stopped", "cap", "gap"}
    if unknown:
        raise ValueError(f"a lane has no {', '.join(sorted(unknown))}")
    return replace(lane, **changes)  # type: ignore[arg-type]  # the engine's own types are the check


def room_for(lane: LaneInfo, until_next: float, busy: int, most: int) -> int:
    """How many mails may be claimed now: none on a lane that rests, one where it has to be tried, few under a rate.

    `until_next` is the time until the rate allows another one (GCRA: as many as fit since then, without a burst).
    """
    if lane.stopped or lane.paused > 0:
        return 0
    if lane.fails:
        return 0 if busy else min(most, 1)
    if lane.cap is not None:
        most = min(most, lane.cap - busy)
    if lane.gap:
        most = min(most, 1 if until_next <= 0 else 0)
    return max(0, most)


def answers(stored: Mapping[str, Sequence[Any]]) -> dict[str, Answer]:
    """What was said of each recipient."""
    return {
        name: (int(code), str(enhanced), str(text), float(at)) for name, (code, enhanced, text, at) in stored.items()
    }


# The steps.


def _job(row: Row, bodies: Mapping[str, bytes], most: int) -> Job:
    _, ident, token, lane, prio, tries, lost, unsure, on_unsure, age, calm, left = row[:12]
    message_id, sender, recipients, options, results, size = row[12:]
    body: tuple[bytes, ...] | None = None
    if size <= most:
        body = (bodies[ident],) if ident in bodies else ()
    return Job(
        str(ident),
        str(token),
        lane,
        prio,
        tries,
        lost,
        unsure,
        _ON_UNSURE[on_unsure],
        age,
        calm,
        left,
        message_id,
        sender,
        tuple(_read(recipients)),
        _options(options),
        answers(_read(results)) if len(results) > _NOTHING else {},
        size,
        body,
    )


_written = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_quoted = json.encoder.encode_basestring


def _names_written(names: Sequence[str]) -> str:
    return f"[{','.join(map(_quoted, names))}]"


def _answers_written(results: Mapping[str, Answer]) -> str:
    """What `_written` would make of them, as `_names_written` does, in half the time."""
    each = [
        f"{_quoted(name)}:[{code},{_quoted(enhanced)},{_quoted(text)},{at!r}]"
        for name, (code, enhanced, text, at) in results.items()
    ]
    return f"{{{','.join(each)}}}"


_raw = json.JSONDecoder().raw_decode


def _read(stored: str) -> Any:
    return _raw(stored)[0]


@lru_cache(maxsize=256)
def _options(stored: str) -> Mapping[str, object]:
    """Read once, because nearly all mails have the same ones; nobody changes what it gives."""
    options: Mapping[str, object] = _read(stored)
    return options
