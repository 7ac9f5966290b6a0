"""Recipients of an outbox mail, as text and as JSON: where each of them stands, and the last reply about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel import Reply
from courriel.cli.i18n import Bilingual, say, visible
from courriel.failures import spoken
from courriel.types import Standing

if TYPE_CHECKING:
    from courriel.types import MailInfo

STANDINGS = {
    Standing.WAITING: Bilingual("pas encore envoyé", "not sent yet"),
    Standing.DEFERRED: Bilingual("reporté, sera réessayé", "put off, will be tried again"),
    Standing.IN_DOUBT: Bilingual("peut-être arrivé", "may have arrived"),
    Standing.ACCEPTED: Bilingual("accepté", "accepted"),
    Standing.REFUSED: Bilingual("refusé", "refused"),
    Standing.EXPIRED: Bilingual("expiré", "expired"),
    Standing.CANCELED: Bilingual("annulé", "canceled"),
    Standing.RETURNED: Bilingual("retourné", "returned"),
    Standing.COMPLAINED: Bilingual("plainte", "complained"),
}


def recipient_lines(info: MailInfo) -> list[str]:
    """One line for each recipient: where it stands, and the last reply about it in brackets."""
    return [
        f"  {visible(name)}{say(' : ', ': ')}{_words(info, standing)}{_answer(info, name)}"
        for name, standing in info.standings.items()
    ]


def recipient_objects(info: MailInfo) -> list[dict[str, object]]:
    """Each recipient as an object: `outcome` is the value of its Standing."""
    return [
        {"recipient": name, "outcome": standing.value, "reply": _reply_object(info, name)} | _later_object(info, name)
        for name, standing in info.standings.items()
    ]


# The steps.


def _words(info: MailInfo, standing: Standing) -> str:
    if standing is Standing.WAITING and not info.tries and not info.why:
        return say("pas encore essayé", "not tried yet")
    return str(STANDINGS[standing])


def _reply(info: MailInfo, name: str) -> Reply | None:
    return next((fate.reply for fate in info.fates if fate.recipient == name), None)


def _answer(info: MailInfo, name: str) -> str:
    """The last reply about a recipient in brackets, or our own words where nothing could be sent."""
    if (later := info.later.get(name)) is not None:
        said = later.text if later.status in later.text else f"{later.status} {later.text}".strip()
        return f" ({visible(spoken(said))})" if said else ""
    if name not in info.results:
        return ""
    reply = _reply(info, name)
    own = info.results[name][2] or say("n'a pas pu partir", "could not be sent")
    return f" ({visible(spoken(own if reply is None else str(reply)))})"


def _reply_object(info: MailInfo, name: str) -> dict[str, object] | None:
    reply = _reply(info, name)
    return None if reply is None else {"code": reply.code, "text": str(reply)}


def _later_object(info: MailInfo, name: str) -> dict[str, object]:
    """Later fate of a recipient whose mail a server had accepted; empty for most."""
    later = info.later.get(name)
    if later is None:
        return {}
    return {"later": {"fate": later.fate, "permanent": later.permanent, "status": later.status, "text": later.text}}
