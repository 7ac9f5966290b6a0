"""Status of mails sent asynchronously: EmailEtat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel import errors
from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible, Problem
from courriel.wlangage.program_state import here
from courriel.wlangage.spool import key_of, spool
from courriel.wlangage.structures.constants import Status

if TYPE_CHECKING:
    from courriel.types import MailInfo


@email_call(Status.ERREUR)
def EmailEtat(IdentifiantMail: object) -> Status:
    """Status of a mail sent asynchronously, by the Email.IdentifiantMail that sending has set.

    emailEnCours: waiting or being sent. emailEnvoyé: the server accepted it for every recipient. emailErreur: given up,
    or held for a decision, ErreurInfo says why. Raises ErreurWLangage for an unknown number.
    """
    info = _mail_of(IdentifiantMail)
    if info.state.name == "SENT":
        return Status.ENVOYÉ
    if info.state.name in ("READY", "LEASED", "IN_FLIGHT"):
        return Status.EN_COURS
    here().problem = Problem.of(_error_of(info))
    return Status.ERREUR


# The steps.


def _mail_of(number: object) -> MailInfo:
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        try:
            return spool.outbox.get(key=key_of(number)).info
        except errors.TicketNotFound:
            pass
    raise ErreurWLangage(
        f"aucun message n'a l'identifiant {number!r:.60} : donnez Email.IdentifiantMail, après un envoi asynchrone",
        f"no message has the identifier {number!r:.60}: give Email.MailIdentifier, after sending asynchronously",
    )


def _error_of(info: MailInfo) -> errors.CourrielError:
    """Why a mail was given up or is held; whoever is unsure whether it has left says so, whatever came afterwards."""
    if not info.unsure:
        return _last_word(info)
    if info.state.name == "HELD":
        return Impossible(
            "Ce message est peut-être parti, nul ne le sait ; il est retenu (courriel outbox release ou cancel).",
            "This message may have left, nobody knows; it is held (courriel outbox release or cancel).",
        )
    return Impossible(
        "Ce message est peut-être parti : un essai est resté sans réponse. Cherchez Email.ID chez le destinataire "
        f"avant de renvoyer.{_refused_last(info, ' Ensuite le serveur a refusé : ')}",
        "This message may have left: one try got no answer. Look for Email.ID with the recipient before sending "
        f"again.{_refused_last(info, ' Afterwards the server refused: ')}",
        hint_id="UNCERTAIN-RESULT",
    )


def _refused_last(info: MailInfo, before: str) -> str:
    who = ", ".join(f"{name} ({reply})" for name, reply in (info.refused or {}).items())
    return f"{before}{who}." if who else ""


def _last_word(info: MailInfo) -> errors.CourrielError:
    if info.state.name == "CANCELED":
        return Impossible("Ce message a été annulé.", "This message was canceled.")
    refused = info.refused
    if refused:
        name, reply = next(iter(refused.items()))
        return errors.RecipientsRefused(reply, stage="recipient", refused=refused, about=f"recipient {name}")
    if info.state.name == "HELD":
        return Impossible(f"Ce message est retenu : {info.why or 'à la demande'}.",
                          f"This message is held: {info.why or 'by request'}.")  # fmt: skip
    if info.why == "expired":
        return Impossible("Ce message n'est plus essayé : son délai est passé.",
                          "This message is not tried any more: its time is over.")  # fmt: skip
    return Impossible(f"Ce message n'a pas pu partir : {info.why}.", f"This message could not leave: {info.why}.")
