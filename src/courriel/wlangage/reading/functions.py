"""Reading and deleting mails: EmailNbMessage, EmailLitPremier and others, EmailLitMessage, EmailRécupèreTout."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.mailboxes.open_mailbox import OpenMailbox
from courriel.wlangage.opening.sessions import mailbox_of
from courriel.wlangage.problem import ErreurWLangage, Impossible
from courriel.wlangage.reading.received import fill, fill_header, fill_later, fill_outside
from courriel.wlangage.structures.constants import Fetching
from courriel.wlangage.structures.email import Email, EmailVariable
from courriel.wlangage.structures.lists import WList

if TYPE_CHECKING:
    from courriel import Letter


@email_call(0)
def EmailNbMessage(Session: object) -> int:
    """Number of mails; 0 with ErreurDétectée when the server could not be asked.

    In POP3 the number is constant until the session is closed, whatever is deleted; in IMAP it follows changes. Raises
    ErreurWLangage when no session for reading has that name, as every function here.
    """
    mailbox = mailbox_of(Session)
    with mailbox:
        return len(mailbox.keys())


@email_call(False)
def EmailLitPremier(Session: object, *arguments: object) -> bool:
    """Read the oldest mail into the structure `Email`, or into the given variable; Vrai when there is one.

        EmailLitPremier(Session [, Email])

    In an empty mailbox the result is Faux, EnDehors is Vrai, and no error is set: `while not Email.EnDehors` works.
    """
    return move(Session, arguments, OpenMailbox.first, fill)


@email_call(False)
def EmailLitSuivant(Session: object, *arguments: object) -> bool:
    """Read the mail after the current one; see EmailLitPremier."""
    return move(Session, arguments, OpenMailbox.next, fill)


@email_call(False)
def EmailLitPrécédent(Session: object, *arguments: object) -> bool:
    """Read the mail before the current one; see EmailLitPremier."""
    return move(Session, arguments, OpenMailbox.previous, fill)


@email_call(False)
def EmailLitDernier(Session: object, *arguments: object) -> bool:
    """Read the newest mail; see EmailLitPremier."""
    return move(Session, arguments, OpenMailbox.last, fill)


@email_call(False)
def EmailLitPremierEntête(Session: object, *arguments: object) -> bool:
    """Read only the header of the oldest mail, without text and attachments; see EmailLitPremier."""
    return move(Session, arguments, OpenMailbox.first, fill_header)


@email_call(False)
def EmailLitSuivantEntête(Session: object, *arguments: object) -> bool:
    """Read the header of the mail after the current one; see EmailLitPremierEntête."""
    return move(Session, arguments, OpenMailbox.next, fill_header)


@email_call(False)
def EmailLitPrécédentEntête(Session: object, *arguments: object) -> bool:
    """Read the header of the mail before the current one; see EmailLitPremierEntête."""
    return move(Session, arguments, OpenMailbox.previous, fill_header)


@email_call(False)
def EmailLitDernierEntête(Session: object, *arguments: object) -> bool:
    """Read the header of the newest mail; see EmailLitPremierEntête."""
    return move(Session, arguments, OpenMailbox.last, fill_header)


@email_call(False)
def EmailLitMessage(Session: object, *arguments: object) -> bool:
    """Read the mail of this number, from 1 (the oldest) to EmailNbMessage; it becomes the current one.

        EmailLitMessage(Session [, Email], Numéro)

    Faux, with an error, for a number out of range, and for a deleted mail (POP3).
    """
    email, number = _email_and_number(arguments, "EmailLitMessage", "EmailReadMessage")
    mailbox = mailbox_of(Session)
    with mailbox:
        show(mailbox, _key_of(mailbox, number), email, fill)
    return True


@email_call(False)
def EmailLitEntêteMessage(Session: object, *arguments: object) -> bool:
    """Read only the header of the mail of this number; see EmailLitMessage.

    EmailLitEntêteMessage(Session [, Email], Numéro)
    """
    email, number = _email_and_number(arguments, "EmailLitEntêteMessage", "EmailReadMessageHeader")
    mailbox = mailbox_of(Session)
    with mailbox:
        show(mailbox, _key_of(mailbox, number), email, fill_header)
    return True


@email_call(0)
def EmailTailleMessage(Session: object, Numéro: int) -> int:
    """Octets of the mail of this number, as the server tells them, without fetching it; 0 with an error."""
    _, number = _email_and_number((Numéro,), "EmailTailleMessage", "EmailMsgSize")
    mailbox = mailbox_of(Session)
    with mailbox:
        return mailbox.size(_key_of(mailbox, number))


@email_call(None)
def EmailRécupèreTout(Session: object, Option: int = Fetching.ENTÊTE) -> WList[EmailVariable]:
    """Read all mails not deleted, oldest first, into a list of Email variables; None on an error.

        EmailRécupèreTout(Session [, Option = ertEntête])

    `ertEntête` fetches the headers, and the rest of each mail on first access, while the session is open; `ertComplet`
    fetches everything; `ertNonLu` (IMAP) is `ertEntête` for unread mails; `ertAsynchrone` fetches everything on first
    access. With `ertComplet` a mail that is too large has its header, and the reason in `Erreur`; the others are read
    all the same. A mail whose content was fetched is marked as read (IMAP).
    """
    fetching = _fetching(Option)
    mailbox = mailbox_of(Session)
    with mailbox:
        mails = [_variable(letter, fetching) for letter in mailbox.all(fetching)]
    return WList(mails, _as_mail, EmailVariable)


@email_call(False)
def EmailSupprimeMessage(Session: object) -> bool:
    """Delete the current mail, the one read last; EnDehors is Vrai then, and EmailLitSuivant reads the next.

    In POP3 it is removed when the session is closed; in IMAP by EmailDétruit.
    """
    mailbox = mailbox_of(Session)
    with mailbox:
        mailbox.forget()
        for email in (Email, mailbox.shown):
            if email is not None:
                email.EnDehors = True
    return True


@email_call(False)
def EmailDétruit(Session: object) -> bool:
    """Remove deleted mails for good (IMAP); in POP3, where closing the session does it, raises ErreurWLangage."""
    mailbox = mailbox_of(Session)
    with mailbox:
        mailbox.expunge()
    return True


# The steps.

_Fill = Callable[[EmailVariable, "Letter"], None]


def move(session: object, arguments: tuple[object, ...], to: Callable[[OpenMailbox], int | None], into: _Fill) -> bool:
    """Go to another mail, and read it into the structure."""
    match arguments:
        case ():
            email: EmailVariable = Email
        case (EmailVariable() as email,):
            pass
        case _:
            raise ErreurWLangage(
                "attendu : (Session [, Email]), une variable Email", "expected: (Session [, Email]), an Email variable"
            )
    mailbox = mailbox_of(session)
    with mailbox:
        return show(mailbox, to(mailbox), email, into)


def show(mailbox: OpenMailbox, key: int | None, email: EmailVariable, into: _Fill) -> bool:
    """Read that mail into the structure; None sets EnDehors."""
    if key is None:
        mailbox.leave()
        fill_outside(email)
        return False
    into(email, mailbox.go_to(key))
    mailbox.shown = email
    return True


def _email_and_number(arguments: tuple[object, ...], french: str, english: str) -> tuple[EmailVariable, int]:
    """The structure and the number, of which the structure may be left out."""
    match arguments:
        case (int(number),) if not isinstance(number, bool):
            return Email, number
        case (EmailVariable() as email, int(number)) if not isinstance(number, bool):
            return email, number
        case _:
            pass
    raise ErreurWLangage(
        f"attendu : {french}(Session [, Email], Numéro), le numéro étant un entier",
        f"expected: {english}(Session [, Email], Number), the number being an integer",
    )


def _key_of(mailbox: OpenMailbox, number: int) -> int:
    """The key of the mail of a number, from 1. Raises Impossible when there is none."""
    keys = mailbox.keys()
    if not 1 <= number <= len(keys):
        raise Impossible(
            f"Il n'y a pas de message n° {number} : la boîte en contient {len(keys)}.",
            f"There is no mail number {number}: the mailbox holds {len(keys)}.",
        )
    return keys[number - 1]


def _fetching(option: object) -> Fetching:
    if isinstance(option, int) and not isinstance(option, bool) and option in set(Fetching):
        return Fetching(option)
    raise ErreurWLangage(
        f"EmailRécupèreTout prend ertEntête, ertComplet, ertNonLu ou ertAsynchrone, et non {option!r}",
        f"EmailGetAll takes ertHeader, ertFull, ertNotRead or ertAsynchronous, not {option!r}",
    )


def _variable(letter: Letter, fetching: Fetching) -> EmailVariable:
    """One mail of several, with its error, if any, in its property Erreur."""
    email = EmailVariable()
    if fetching is Fetching.ASYNCHRONE:
        fill_later(email, letter)
        return email
    fill_header(email, letter, rest_later=True)
    if fetching is Fetching.COMPLET:
        email.complete("Source")
    return email


def _as_mail(value: object) -> EmailVariable:
    if isinstance(value, EmailVariable):
        return value
    raise ErreurWLangage("une variable Email est attendue", "an Email variable is expected")
