"""Reports about sent mails as the store keeps them: who said what about which recipient, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from courriel._dataclass import dataclass

if TYPE_CHECKING:
    from courriel.outbox.store.standing import LaterFate
    from courriel.outbox.store.suppression import Suppression

FoundBy: TypeAlias = Literal["", "envid", "verp", "message-id", "person"]
"""How a report was led back to its mail: by the ENVID, the return address, the Message-ID, or by a person."""

Noted: TypeAlias = Literal["new", "known", "gone"]
"""What became of a report: written down, known already, or about a mail that the outbox has no more."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that was said about a mail, `at` so many seconds since 1970 by the clock of the outbox.

    `event` is "put"; "accepted" or "refused" by a server that took the mail or did not; "returned" or "complained"
    where a report has changed the fate of the recipient; "reported" for one that has not, and waits for a person;
    "delayed", "delivered", "relayed", "expanded", "auto-reply" and "challenge" for what changes nothing. `action`,
    `status` and `text` are the report's own words, `source` is who says it. `proven` says that a signed token of ours
    came back with it.
    """

    at: float
    event: str
    recipient: str = ""
    action: str = ""
    status: str = ""
    text: str = ""
    source: str = ""
    found_by: FoundBy = ""
    proven: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report to be written down for one recipient of one mail, with all that follows from it, or not at all.

    `digest` is that of what was said: the same report stands once. `fate` is the new fate of the recipient, and
    `suppression` the entry for its address. `told` says that nobody wants to hear of it.
    """

    mail: str
    entry: HistoryEntry
    fate: LaterFate | None = None
    suppression: Suppression | None = None
    told: bool = True
