"""Suppression: one entry of the list of addresses that get no more mail, and how addresses are compared there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args

from courriel import errors
from courriel._dataclass import dataclass
from courriel.model.address import Address
from courriel.outbox.store.states import SUPPRESSED

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime

SuppressionReason: TypeAlias = Literal["bounce", "complaint", "unsubscribe", "manual"]
"""Why an address gets no more mail: there is no such mailbox, its owner complained, unsubscribed, or you decided it."""

REASONS: tuple[str, ...] = get_args(SuppressionReason)

TRANSACTIONAL = "transactional"
"""Stream of mail that somebody waits for (a receipt, a login code): it passes unsubscriptions."""


LATEST = 253_402_300_799.0
"""The last second of the year 9999, in seconds since 1970: dates go no further."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """Entry of the suppression list: an address, and one reason for which it gets no more mail.

    `stream` is what an unsubscription is from, "" for all mail; every other reason is for all mail. `ticket` is the id
    of the mail that came back, or "". `added` is in seconds since 1970 by the clock of the outbox.
    """

    address: str
    reason: SuppressionReason
    stream: str = ""
    note: str = ""
    ticket: str = ""
    added: float = 0.0

    def bars(self, stream: str) -> bool:
        """Whether mail of this stream is not sent to the address."""
        if self.reason != "unsubscribe":
            return True
        return self.stream == stream if self.stream else stream != TRANSACTIONAL

    @property
    def sentence(self) -> str:
        """Result of a recipient that is left out for it, with the command that takes the address off the list."""
        day = moment_of(self.added).date()
        note = f" ({self.note})" if self.note else ""
        of = f" of {self.stream}" if self.stream else ""
        return f"{SUPPRESSED}{self.reason}{of}, {day}{note}; courriel outbox lift {self.address}"


def moment_of(seconds: float) -> datetime:
    """The moment so many seconds after 1970 in UTC; the nearest that has a name, where somebody has changed the row."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(min(max(seconds, 0.0), LATEST) if seconds == seconds else 0.0, UTC)  # noqa: PLR0124


def comparable(address: Address | str) -> str:
    """Address as it is compared: the domain in ASCII, the local part in small letters.

    RFC 5321 2.4 lets only the receiving host say whether small letters differ from capitals; hardly any host does, and
    mail to somebody who wants none is worse than a person who has to lift an entry. Nothing else is folded: dots and
    `+tags` may be other people's mailboxes. Raises InvalidAddress.
    """
    known = Address.of(address)
    return f"{known.local.lower()}@{known.dns_domain}"


def checked_reason(reason: object) -> SuppressionReason:
    """The reason itself. Raises UsageError for any other."""
    for known in REASONS:
        if reason == known:
            return known  # type: ignore[return-value]
    raise errors.UsageError(f"reason: one of {', '.join(REASONS)}, not {ascii(reason)[:80]}")


def barred(recipients: Iterable[str], entries: Iterable[Suppression], stream: str) -> Mapping[str, Suppression]:
    """Recipients that get no mail of this stream, each with its first entry that says so."""
    by_address: dict[str, Suppression] = {}
    for entry in entries:
        if entry.bars(stream):
            by_address.setdefault(compared(entry.address), entry)
    if not by_address:
        return {}
    return {name: by_address[known] for name in recipients if (known := compared(name)) in by_address}


def compared(stored: str) -> str:
    """An address of a row as it is compared; the text itself, where somebody has changed the row."""
    try:
        return comparable(stored)
    except errors.InvalidAddress:
        return stored
