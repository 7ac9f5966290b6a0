"""
Reports and their mails: which mail of the outbox a report is about, and what follows from it.

A report is found by its ENVID, by the return address, then by the Message-ID. Anybody can write one. So a fate changes
only where a token that we have signed came back, and the mail had one recipient: a token proves that the reporter has
seen the mail, and each recipient of a mail has. Everything else is written down as `reported`, for a person to apply.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from courriel._dataclass import dataclass, replace
from courriel.model.received.report import RecipientReport, Report, ReportKind
from courriel.outbox.reports.tokens import ticket_of, token_in_envid, tokens_in_addresses
from courriel.outbox.store.reports import FoundBy, HistoryEntry, NewReport
from courriel.outbox.store.standing import LaterFate
from courriel.outbox.store.suppression import Suppression, compared

if TYPE_CHECKING:
    from courriel.outbox.store.base import Store
    from courriel.outbox.store.facts import MailInfo
    from courriel.wire.parse.letter import Letter

HARD = frozenset(("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"))
"""Statuses that say that there is no such mailbox, and never will be: no other one suppresses an address.

Not 5.7.x, where a mistake in a DNS record of ours would empty a list; not a full mailbox, a size, a content.
"""

TOLD: tuple[Literal["returned", "complained", "reported"], ...] = ("returned", "complained", "reported")
"""Events of reports that listeners are called for."""

_CHANGES: dict[str, Literal["returned", "complained"]] = {"returned": "returned", "complained": "complained"}
_LONGEST = 500  # characters of a text that is stored
_RETURN_FIELDS = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
_RETURN_PATH = "return-path"
_MOST_RECIPIENTS = 1000  # of one report


@dataclass(frozen=True, slots=True)
class FoundMail:
    """Mail that a report is about, how it was found, and whether a signed token proves it."""

    info: MailInfo
    by: FoundBy
    proven: bool


def find_mail_of(store: Store, report: Report, letter: Letter) -> FoundMail | None:
    """The mail that a report is about; None for one of another sender, one that was pruned, and a forged one."""
    for ident, by in _signed(store.token_key(), report, letter):
        info = store.find(id=ident)
        if info is not None:
            return FoundMail(info, by, proven=True)
    return _by_message_id(store, report)


def notes_of(found: FoundMail, report: Report, letter: Letter) -> list[NewReport]:
    """Statements of a report about each recipient, to be written down, with the fates that they change."""
    if not report.recipients or report.kind in (ReportKind.AUTO_REPLY, ReportKind.CHALLENGE):
        said = [RecipientReport("")]
    else:
        said = list(report.recipients[:_MOST_RECIPIENTS])
    origin, names = _origin(letter), _names_of(found.info)
    return [_note(found, report, one, origin, names) for one in said]


def by_person(info: MailInfo, entry: HistoryEntry, recipient: str) -> NewReport:
    """A report that a person applies to a recipient: the fate changes as if it had been proven."""
    event: Literal["returned", "complained"] = "returned" if entry.action or entry.status else "complained"
    digest = _digest("person", recipient, entry.digest)
    applied = replace(entry, at=time.time(), event=event, recipient=recipient, found_by="person", digest=digest)
    fate = LaterFate(event, entry.status, entry.text, 0.0)
    return NewReport(info.id, applied, fate, _suppression(info, recipient, fate), told=False)


# The steps.


def _signed(key: str, report: Report, letter: Letter) -> Iterator[tuple[str, FoundBy]]:
    """Ids of mails whose tokens the report carries; those with a wrong signature are passed over."""
    if ident := ticket_of(key, token_in_envid(report.envid)):
        yield ident, "envid"
    fields = [value for name, value in letter.headers if name.lower() in _RETURN_FIELDS]
    # A complaint has the mail itself, with the return address that the receiving server has written there.
    fields += [value for name, value in report.original_headers if name.lower() == _RETURN_PATH]
    for token in tokens_in_addresses(fields):
        if ident := ticket_of(key, token.lower()):
            yield ident, "verp"


def _by_message_id(store: Store, report: Report) -> FoundMail | None:
    if not report.message_id:
        return None
    bare = report.message_id.strip().removeprefix("<").removesuffix(">")
    ids = [*store.mails_of_message(f"<{bare}>"), *store.mails_of_message(bare)]
    infos = [info for ident in ids if (info := store.find(id=ident)) is not None]
    chosen = infos if len(infos) == 1 else _naming(infos, report)
    return FoundMail(chosen[0], "message-id", proven=False) if len(chosen) == 1 else None


def _naming(infos: Sequence[MailInfo], report: Report) -> list[MailInfo]:
    """Mails of a list that were sent to an address which the report names."""
    wanted = {compared(each) for one in report.recipients for each in (one.original_recipient, one.recipient) if each}
    return [info for info in infos if not wanted.isdisjoint(_names_of(info))]


def _names_of(info: MailInfo) -> dict[str, str]:
    """Recipients of a mail by their addresses as they are compared: worked out once, however many a report names."""
    return {compared(name): name for name in reversed(info.recipients)}


def _note(found: FoundMail, report: Report, one: RecipientReport, origin: str, names: Mapping[str, str]) -> NewReport:
    info = found.info
    alone = info.recipients[0] if len(info.recipients) == 1 else ""
    recipient = _recipient_in(names, one) or alone
    sure = found.proven and bool(alone) and report.certain
    event = _event_of(report, one, changes=sure)
    text = _shown(one.diagnostic or report.feedback_type)
    source = _shown(one.remote_mta or report.reporting_mta)
    status = one.status[:20]
    digest = _digest(origin, one.recipient, one.original_recipient, one.action, status, text, found.by, str(sure))
    entry = HistoryEntry(
        time.time(),
        event,
        recipient or _shown(one.recipient),
        one.action[:20],
        status,
        text,
        source,
        found.by,
        found.proven,
        digest,
    )
    fate = suppression = None
    if sure and event in _CHANGES:
        fate = LaterFate(_CHANGES[event], status, text, 0.0)
        if fate.fate == "complained" or compared(one.recipient) in names:
            # Behind an alias another mailbox may be the one that is gone, and the others read on.
            suppression = _suppression(info, recipient, fate)
    return NewReport(info.id, entry, fate, suppression, told=event not in TOLD)


def _event_of(report: Report, one: RecipientReport, *, changes: bool) -> str:
    """Event of what a report says of one recipient; a fate that it may not change makes it "reported"."""
    if report.kind is ReportKind.COMPLAINT:
        return "complained" if changes else "reported"
    if report.kind is ReportKind.DELIVERY:
        if one.action == "failed":
            return "returned" if changes else "reported"
        return one.action if one.action in ("delayed", "delivered", "relayed", "expanded") else "reported"
    return str(report.kind.value)


def _suppression(info: MailInfo, recipient: str, fate: LaterFate) -> Suppression | None:
    """Entry of the suppression list that follows from a fate; None where nothing says that there is no mailbox."""
    if fate.fate == "complained":
        return Suppression(recipient, "complaint", note=fate.text[:100], ticket=info.id)
    if fate.status in HARD:
        return Suppression(recipient, "bounce", note=f"{fate.status} {fate.text}".strip()[:200], ticket=info.id)
    return None


def _recipient_in(names: Mapping[str, str], one: RecipientReport) -> str:
    """The recipient of the mail that a report names, however it is written; "" for another address."""
    said = (compared(address) for address in (one.original_recipient, one.recipient) if address)
    return next((names[address] for address in said if address in names), "")


def _origin(letter: Letter) -> str:
    """Identity of a report: the Message-ID of its letter, or its octets where it has none."""
    known: str = letter.message_id
    return known or hashlib.sha256(letter.raw).hexdigest()


def _digest(*said: str) -> str:
    return hashlib.sha256("\0".join(said).encode("utf-8", "replace")).hexdigest()[:32]


def _shown(text: str) -> str:
    """A text of a stranger as it is stored: one line, no control characters, of limited length."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * _LONGEST])
    return " ".join(plain.split())[:_LONGEST].encode("utf-8", "replace").decode()
