"""Reports and the history of a mail, as text and as JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from courriel.cli.i18n import Bilingual, say, visible
from courriel.cli.outbox.words import moment
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel.types import HistoryEntry, TakenReport

EVENTS = {
    "put": Bilingual("mis dans la boîte d'envoi", "put into the outbox"),
    "accepted": Bilingual("accepté", "accepted"),
    "refused": Bilingual("refusé", "refused"),
    "returned": Bilingual("retourné", "returned"),
    "complained": Bilingual("plainte", "complaint"),
    "reported": Bilingual("signalé, sans preuve", "reported, not proven"),
    "delayed": Bilingual("retardé", "delayed"),
    "delivered": Bilingual("livré", "delivered"),
    "relayed": Bilingual("relayé", "relayed"),
    "expanded": Bilingual("distribué à une liste", "expanded to a list"),
    "auto-reply": Bilingual("réponse automatique", "automatic reply"),
    "challenge": Bilingual("demande de preuve", "challenge"),
}


def line_of(taken: TakenReport) -> str:
    """A report in one line: mail, what happened, who said so."""
    if not taken.ticket:
        kind = str(EVENTS.get(taken.report.kind.value, Bilingual("rapport", "report")))
        return say(f"{kind} : sur aucun message de cette boîte d'envoi", f"{kind}: about no mail of this outbox")
    known = "" if taken.new else say(" (déjà connu)", " (known before)")
    told = "; ".join(f"{entry.recipient or '?'} {_said(entry)}" for entry in taken.entries)
    return visible(f"{taken.ticket}  {told}{known}") + _hint(taken)


def object_of(taken: TakenReport) -> dict[str, object]:
    """A report as plain values for JSON."""
    return {
        "kind": taken.report.kind.value,
        "ticket": taken.ticket or None,
        "new": taken.new,
        "uid": taken.uid or None,
        "entries": [entry_object(entry) for entry in taken.entries],
    }


def entry_object(entry: HistoryEntry) -> dict[str, object]:
    """One entry of a history as plain values for JSON."""
    return {
        "at": moment(entry.at),
        "event": entry.event,
        "recipient": entry.recipient or None,
        "action": entry.action or None,
        "status": entry.status or None,
        "text": entry.text or None,
        "source": entry.source or None,
        "found_by": entry.found_by or None,
        "proven": entry.proven,
    }


def history_line(entry: HistoryEntry) -> str:
    """One entry of a history: when, who, what."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    who = f"{entry.recipient} " if entry.recipient else ""
    return visible(f"  {at}  {who}{_said(entry)}".rstrip())


# The steps.


def _hint(taken: TakenReport) -> str:
    """The command that applies a report that proved nothing."""
    named = next((entry for entry in taken.entries if entry.event == "reported"), None)
    if named is None:
        return ""
    command = f"courriel bounces --apply {taken.ticket} {named.recipient or say('DESTINATAIRE', 'RECIPIENT')}"
    return say("\n  pour l'appliquer : ", "\n  to apply it: ") + visible(command)


def _said(entry: HistoryEntry) -> str:
    words = str(EVENTS.get(entry.event, entry.event))
    parts = (entry.status if entry.status not in entry.text else "", spoken(entry.text))
    said = " ".join(part for part in parts if part)
    source = say(f", dit {entry.source}", f", says {entry.source}") if entry.found_by and entry.source else ""
    by_hand = say(", appliqué à la main", ", applied by hand") if entry.found_by == "person" else ""
    return f"{words}{source}{by_hand}{f' ({said})' if said else ''}"
