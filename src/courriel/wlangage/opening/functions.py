"""Opening and closing sessions: EmailOuvreSessionSMTP, …POP3, …IMAP, EmailOuvreSession, EmailFermeSession."""

from __future__ import annotations

from typing import Literal

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.opening.connecting import connect
from courriel.wlangage.opening.request import (
    Request,
    read_arguments,
    read_reading_arguments,
    read_two_servers,
    read_variable,
)
from courriel.wlangage.opening.session_variable import SessionVariable
from courriel.wlangage.problem import ErreurWLangage, Impossible
from courriel.wlangage.program_state import Half, program_state


@email_call(False)
def EmailOuvreSessionSMTP(*arguments: object, **named: object) -> bool:
    """Open a session for sending, named after its user; Vrai when it is open.

        EmailOuvreSessionSMTP(NomUtilisateur [, MotDePasse], AdresseServeurSMTP [, NuméroPortSMTP = 25
                              [, ModeAsynchrone = emailSynchrone [, Option = emailOptionDéfaut]]])

    With a password it logs in by the strongest mechanism the server offers. A refused login makes opening fail; on a
    server that offers no login the session is opened without one, and ErreurInfo has a warning.
    `emailOptionSécuriséTLS` is STARTTLS, `OptionSSL` TLS from the first byte: certificate and host name are verified,
    and there is no fallback to plain text. An open session for sending of the same name is closed first; one for
    reading stays. Raises ErreurWLangage for invalid arguments.
    """
    name, request = read_arguments(arguments, named)
    _close_all(program_state.take(name, reading=False))
    program_state.keep(connect(request), name)
    return True


@email_call(False)
def EmailOuvreSessionPOP3(*arguments: object, **named: object) -> bool:
    """Open a session for reading by POP3, named after its user; Vrai when it is open.

        EmailOuvreSessionPOP3(NomUtilisateur, MotDePasse, AdresseServeurPOP3 [, NuméroPortPOP3 = 110
                              [, Option = emailOptionDéfaut]])

    The options are those of EmailOuvreSessionSMTP; the port for OptionSSL is 995. An open session for reading of the
    same name is closed first; one for sending stays, and the name then stands for both.
    """
    return _open_for_reading("POP3", arguments, named)


@email_call(False)
def EmailOuvreSessionIMAP(*arguments: object, **named: object) -> bool:
    """Open a session for reading by IMAP; see EmailOuvreSessionPOP3.

        EmailOuvreSessionIMAP(NomUtilisateur, MotDePasse, AdresseServeurIMAP [, NuméroPortIMAP = 143
                              [, Option = emailOptionDéfaut]])

    The port for OptionSSL is 993. The folder is INBOX.
    """
    return _open_for_reading("IMAP", arguments, named)


@email_call(False)
def EmailOuvreSession(Session: object = None, *more: object, **named: object) -> bool:
    """Open the session of a variable, or two sessions under one name; Vrai when all are open.

        EmailOuvreSession(Variable)
        EmailOuvreSession(NomUtilisateur, MotDePasse, AdresseServeurPOP3 [, AdresseServeurSMTP
                          [, NuméroPortPOP3 = 110 [, NuméroPortSMTP = 25 [, ModeAsynchrone = emailSynchrone]]]])

    The second form reads by POP3, with the password, and sends by SMTP, always without login. Without an SMTP server
    the POP3 server is used for both. When one of the two cannot be opened, neither is.
    """
    if isinstance(Session, SessionVariable):
        if more or named:
            raise ErreurWLangage(
                "EmailOuvreSession : une variable de session ne prend aucun autre argument",
                "EmailStartSession: a session variable takes no other argument",
            )
        request = read_variable(Session)
        _leave(Session)
        half = connect(request)
        program_state.keep(half)
        Session.hold(half)
        return True
    name, reading, sending = read_two_servers(() if Session is None else (Session, *more), named)
    _close_all(program_state.take(name))
    _open_both(name, reading, sending)
    return True


@email_call(None, keeps=True)
def EmailFermeSession(Session: object) -> None:
    """Close a session, by its name (for sending and reading) or its variable.

    In POP3 this makes deletions final; ErreurDétectée is set when the server could not carry them out. A name that is
    not open sets ErreurDétectée, and raises no exception. Otherwise ErreurInfo still tells of the call before.
    """
    if isinstance(Session, SessionVariable):
        if not _leave(Session):
            raise Impossible("Cette session n'était pas ouverte.", "This session was not open.")
        return
    if not isinstance(Session, str):
        raise ErreurWLangage(
            "une session est un nom, ou une variable emailSessionSMTP, emailSessionPOP3 ou emailSessionIMAP",
            "a session is a name, or a variable emailSMTPSession, emailPOP3Session or emailIMAPSession",
        )
    halves = program_state.take(Session)
    if not halves:
        raise Impossible(
            f"Aucune session n'était ouverte sous le nom « {Session} ».",
            f'No session was open under the name "{Session}".',
        )
    _close_all(halves)


# The steps.


def _open_for_reading(
    protocol: Literal["POP3", "IMAP"], arguments: tuple[object, ...], named: dict[str, object]
) -> bool:
    name, request = read_reading_arguments(protocol, arguments, named)
    _close_all(program_state.take(name, sending=False))
    program_state.keep(connect(request), name)
    return True


def _open_both(name: str, reading: Request, sending: Request) -> None:
    """Open both sessions, or none."""
    mailbox = connect(reading)
    try:
        session = connect(sending)
    except BaseException:
        mailbox.close()
        raise
    program_state.keep(mailbox, name)
    program_state.keep(session, name)


def _leave(variable: SessionVariable) -> bool:
    session = variable.session
    if session is None:
        return False
    variable.hold(None)
    session.close()
    return True


def _close_all(halves: list[Half]) -> None:
    """Close both sessions of a variable, even when closing one raises."""
    if halves:
        try:
            halves[0].close()
        finally:
            _close_all(halves[1:])
