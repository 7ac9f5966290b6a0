"""History of a mail: its put, what servers said, and what reports said later; and reports that a person applies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def applied(info: MailInfo, history: Callable[[str], Sequence[HistoryEntry]], recipient: str) -> NewReport | None:
    """The last report about a recipient that has not changed its fate, as one that does; None when there is none.

    `history` has the reports about the mail, or the part of it, with an id. One that names nobody of the mail may be
    about any of them: a person says which. Raises UsageError for an address that the mail was not sent to.
    """
    checks.text("recipient", recipient)
    for row in info.parts or (info,):
        name = next((each for each in row.recipients if compared(each) == compared(recipient)), None)
        if name is not None:
            others = {each for each in row.recipients if each != name}
            said = [entry for entry in history(row.id) if entry.event == "reported" and entry.recipient not in others]
            return by_person(row, said[-1], name) if said else None
    raise errors.UsageError(f"{recipient}: the mail {info.id} was not sent to this address")
