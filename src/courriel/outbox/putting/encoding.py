"""Encoding of a message for the outbox, and decoding into a submission: the same octets every time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel._lazy_re import expression
from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.messages.message import Priority
from courriel.model.submission import EndGuard, SendOptions, Submission
from courriel.outbox import checks
from courriel.outbox.reports.tokens import checked_verp, envid_of, return_address, token_of
from courriel.outbox.store.base import Store
from courriel.outbox.store.chunks import LARGE, LazyChunks, in_chunks
from courriel.outbox.store.jobs import Job, NewMail
from courriel.outbox.store.states import OnUnsure
from courriel.session.encoding import IN_SEVEN_BITS, Sendable, submission_of

if TYPE_CHECKING:
    from courriel.delivery.dkim.signer import Signer

Moment: TypeAlias = "datetime | timedelta | float | None"
"""A time with its time zone, or a duration from now (seconds as a number)."""

LIFETIME = timedelta(days=5)
"""Time for which a mail is tried by default: five days, as mail servers do (RFC 5321 4.5.4.1)."""

_KEY = expression(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")
_STREAM = expression(r"\w[\w .-]{0,99}")
_PRIORITIES = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}
_ABOUT_CONTENT = ("8bit", "utf8", "dotless", "binary")  # in the order in which Content has them
_USUAL = {"dotless": True}  # all that is known of most mails
_ON_UNSURE = {"resend": OnUnsure.RESEND, "hold": OnUnsure.HOLD}


@dataclass(frozen=True, slots=True)
class PutTerms:
    """Options of one call to `put`; see `Outbox.put`."""

    not_before: Moment = None
    expires: Moment = None
    priority: Priority | str = Priority.NORMAL
    on_unsure: str = "resend"
    stream: str = ""
    verp: str = ""
    send: SendOptions | None = None


def written(
    message: Sendable,
    lane: str,
    key: str | None,
    terms: PutTerms,
    max_size: int,
    signer: Signer | None = None,
    *,
    refuse_suppressed: bool = False,
) -> NewMail:
    """Encode a message for the store: its Message-ID, date and octets are fixed from now on.

    In seven bits, so that every server accepts it, and signed by the `signer`. Raises InvalidMessage, InvalidAddress,
    UsageError.
    """
    delay = max(0.0, seconds_from_now("not_before", terms.not_before, 0.0))
    lifetime = seconds_from_now("expires", terms.expires, LIFETIME.total_seconds())
    if lifetime <= delay:
        raise errors.UsageError("expires: the mail would never be sent, its time is over before it begins")
    if key is not None:
        check_key(key)
    out = submission_of(message, IN_SEVEN_BITS, terms.send)
    if signer is not None:
        out = signer.sign(out)
    if out.content.size > max_size:
        raise errors.InvalidMessage(
            f"the message has {out.content.size:,} octets, and this outbox takes {max_size:,} at most (max_size)",
            stage="compose",
            hint_id="MESSAGE-TOO-BIG",
        )
    return NewMail(
        id=new_id(),
        key=key,
        lane=lane,
        priority=_priority(terms.priority),
        delay=delay,
        lifetime=lifetime,
        on_unsure=_on_unsure(terms.on_unsure),
        message_id=out.message_id,
        sender=out.envelope.sender.spec if out.envelope.sender else "",
        recipients=tuple(recipient.spec for recipient in out.envelope.recipients),
        options=_options(
            out.envelope, out.content, together=out.all_or_nothing, signed=out.signed, stream=_stream(terms.stream)
        )
        | _verp(terms.verp),
        size=out.content.size,
        chunks=in_chunks(out.content) if out.content.size <= LARGE else LazyChunks(out.content, out.content.size),
        refuse_suppressed=refuse_suppressed,
    )


def check_key(key: object) -> None:
    """Raise UsageError for what cannot be the key of a mail."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise errors.UsageError(
            f"key: 1 to 200 characters, without control characters and lone surrogates, not {checks.shown(key)}"
        )


def new_id() -> str:
    """A unique id for a mail: the milliseconds since 1970, and random bits.

    Consecutive ids are neighbours in an index, so that mails that are put, sent and settled together are read together.
    """
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def outgoing(
    job: Job,
    store: Store,
    before_end: EndGuard,
    progress: Callable[[], object],
    recipients: tuple[str, ...],
    *,
    verp: Callable[[], bool] = lambda: True,
) -> Submission:
    """Submission of a leased mail to some of its recipients; `progress` is called whenever a chunk of a large one is
    read; `verp` says whether the server takes another sender than that of the mail.
    """
    about = job.options
    pieces = job.body if job.body is not None else (_Stored(store, job.id, job.size, progress),)
    if about == _USUAL:  # in half the time
        content = Content(pieces, job.size, dotless=True)
    else:
        content = Content(pieces, job.size, *(bool(about.get(word)) for word in _ABOUT_CONTENT))
    if job.body is not None and sum(map(len, job.body)) != job.size:
        raise _incomplete(job.id)
    return Submission(
        _with_token(job, recipients, token_of(store.token_key(), job.id), verp),
        content,
        job.message_id,
        before_end=before_end,
        on_refused="abandon" if about.get("together") else "deliver",
        signed=bool(about.get("signed")),
    )


def envelope_of(sender: str, recipients: tuple[str, ...], about: Mapping[str, Any]) -> Envelope:
    """Envelope of a stored mail, for the recipients that are still to be tried."""
    origin, receivers = Address.of(sender) if sender else None, tuple(map(Address.of, recipients))
    return Envelope.stored(origin, receivers, about)


def _with_token(job: Job, recipients: tuple[str, ...], token: str, verp: Callable[[], bool]) -> Envelope:
    """Envelope with the token of the mail, so that reports lead back to it; a caller's own ENVID stays."""
    about = job.options
    if not token:
        return envelope_of(job.sender, recipients, about)
    if not about.get("envid"):
        about = {**about, "envid": envid_of(token)}
    returns = about.get("verp")
    envelope = envelope_of(job.sender, recipients, about)
    if not (returns and job.sender and verp()):
        return envelope
    return replace(envelope, sender=return_address(str(returns), token))


def seconds_from_now(name: str, moment: Moment, usual: float) -> float:
    """Seconds from now to a time. Raises UsageError for a time without a zone, or more than a year away."""
    if moment is None:
        return usual
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise errors.UsageError(f"{name}: {moment} has no time zone; write datetime(..., tzinfo=...)")
        seconds = (moment - datetime.now(UTC)).total_seconds()
    elif isinstance(moment, timedelta):
        seconds = moment.total_seconds()
    elif isinstance(moment, int | float) and not isinstance(moment, bool):
        seconds = float(moment) if checks.is_finite(moment) else float("inf")
    else:
        raise errors.UsageError(f"{name}: a datetime, a timedelta or seconds from now, not {checks.shown(moment)}")
    if not -checks.LONGEST < seconds < checks.LONGEST:
        raise errors.UsageError(f"{name}: {checks.shown(moment)} is more than a year away")
    return seconds


# The steps.


class _Stored:
    """Content of a large mail, read from the store at each iteration."""

    def __init__(self, store: Store, mail: str, size: int, progress: Callable[[], object]) -> None:
        self._store, self._mail, self.size, self._progress = store, mail, size, progress

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for chunk in self._store.body(self._mail):
            read += len(chunk)
            self._progress()
            yield chunk
        if read != self.size:
            raise _incomplete(self._mail)


def _incomplete(mail: str) -> errors.InvalidMessage:
    return errors.InvalidMessage(f"the content of mail {mail} is not whole in the outbox: somebody changed its tables")


def _options(envelope: Envelope, content: Content, *, together: bool, signed: bool, stream: str) -> dict[str, object]:
    said: dict[str, object] = {
        "8bit": content.eight_bit,
        "utf8": content.utf8,
        "dotless": content.dotless,
        "binary": content.binary,
        "together": together,
        "signed": signed,
        "stream": stream,
    }
    return {name: value for name, value in said.items() if value} | envelope.options


def _priority(given: Priority | str) -> int:
    if isinstance(given, Priority):
        return _PRIORITIES[given]
    if isinstance(given, str) and given in [priority.value for priority in Priority]:
        return _PRIORITIES[Priority(given)]
    words = ", ".join(repr(priority.value) for priority in Priority)
    raise errors.UsageError(f"priority: one of {words}, not {checks.shown(given)}")


def _verp(given: str) -> dict[str, object]:
    return {"verp": checked_verp(given)} if given else {}


def _stream(given: str) -> str:
    if not given:
        return ""
    if not isinstance(given, str) or not _STREAM.fullmatch(given):
        raise errors.UsageError(
            f"stream: a name of 1 to 100 letters, digits, - _ . and spaces, not {checks.shown(given)}"
        )
    return given


def _on_unsure(given: str) -> OnUnsure:
    if not isinstance(given, str) or given not in _ON_UNSURE:
        raise errors.UsageError(f'on_unsure is "resend" or "hold", not {checks.shown(given)}')
    return _ON_UNSURE[given]
