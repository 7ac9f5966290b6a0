"""Sending: EmailEnvoieMessage, EmailEnvoie, EmailConstruitSource, EmailRAZ."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.opening.sessions import sender_half
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.program_state import OpenSession
from courriel.wlangage.sending.message import message_of, recipients_of, sender_of
from courriel.wlangage.sending.sources import build_source, ready_file, send_options, source_of
from courriel.wlangage.spool import SpooledSession
from courriel.wlangage.structures.constants import SendOption
from courriel.wlangage.structures.email import Email, EmailVariable

if TYPE_CHECKING:
    from courriel.types import Sendable


@email_call(False)
def EmailEnvoieMessage(Session: object, *arguments: object) -> bool:
    """Send the structure `Email`, or the given variable; Vrai when the server accepted it for every recipient.

        EmailEnvoieMessage(Session [, Email [, Options]])

    It is sent at once. When one recipient is refused, nothing is sent: the result is Faux, and ErreurInfo names the
    recipient and the reason. When the result is in doubt, ErreurInfo says so. Email.ID is the Message-ID of the mail
    sent. In the asynchronous mode Vrai means that it is in the outbox, on disk: Email.IdentifiantMail is its number for
    EmailEtat.
    """
    session = sender_half(Session)
    email, options = _email_and_options(arguments)
    message = message_of(email, _name_of(Session))
    if options & SendOption.HEADER_BCC:
        email.Source = source_of(email, options)
    # Set before sending: it identifies the mail if the result is in doubt.
    email.ID = message.message_id
    _send(session, email, message)
    return True


@email_call(False)
def EmailEnvoie(Session: object, NomFichier: str | os.PathLike[str]) -> bool:
    """Send a file with a complete mail, unchanged; sender and recipients come from the structure `Email`."""
    session = sender_half(Session)
    to, cc, bcc = recipients_of(Email)
    sender = sender_of(Email, _name_of(Session))
    message = ready_file(NomFichier)
    Email.ID = message.message_id
    _send(session, Email, message, sender=sender, to=(*to, *cc, *bcc))
    return True


def EmailConstruitSource(*arguments: object) -> bool:
    """Write the mail as it would be sent into Email.Source; needs no session.

    EmailConstruitSource([Email [, Options]])
    """
    return build_source(*_email_and_options(arguments))


@email_call(None)
def EmailRAZ() -> None:
    """Empty the structure `Email` of the current thread or task."""
    Email.memory.clear()


# The steps.


def _name_of(session: object) -> str:
    """The name of a session, which is its user's."""
    return session if isinstance(session, str) else str(getattr(session, "Nom", ""))


def _email_and_options(arguments: tuple[object, ...]) -> tuple[EmailVariable, SendOption]:
    """The optional arguments, told apart by their types."""
    match arguments:
        case ():
            return Email, SendOption(0)
        case (EmailVariable() as email,):
            return email, SendOption(0)
        case (int(options),):
            return Email, send_options(options)
        case (EmailVariable() as email, int(options)):
            return email, send_options(options)
        case _:
            pass
    raise ErreurWLangage(
        "attendu : [Email [, Options]], une variable Email puis une constante",
        "expected: [Email [, Options]], an Email variable and then a constant",
    )


def _send(session: OpenSession, email: EmailVariable, message: Sendable, **envelope: object) -> None:
    if isinstance(session, SpooledSession):
        email.IdentifiantMail = session.put(message, **envelope)
        return
    with session.turn:
        session.way.send(message, on_refused="abandon", **envelope)  # type: ignore[arg-type]
