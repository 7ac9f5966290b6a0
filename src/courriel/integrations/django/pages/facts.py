"""Facts of a mail for people: state, recipients, the server's words, cause and remedy, in the language of the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from courriel import failures
from courriel._dataclass import dataclass
from courriel.integrations.django.words import is_french, pair

STANDINGS = {
    "waiting": pair("waiting", "en attente"),
    "deferred": pair("refused for now", "refusé pour l'instant"),
    "in doubt": pair("in doubt", "incertain"),
    "accepted": pair("accepted", "accepté"),
    "refused": pair("refused", "refusé"),
    "expired": pair("expired", "expiré"),
    "canceled": pair("canceled", "annulé"),
    "returned": pair("returned", "retourné"),
    "complained": pair("complained", "plainte"),
}


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """One recipient: where it stands, what the server said, and cause and remedy where it was refused."""

    address: str
    standing: str
    reply: str = ""
    cause: str = ""
    remedy: str = ""


def recipients_of(info: Any) -> Iterator[RecipientRow]:
    """A row for each recipient of a mail."""
    refused = info.refused
    for address, standing in info.standings.items():
        name = str(STANDINGS[standing.value])
        answer = info.results.get(address)
        if answer is None:
            yield RecipientRow(address, name)
            continue
        code, enhanced, text, _ = answer
        reply = " ".join(str(part) for part in (code or "", enhanced, text) if part)
        if address not in refused and code < 400:
            yield RecipientRow(address, name, reply)
            continue
        cause, remedy = _explained(failures.Facts(stage="recipient", code=code or None, enhanced=enhanced, text=text))
        yield RecipientRow(address, name, reply, cause, remedy)


def names_in(mail: Any) -> list[str]:
    """The recipients of a row, those with a reply first; JSON comes as text, or decoded by the driver."""
    results, waiting = (
        json.loads(value) if isinstance(value, str) else value for value in (mail.results, mail.recipients_waiting)
    )
    return list(dict.fromkeys((*results, *waiting)))


def cause_and_remedy(info: Any) -> tuple[str, str]:
    """Cause and remedy of the reason of a mail, where the failure table knows it; two empty texts otherwise."""
    return _explained(failures.read(info.why)) if info.why else ("", "")


def moment(seconds: float) -> datetime:
    """A time of the outbox as Django's templates show times."""
    return datetime.fromtimestamp(seconds, UTC)


# The steps.


def _explained(facts: failures.Facts) -> tuple[str, str]:
    known = failures.find(facts)
    if known is None:
        return "", ""
    cause, remedy = (
        text.in_("fr" if is_french() else "en", host="", port=None, user="", protocol="")
        for text in (known.cause, known.fix)
    )
    return cause, remedy
