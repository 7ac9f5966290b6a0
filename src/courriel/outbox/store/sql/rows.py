"""Conversion between database rows and values, the same for both engines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from courriel import errors
from courriel._dataclass import replace
from courriel.model.envelope import Notify, Return
from courriel.outbox.store.facts import LaneInfo, MailInfo, Query
from courriel.outbox.store.jobs import Job, KnownMail, NewMail, Settlement
from courriel.outbox.store.standing import LaterFate
from courriel.outbox.store.states import UNREADABLE, Answer, OnUnsure, State

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

Row = Sequence[Any]

_ON_UNSURE = tuple(OnUnsure)
_NOTHING = "{}"
_NAMES = {str}  # the type of each recipient
# Exceptions of Python for a row that was changed by hand.
_BROKEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class UndecodableText(str):
    """Text of a row that is not UTF-8, with its octets escaped; `raw` is as it is stored. No value of a mail is one."""

    __slots__ = ("raw",)
    raw: bytes


def text_of(stored: bytes) -> str:
    """A text as SQLite stores it."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        text = UndecodableText(stored.decode("utf-8", "backslashreplace"))
        text.raw = stored
        return text


def mail_values(mail: NewMail) -> dict[str, object]:
    """Parameters of the statement `put_mail`."""
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
        "rcpts": names_written(mail.recipients),
        "options": _written(mail.options) if mail.options else "{}",
        "size": mail.size,
    }


def settlement_values(settled: Settlement) -> dict[str, object]:
    """Parameters of the statement `settle`."""
    return {
        "id": settled.id,
        "token": settled.token,
        "state": int(settled.state),
        "results": answers_written(settled.results),
        "rcpts": names_written(settled.recipients),
        "delay": settled.delay,
        "why": settled.why,
        "uncounted": 0 if settled.counted else 1,
        "unsure": int(settled.unsure),
        "news": int(settled.news),
    }


def query_values(query: Query) -> dict[str, object]:
    """Parameters of the statement `read` for its first page."""
    return {
        "created": query.since if query.since is not None else -1.0,
        "id": "",
        "state": -1 if query.state is None else int(query.state),
        "lane": query.lane or "",
        "unsure": -1 if query.unsure is None else int(query.unsure),
    }


def jobs_of(rows: Iterable[Row], bodies: Mapping[str, bytes], most: int) -> tuple[list[Job], list[tuple[Any, str]]]:
    """Jobs from the rows of `claim`, in the order of the queue; `bodies` has the contents of up to `most` octets.

    Also the rows that cannot be read: the id of each, and the reason.
    """
    jobs: list[Job] = []
    unreadable: list[tuple[Any, str]] = []
    for row in sorted(rows, key=queue_order):
        try:
            jobs.append(_job(row, bodies, most))
        except _BROKEN:
            unreadable.append((getattr(row[1], "raw", row[1]), UNREADABLE + ", ".join(_damage_of(row))))
    return jobs, unreadable


def queue_order(row: Row) -> tuple[Any, ...]:
    """Sort key of claimed mails: priority, due time, id."""
    return row[4], row[0], row[1]


def is_small(row: Row, most: int) -> bool:
    """Whether the content of a claimed mail has at most `most` octets."""
    return type(row[-1]) is int and row[-1] <= most


def state_of(stored: object) -> State:
    """State of a mail; HELD for an unknown number."""
    return _or(State.HELD, State, stored)


def info_of(row: Row) -> MailInfo:
    """MailInfo from a row of `find` or `read`; what cannot be read has a default, and `why` names the columns."""
    created, ident, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure = row[:13]
    message_id, sender, recipients, options, results, why, size, holder, fates = row[13:]
    texts = [name for name, text in (("id", ident), ("lane", lane), ("msgid", message_id)) if type(text) is not str]
    damage = texts + _damage(sender, recipients, options, results, on_unsure, size)
    damage += [] if _or(None, State, state) is not None else ["state"]
    names: tuple[str, ...] = _or((), _names, recipients)
    final = state_of(state).final
    return MailInfo(
        id=str(ident),
        key=key,
        lane=lane,
        priority=prio,
        state=state_of(state),
        due=due,
        created=created,
        expires=expires,
        changed=changed,
        tries=tries,
        lost=lost,
        unsure=unsure,
        on_unsure=_or(OnUnsure.HOLD, OnUnsure, on_unsure),
        message_id=message_id,
        sender=sender if isinstance(sender, str) else "",
        waiting=() if final else names,
        unserved=names if final else (),
        later=_or({}, fates_of, fates),
        options=_or({}, _options, options),
        results=_or({}, _results, results),
        why=UNREADABLE + ", ".join(damage) if damage else why,
        size=size if type(size) is int else 0,
        holder=holder,
    )


def known_of(row: Row, content: bytes) -> KnownMail:
    """KnownMail from a row of `known`, with its content. Raises OutboxError for a row that cannot be read."""
    ident, sender, waiting, results, options = row
    damage = _damage(sender, waiting, options, results, on_unsure=0, size=0)
    if damage:
        raise errors.OutboxError(f"mail {ident} cannot be read in the outbox: somebody changed its tables")
    recipients = dict.fromkeys((*_names(waiting), *_results(results)))
    return KnownMail(str(ident), sender, tuple(recipients), _options(options), content)


def lane_of(row: Row) -> LaneInfo:
    """LaneInfo from a row of `lane` or `lanes`."""
    name, stopped, paused, fails, why, cap, gap, _, *per = row
    return LaneInfo(name, bool(stopped), max(0.0, paused), fails, why, cap, gap, *per)


def changed(lane: LaneInfo, changes: Mapping[str, object]) -> LaneInfo:
    """Apply changes to a lane. Raises ValueError for an unknown field."""
    unknown = set(changes) - {"stopped", "cap", "gap", "per"}
    if unknown:
        raise ValueError(f"a lane has no {', '.join(sorted(unknown))}")
    return replace(lane, **changes)  # type: ignore[arg-type]  # the engine's own types are the check


def room_for(lane: LaneInfo, busy: int, most: int) -> int:
    """Number of mails that may be claimed now, apart from a rate: none on a paused lane, one to test a failing lane."""
    if lane.stopped or lane.paused > 0:
        return 0
    if lane.fails:
        return 0 if busy else min(most, 1)
    if lane.cap is not None:
        most = min(most, lane.cap - busy)
    return max(0, most)


def answers(stored: Mapping[str, Sequence[Any]]) -> dict[str, Answer]:
    """Last reply for each recipient, from its JSON."""
    return {
        name: (int(code), str(enhanced), str(text), float(at)) for name, (code, enhanced, text, at) in stored.items()
    }


# The steps.


def _job(row: Row, bodies: Mapping[str, bytes], most: int) -> Job:
    _, ident, token, lane, prio, tries, lost, unsure, on_unsure, age, calm, left = row[:12]
    message_id, sender, recipients, options, results, size = row[12:]
    body: tuple[bytes, ...] | None = None
    if type(size) is not int or type(sender) is not str or type(ident) is not str or on_unsure < 0:
        raise TypeError
    if type(message_id) is not str or type(lane) is not str:
        raise TypeError
    if size <= most:
        body = (bodies[ident],) if ident in bodies else ()
        if body and isinstance(body[0], str):
            raise TypeError
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
        _names(recipients),
        _options(options),
        _results(results) if results != _NOTHING else {},
        size,
        body,
    )


_written = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_quoted = json.encoder.encode_basestring


def names_written(names: Sequence[str]) -> str:
    """Recipients as they are stored."""
    return f"[{','.join(map(_quoted, names))}]"


def answers_written(results: Mapping[str, Answer]) -> str:
    """JSON of the results as `_written` encodes them, in half the time; see `names_written`."""
    each = [
        f"{_quoted(name)}:[{code},{_quoted(enhanced)},{_quoted(text)},{at!r}]"
        for name, (code, enhanced, text, at) in results.items()
    ]
    return f"{{{','.join(each)}}}"


_raw = json.JSONDecoder().raw_decode


def _read(stored: str) -> Any:
    return _raw(stored)[0]


def _plain(stored: str) -> str:
    if type(stored) is not str:
        raise TypeError
    return stored


def _names(stored: str) -> tuple[str, ...]:
    names = _read(_plain(stored))
    if type(names) is not list or (names and set(map(type, names)) != _NAMES):
        raise TypeError
    return tuple(names)


def _results(stored: str) -> dict[str, Answer]:
    results = answers(_read(_plain(stored)))
    if any(code and not 200 <= code < 600 for code, *_ in results.values()):
        raise ValueError
    return results


def fates_of(stored: str) -> dict[str, LaterFate]:
    """Later fates of recipients, from their JSON."""
    if stored == _NOTHING:
        return {}
    return {name: LaterFate(*said) for name, said in _read(_plain(stored)).items()}


def fates_written(fates: Mapping[str, LaterFate]) -> str:
    """Later fates of recipients as they are stored."""
    return _written({name: (fate.fate, fate.status, fate.text, fate.at) for name, fate in fates.items()})


@lru_cache(maxsize=256)
def _options(stored: str) -> Mapping[str, object]:
    """Decode options once for equal texts, because nearly all mails have the same ones; callers must not change the
    result.
    """
    options: Mapping[str, Any] = _read(_plain(stored))
    if type(options) is not dict or not isinstance(options.get("envid", ""), str):
        raise TypeError
    for condition in options.get("notify", ()):
        Notify(condition)
    if "ret" in options:
        Return(options["ret"])
    return options


def _damage_of(row: Row) -> list[str]:
    """Columns of a claimed row that cannot be read."""
    _, sender, recipients, options, results, size = row[12:]
    texts = [name for name, text in (("id", row[1]), ("lane", row[3]), ("msgid", row[12])) if type(text) is not str]
    return texts + _damage(sender, recipients, options, results, row[8], size) or ["content"]


def _damage(
    sender: object, recipients: object, options: object, results: object, on_unsure: object, size: object
) -> list[str]:
    """Columns that cannot be read."""
    read: dict[str, tuple[Callable[[Any], object], object]] = {
        "rcpts": (_names, recipients),
        "options": (_options, options),
        "results": (_results, results),
        "on_unsure": (OnUnsure, on_unsure),
    }
    damage = [name for name, (reader, stored) in read.items() if _or(None, reader, stored) is None]
    damage += [] if type(sender) is str else ["sender"]
    return damage if type(size) is int else [*damage, "size"]


def _or(otherwise: T, reader: Callable[[Any], T], stored: object) -> T:
    """Read a stored value, or return the default when it is invalid."""
    try:
        return reader(stored)
    except _BROKEN:
        return otherwise
