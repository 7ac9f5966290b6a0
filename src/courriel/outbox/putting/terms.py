"""Arguments of `put`, `put_many` and `list`, checked before the first mail is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from courriel import errors
from courriel.delivery.percent import nearest
from courriel.model.submission import SendOptions
from courriel.outbox import checks
from courriel.outbox.putting.encoding import PutTerms, check_key
from courriel.outbox.store.jobs import NewMail
from courriel.session.encoding import Sendable

if TYPE_CHECKING:
    from datetime import datetime

    from courriel.outbox.putting.arguments import PutArguments


IfKnown: TypeAlias = Literal["refuse", "keep"]
"""What happens with a different mail under a known key."""

_OWN_TERMS = ("not_before", "expires", "priority", "on_unsure", "stream", "verp")
_MOST_MAILS, _MOST_OCTETS = 200, 16 * 1024 * 1024  # of put_many, in one commit


def check_if_known(if_known: object) -> None:
    if not isinstance(if_known, str) or if_known not in ("refuse", "keep"):
        raise errors.UsageError(f'if_known is "refuse" or "keep", not {checks.shown(if_known)}')


def check_keys(messages: Iterable[Sendable], keys: Iterable[str] | None) -> None:
    """Check what can be checked before the first mail is stored: the number of keys, and each of them in a list."""
    if keys is None:
        return
    checks.several("keys", keys, "keys")
    if isinstance(keys, Sequence):
        for key in keys:
            check_key(key)
        if isinstance(messages, Sequence) and len(messages) != len(keys):
            raise errors.UsageError("put_many: one key for each message")


def moment_of(since: datetime) -> float:
    """A datetime in seconds since 1970. Raises UsageError, also for one without a time zone."""
    from datetime import datetime

    if not isinstance(since, datetime):
        raise errors.UsageError(f"since: a datetime, not {checks.shown(since)}")
    if since.tzinfo is None:
        raise errors.UsageError(f"since: {since} has no time zone; write datetime(..., tzinfo=...)")
    return since.timestamp()


def terms_of(wanted: PutArguments) -> PutTerms:
    """Split the arguments of a put: its own options, and the options of the submission."""
    own = {name: value for name, value in wanted.items() if name in _OWN_TERMS}
    rest = {name: value for name, value in wanted.items() if name not in _OWN_TERMS}
    known = [*_OWN_TERMS, *SendOptions.__dataclass_fields__]
    for name in rest:
        if name not in known:
            raise errors.UsageError(f"put: {name} is no option{nearest(name, known)}")
    return PutTerms(send=SendOptions(**rest) if rest else None, **own)  # type: ignore[arg-type]


def portions(mails: Iterable[NewMail]) -> Iterator[list[NewMail]]:
    portion: list[NewMail] = []
    octets = 0
    for mail in mails:
        portion.append(mail)
        octets += mail.size
        if len(portion) >= _MOST_MAILS or octets >= _MOST_OCTETS:
            yield portion
            portion, octets = [], 0
    if portion:
        yield portion
