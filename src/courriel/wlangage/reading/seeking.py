"""Search in a mailbox: EmailCherchePremier, EmailChercheSuivant."""

from __future__ import annotations

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.opening.sessions import mailbox_of
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.reading.functions import move, show
from courriel.wlangage.reading.received import fill
from courriel.wlangage.structures.constants import Section
from courriel.wlangage.structures.email import Email, EmailVariable


@email_call(False)
def EmailCherchePremier(Session: object, *arguments: object) -> bool:
    """Read the oldest mail that contains a text, ignoring case; it becomes the current one. Vrai when there is one.

        EmailCherchePremier(Session [, Email], Rubrique, Texte)

    `Rubrique` is emailSujet, emailExpéditeur, emailDestinataire, emailCorps or emailIdentifiant. Without such a mail
    the result is Faux, EnDehors is Vrai, and no error is set. In IMAP the server searches; in POP3 mails are fetched
    one after the other, only their headers unless the body is searched.
    """
    match arguments:
        case (Section() as section, str(text)):
            email: EmailVariable = Email
        case (EmailVariable() as email, Section() as section, str(text)):
            pass
        case _:
            raise ErreurWLangage(
                "attendu : EmailCherchePremier(Session [, Email], Rubrique, Texte), Rubrique étant emailSujet, "
                "emailExpéditeur, emailDestinataire, emailCorps ou emailIdentifiant",
                "expected: EmailSeekFirst(Session [, Email], Section, Text), Section being emailSubject, emailSender, "
                "emailRecipient, emailBody or emailMessageID",
            )
    mailbox = mailbox_of(Session)
    with mailbox:
        mailbox.found = mailbox.search(section, text)
        return show(mailbox, next(mailbox.found, None), email, fill)


@email_call(False)
def EmailChercheSuivant(Session: object, *arguments: object) -> bool:
    """Read the next result of the last EmailCherchePremier of this session; see there."""
    return move(Session, arguments, lambda mailbox: next(mailbox.found, None), fill)
