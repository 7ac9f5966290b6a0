"""Suppressions: the list of addresses that get no more mail from an outbox, blocking."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from courriel.outbox import checks
from courriel.outbox.bounces.entries import checked_entry
from courriel.outbox.store.suppression import Suppression, SuppressionReason, checked_reason, comparable

if TYPE_CHECKING:
    from courriel.outbox.store.base import Store

_PAGE = 500


class Suppressions:
    """The suppression list of an outbox: addresses that get no more mail, and why.

    It is looked at when a mail is put, and again before it is sent. Addresses are compared with the domain in ASCII and
    the local part in small letters. An empty list costs nothing.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        address: str,
        reason: SuppressionReason = "manual",
        *,
        stream: str = "",
        note: str = "",
        ticket: str = "",
    ) -> bool:
        """Add an address; False when it is there already for this reason: then the first note and time stay.

        "unsubscribe" is from the mail of one `stream` (`put(stream=…)`), or from all but "transactional" mail; the
        other reasons are for all mail. `ticket` is the id of the mail that came back. Raises InvalidAddress,
        UsageError, OutboxError.
        """
        return self._store.suppress([checked_entry(Suppression(address, reason, stream, note, ticket))])[0]

    def add_many(self, entries: Iterable[Suppression]) -> int:
        """Add many entries, some hundreds in one commit; returns how many are new. All are checked before the first."""
        return sum(self._store.suppress([checked_entry(entry) for entry in entries]))

    def lift(self, address: str, reason: SuppressionReason | None = None, *, stream: str | None = None) -> int:
        """Take an address off the list, for one reason and stream, or for all; returns how many entries went.

        What was not sent meanwhile is not sent by itself: `Ticket.retry_failed()` does it. Raises InvalidAddress.
        """
        comparable(address)
        wanted = "" if reason is None else checked_reason(reason)
        return self._store.lift(address, wanted, None if stream is None else checks.text("stream", stream))

    def of(self, address: str) -> Sequence[Suppression]:
        """Entries of one address, an empty sequence when it gets mail. Raises InvalidAddress."""
        comparable(address)
        return self._store.suppressed([address])

    def list(self, reason: SuppressionReason | None = None) -> Iterator[Suppression]:
        """Iterate over the list by address; it may change meanwhile, and no entry comes twice."""
        wanted = "" if reason is None else checked_reason(reason)
        last: Suppression | None = None
        while page := self._store.suppressions(last, wanted, _PAGE):
            yield from page
            last = page[-1]

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write the list to a new CSV file (address, reason, stream, note, ticket, added); returns how many entries."""
        from courriel.outbox.bounces.csv_file import write_csv

        return write_csv(checks.path("path", path), self.list())

    def load(self, path: str | os.PathLike[str], reason: SuppressionReason = "manual") -> int:
        """Add the addresses of a CSV file, of `export` or of a provider; returns how many are new.

        `reason` is for rows without one. Raises UsageError with the line, before anything is added.
        """
        from courriel.outbox.bounces.csv_file import read_csv

        return self.add_many(read_csv(checks.path("path", path), checked_reason(reason)))

    def __iter__(self) -> Iterator[Suppression]:
        return self.list()

    def __repr__(self) -> str:
        return f"<Suppressions of {self._store.place}>"
