"""Lookup of sessions by name or variable."""

from __future__ import annotations

from courriel.wlangage.mailboxes.open_mailbox import OpenMailbox
from courriel.wlangage.opening.session_variable import SessionVariable
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.program_state import OpenSession, program_state


def sender_half(given: object) -> OpenSession:
    """The session for sending of that name or variable. Raises ErreurWLangage when it is not open, or only reads."""
    if isinstance(given, str):
        return program_state.sending(given)
    session = _held(given)
    if isinstance(session, OpenSession):
        return session
    raise ErreurWLangage(
        "cette session ne sait que lire : pour envoyer, une emailSessionSMTP",
        "this session can only read: for sending, an emailSMTPSession",
    )


def mailbox_of(given: object) -> OpenMailbox:
    """The session for reading of that name or variable. Raises ErreurWLangage when it is not open, or only sends."""
    if isinstance(given, str):
        return program_state.reading(given)
    session = _held(given)
    if isinstance(session, OpenMailbox):
        return session
    raise ErreurWLangage(
        "cette session SMTP ne sait qu'envoyer : pour lire, une emailSessionPOP3 ou une emailSessionIMAP",
        "this SMTP session can only send: for reading, an emailPOP3Session or an emailIMAPSession",
    )


# The steps.


def _held(given: object) -> object:
    if not isinstance(given, SessionVariable):
        raise ErreurWLangage(
            "une session est un nom, ou une variable emailSessionSMTP, emailSessionPOP3 ou emailSessionIMAP",
            "a session is a name, or a variable emailSMTPSession, emailPOP3Session or emailIMAPSession",
        )
    if given.session is None:
        raise ErreurWLangage(
            "cette session n'est pas ouverte : appelez OuvreSession, et vérifiez que le résultat est Vrai",
            "this session is not open: call StartSession, and check that the result is True",
        )
    return given.session
