"""Opening and closing sessions: EmailOuvreSessionSMTP, EmailOuvreSession, EmailFermeSession."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.errors import AuthenticationRefused, InvalidServer, NotSupported
from courriel.failures import Text
from courriel.wlangage.constants import SessionOption
from courriel.wlangage.desk import OpenSession, desk, here
from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible, Problem, shown
from courriel.wlangage.request import Request, read_arguments, read_variable
from courriel.wlangage.session_variable import emailSessionSMTP

if TYPE_CHECKING:
    from courriel import Server, SmtpSession


@email_call(False)
def EmailOuvreSessionSMTP(*arguments: object, **named: object) -> bool:
    """Open a session for sending, under the name of its user; Vrai when it is open.

        EmailOuvreSessionSMTP(NomUtilisateur [, MotDePasse], AdresseServeurSMTP [, NuméroPortSMTP = 25
                              [, ModeAsynchrone = emailSynchrone [, Option = emailOptionDéfaut]]])

    With a password it logs in by the strongest means the server offers. A server that refuses the login makes opening
    fail; one that offers none is taken without, and ErreurInfo says so. `emailOptionSécuriséTLS` is STARTTLS,
    `OptionSSL` TLS from the first byte: certificate and host name are checked, and nothing ever goes on in clear. A
    live session of the same name is closed first. Raises ErreurWLangage for arguments that fit no form.
    """
    name, request = read_arguments(arguments, named)
    former = desk.take(name)
    if former is not None:
        former.close()
    desk.keep(_open(request), name)
    return True


@email_call(False)
def EmailOuvreSession(Session: object, *more: object, **named: object) -> bool:
    """Open the session that a variable (emailSessionSMTP) describes; Vrai when it is open.

    The form with two servers, for reading and sending under one name, raises ErreurWLangage: there is no reading yet.
    """
    if not isinstance(Session, emailSessionSMTP) or more or named:
        raise ErreurWLangage(
            "EmailOuvreSession prend ici une variable emailSessionSMTP ; la forme qui ouvre POP3 et SMTP à la fois "
            "attend la lecture du courrier, qui n'existe pas encore. Pour envoyer : EmailOuvreSessionSMTP",
            "EmailStartSession takes an emailSMTPSession variable here; the form that opens POP3 and SMTP together "
            "waits for the reading of mail, which does not exist yet. For sending: EmailStartSMTPSession",
        )
    request = read_variable(Session)
    _leave(Session)
    session = _open(request)
    desk.keep(session)
    Session.hold(session)
    return True


@email_call(None)
def EmailFermeSession(Session: object) -> None:
    """Close a session, by its name or its variable. What was sent stays sent.

    A name that is not open sets ErreurDétectée, and raises nothing.
    """
    if isinstance(Session, emailSessionSMTP):
        if not _leave(Session):
            raise Impossible("Cette session n'était pas ouverte.", "This session was not open.")
        return
    if not isinstance(Session, str):
        raise ErreurWLangage(
            "une session est un nom, ou une variable emailSessionSMTP",
            "a session is a name, or an emailSMTPSession variable",
        )
    session = desk.take(Session)
    if session is None:
        raise Impossible(
            f"Aucune session n'était ouverte sous le nom « {Session} ».",
            f'No session was open under the name "{Session}".',
        )
    session.close()


# The steps.

_IN_CLEAR = {"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}
"""The mechanisms that send the secret itself."""


def _leave(variable: emailSessionSMTP) -> bool:
    session = variable.session
    if session is None:
        return False
    variable.hold(None)
    session.close()
    return True


def _open(request: Request) -> OpenSession:
    """Reach the server and log in; what the program's author should know stands in ErreurInfo afterwards."""
    from courriel import SmtpSession

    server = _server(request)
    notices: list[Text] = []
    session = SmtpSession(server, request.credentials)
    try:
        session.open()
        _mind_the_clear_line(server, (session.mechanism,), notices)
    except AuthenticationRefused as refused:
        _mind_the_clear_line(server, refused.tried, notices)
        raise
    except NotSupported as lacking:
        if not (request.may_go_without_login and lacking.hint_id == "AUTH-NOT-OFFERED"):
            raise
        session = _without_login(server, notices)
    if notices:
        here().problem = Problem.notice(*notices)
    return OpenSession(session)


def _server(request: Request) -> Server:
    from courriel import Security, Server

    security = {
        SessionOption.DÉFAUT: Security.NONE,
        SessionOption.SÉCURISÉ_TLS: Security.STARTTLS,
        SessionOption.SSL: Security.TLS,
    }[request.option]
    if not 0 < request.port < 65536:
        raise Impossible(
            f"Le port {request.port} n'existe pas : un port est un nombre de 1 à 65535.",
            f"There is no port {request.port}: a port is a number from 1 to 65535.",
            hint_id="SETTING-MALFORMED",
        )
    try:
        # The page speaks in clear, password included; everywhere else in courriel that has to be asked for.
        return Server(
            request.host,
            request.port,
            security,
            trust=desk.trust,
            timeouts=desk.timeouts,
            allow_clear_credentials=True,
        )
    except InvalidServer as wrong:
        raise Impossible(
            f"« {shown(request.host)} » n'est pas le nom d'un serveur.",
            f'"{shown(request.host)}" is not the name of a server.',
            because=wrong,
        ) from wrong


def _without_login(server: Server, notices: list[Text]) -> SmtpSession:
    """What the page says of a server without a login: a session all the same. Never silently."""
    from courriel import SmtpSession

    session = SmtpSession(server).open()
    notices.append(
        Text(
            f"Attention : le serveur {server} ne propose aucune identification que ce mot de passe permette ; la "
            "session est ouverte sans identification, et le mot de passe n'a pas été envoyé.",
            f"Beware: the server {server} offers no login that this password can serve; the session was opened "
            "without one, and the password was not sent.",
        )
    )
    _warn("The server %s offers no login: the session was opened without one", server, "session_without_login")
    return session


def _mind_the_clear_line(server: Server, mechanisms: tuple[str, ...], notices: list[Text]) -> None:
    """A password that strangers could read is worth a word. SCRAM and CRAM-MD5 do not send it."""
    from courriel import Security

    if server.security is not Security.NONE or server.local or not _IN_CLEAR & {*mechanisms}:
        return
    notices.append(
        Text(
            f"Attention : le mot de passe est parti en clair vers {server} ; emailOptionSécuriséTLS ou OptionSSL le "
            "protègent.",
            f"Beware: the password went to {server} in clear; emailOptionSecuredTLS or optionSSL protect it.",
        )
    )
    _warn("The password went to %s in clear", server, "password_in_clear")


def _warn(sentence: str, server: Server, action: str) -> None:
    import logging

    logging.getLogger("courriel.wlangage").warning(sentence, server, extra={"action": action, "server": str(server)})
