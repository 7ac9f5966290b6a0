"""History of a mail: its put, what servers said, and what reports said later; and reports that a person applies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from courriel import errors
from courriel.outbox import checks
from courriel.outbox.reports.reporting import by_person
from courriel.outbox.store.reports import HistoryEntry
from courriel.outbox.store.suppression import compared

if TYPE_CHECKING:
    from courriel.outbox.store.facts import MailInfo
    from courriel.outbox.store.reports import NewReport


def history_of(info: MailInfo, reports: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    """History of a mail in the order of time."""
    entries = [HistoryEntry(info.created, "put", source=info.lane)]
    for recipient, (code, enhanced, text, at) in info.results.items():
        event = "accepted" if 200 <= code < 300 else "refused"
        said = " ".join(part for part in (str(code), enhanced, text) if part) if code else text
        entries.append(HistoryEntry(at or info.created, event, recipient, status=enhanced, text=said, source=info.lane))
    return sorted([*entries, *reports], key=lambda entry: entry.at)


def applied(info: MailInfo, reports: Sequence[HistoryEntry], recipient: str) -> NewReport | None:
    """The last report about a recipient that has not changed its fate, as one that does; None when there is none.

    One that names nobody of the mail may be about any of them: a person says which. Raises UsageError for an address
    that the mail was not sent to.
    """
    checks.text("recipient", recipient)
    name = next((each for each in info.recipients if compared(each) == compared(recipient)), None)
    if name is None:
        raise errors.UsageError(f"{recipient}: the mail {info.id} was not sent to this address")
    others = {each for each in info.recipients if each != name}
    open_ones = [entry for entry in reports if entry.event == "reported" and entry.recipient not in others]
    return by_person(info, open_ones[-1], name) if open_ones else None
