"""Storing of mails in an outbox: encoded one by one, and compared with those that are stored under their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from courriel import errors
from courriel.outbox.putting.encoding import PutTerms, written
from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import KnownMail, NewMail

if TYPE_CHECKING:
    from courriel.delivery.dkim.signer import Signer
    from courriel.outbox.putting.terms import IfKnown
    from courriel.session.encoding import Sendable


def store_mails(
    store: Store, mails: Sequence[NewMail], conn: object, if_known: IfKnown, *, stored: Callable[[], None]
) -> Sequence[str]:
    """Store mails, call `stored`, and compare those with known keys after the transaction; returns an id for each.

    Raises KeyReused for a different mail under a known key, unless `if_known` is "keep".
    """
    known: dict[str, tuple[NewMail, KnownMail]] = {}

    def note(mail: NewMail, before: KnownMail) -> None:
        known[mail.id] = mail, before

    ids = store.put(mails, conn, known=note if if_known == "refuse" else None)
    stored()
    if known:
        from courriel.outbox.putting.same_mail import check_same

        for mail, before in known.values():
            check_same(mail, before)
    return ids


def encoded(
    messages: Iterable[Sendable],
    keys: Iterable[str] | None,
    lane: str,
    terms: PutTerms,
    max_size: int,
    signer: Signer | None,
) -> Iterator[NewMail]:
    """Encode messages one by one, each with its key. Raises UsageError for more messages than keys, or fewer."""
    if keys is None:
        for message in messages:
            yield written(message, lane, None, terms, max_size, signer)
        return
    try:
        for message, key in zip(messages, keys, strict=True):
            yield written(message, lane, key, terms, max_size, signer)
    except ValueError as wrong:
        if isinstance(wrong, errors.CourrielError):
            raise
        raise errors.UsageError("put_many: one key for each message") from wrong
