"""TakenReport: a report that an outbox was given, and the result for its mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel._dataclass import dataclass
from courriel.outbox.store.reports import HistoryEntry

if TYPE_CHECKING:
    from courriel.model.received.report import Report


@dataclass(frozen=True, slots=True)
class TakenReport:
    """A report that an outbox was given, and what it made of it.

    `ticket` is the id of the mail that it is about, "" where the outbox has none: of another sender, pruned, or forged.
    `entries` say what was written down, for each recipient; `new` is False when all of it was known. `uid` is that of
    the letter in its mailbox, "" when it came from none.
    """

    report: Report
    ticket: str = ""
    entries: tuple[HistoryEntry, ...] = ()
    new: bool = False
    uid: str = ""
