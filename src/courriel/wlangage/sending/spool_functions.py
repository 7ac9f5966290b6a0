"""Status of mails sent asynchronously: EmailEtat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel import errors
from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible, Problem
from courriel.wlangage.program_state import here
from courriel.wlangage.sending.spool import spool
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


def number_of(ident: str) -> int:
    """The outbox id as a WLangage number."""
    return int(ident, 16)


# The steps.


def _mail_of(number: object) -> MailInfo:
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        try:
            return spool.outbox.get(f"{number:032x}").info
        except errors.TicketNotFound:
            pass
    raise ErreurWLangage(
        f"aucun message n'a l'identifiant {number!r:.60} : donnez Email.IdentifiantMail, après un envoi asynchrone",
        f"no message has the identifier {number!r:.60}: give Email.MailIdentifier, after sending asynchronously",
    )


def _error_of(info: MailInfo) -> errors.CourrielError:
    if info.state.name == "CANCELED":
        return Impossible("Ce message a été annulé avant d'être parti.", "This message was canceled before it left.")
    if info.state.name == "HELD" and info.unsure:
        return Impossible(
            "Ce message est peut-être parti, nul ne le sait ; il est retenu (courriel outbox release ou cancel).",
            "This message may have left, nobody knows; it is held (courriel outbox release or cancel).",
        )
    refused = info.refused
    if refused:
        name, reply = next(iter(refused.items()))
        return errors.RecipientsRefused(reply, stage="recipient", refused=refused, about=f"recipient {name}")
    if info.state.name == "HELD":
        return Impossible(f"Ce message est retenu : {info.why or 'à la demande'}.",
                          f"This message is held: {info.why or 'by request'}.")  # fmt: skip
    if info.why == "expired":
        return Impossible("Ce message n'a pas pu partir à temps, et n'est plus essayé.",
                          "This message could not leave in time, and is not tried any more.")  # fmt: skip
    return Impossible(f"Ce message n'a pas pu partir : {info.why}.", f"This message could not leave: {info.why}.")
