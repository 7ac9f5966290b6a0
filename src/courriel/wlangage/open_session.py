"""Sessions of translated programs: those of `courriel`, opened and sending as the WLangage does.

    try:
        with wl.SmtpSession(Server("smtp.example.org", 587, Security.STARTTLS), Password("ada", "secret")) as session:
            session.send(wl.message(Email, "ada"), on_refused="abandon")
    except wl.NotOpened:
        Erreur(ErreurInfo())

What the page says of EmailOuvreSessionSMTP holds: a server that offers no login is used without one. A program that
wants it stricter takes SmtpSession from `courriel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.errors import CourrielError
from courriel.wlangage.opening.connecting import connect
from courriel.wlangage.opening.request import Request
from courriel.wlangage.problem import ErreurWLangage, Problem
from courriel.wlangage.program_state import OpenSession, here
from courriel.wlangage.sending.message import message_of
from courriel.wlangage.structures.constants import SessionOption

if TYPE_CHECKING:
    from courriel import Message, Password, Server
    from courriel import SmtpSession as Session
    from courriel.wlangage.structures.email import EmailVariable


class NotOpened(Exception):
    """A session could not be opened; ErreurInfo tells why."""


def SmtpSession(server: Server, login: Password | None = None) -> Session:
    """An open `courriel.SmtpSession`, to be closed by `with`; opened as EmailOuvreSessionSMTP opens one.

    Of `server` host, port and security count: the time limit is that of EmailChangeTimeOut, the authorities those of
    emailParamètreMode. Raises NotOpened.
    """
    from courriel import Password, Security

    option = {
        Security.NONE: SessionOption.DÉFAUT,
        Security.STARTTLS: SessionOption.SÉCURISÉ_TLS,
        Security.TLS: SessionOption.SSL,
    }[server.security]
    request = Request("SMTP", server.host, server.port, option, login, isinstance(login, Password))
    here().problem = None
    try:
        opened = connect(request)
    except CourrielError as error:
        failed(error)
        raise NotOpened from None
    if not isinstance(opened, OpenSession) or opened.smtp is None:
        raise TypeError("a session by SMTP was asked for")
    return opened.smtp


def login(user: str, secret: str) -> Password | None:
    """The login of a session; None with an empty password. Raises NotOpened for what no server can be sent."""
    from courriel import Password

    if not secret:
        return None
    try:
        return Password(user, secret)
    except CourrielError as error:
        failed(error)
        raise NotOpened from None


def message(email: EmailVariable, session: str = "") -> Message:
    """The message of the structure `Email`, or of a variable, for `session.send`; its identifier is set in Email.ID.

    `session` is the name of the session: without a sender it is the sender, when it is an address. Raises
    CourrielError, in the words of the WLangage, for what cannot be sent.
    """
    here().problem = None
    made = message_of(email, session)
    email.ID = made.message_id
    return made


def failed(error: CourrielError) -> None:
    """Make an error the last one, for ErreurInfo and Erreur. An error of the program itself is raised again."""
    if isinstance(error, ErreurWLangage):
        raise error
    here().problem = Problem.of(error)
