"""Postfix and Dovecot take sessions of TLS up again, and everything else is as ever."""

from __future__ import annotations

import pytest

import inside
from courriel import (
    AsyncImapSession,
    AsyncSmtpSession,
    ImapSession,
    Message,
    Password,
    Security,
    Server,
    SmtpSession,
    Trust,
)
from servers.accounts import ADA, BOB, CLEO
from servers.dovecot import Dovecot
from servers.postfix import Postfix
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.play import Awaiting, Blocking, Session

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("colour", [Blocking, Awaiting])
@pytest.mark.parametrize(
    ("door", "security"), [("submission_port", Security.STARTTLS), ("submissions_port", Security.TLS)]
)
def test_the_second_session_takes_up_the_first_and_delivers(
    postfix: Postfix, colour: type[Session], door: str, security: Security
) -> None:
    server = Server(postfix.host, getattr(postfix, door), security, trust=Trust.file(postfix.ca_file))
    taken_up = []

    for _ in range(3):
        session = colour(server, Password(ADA.user, ADA.password))
        session.open()
        taken_up.append(was_taken_up(session.session))
        session.send(Message(sender=ADA.user, to=BOB.user, subject="Again", text="Again."))
        session.close()
        session.leave()

    assert len(postfix.letters(BOB.user, 3)) == 3
    assert taken_up[1:] == [True, True]


@pytest.mark.parametrize("colour", [BlockingMailbox, AwaitingMailbox])
@pytest.mark.parametrize(("door", "security"), [("imap_port", Security.STARTTLS), ("imaps_port", Security.TLS)])
def test_the_second_session_of_a_mailbox_takes_up_the_first(
    dovecot: Dovecot, colour: type[Mailbox], door: str, security: Security
) -> None:
    server = Server(dovecot.host, getattr(dovecot, door), security, trust=Trust.file(dovecot.authority.ca_file))
    taken_up = []

    for _ in range(3):
        session = colour(server, Password(CLEO.user, CLEO.password))
        session.open()
        taken_up.append(was_taken_up(getattr(session, "session", session)))
        assert session.select().name == "INBOX"
        session.close()
        session.leave()

    assert taken_up[1:] == [True, True]


def was_taken_up(session: SmtpSession | AsyncSmtpSession | ImapSession | AsyncImapSession) -> bool:
    if isinstance(session, SmtpSession | ImapSession):
        return bool(inside.socket_of(session).session_reused)
    return bool(inside.arrivals_of(session).transport.get_extra_info("ssl_object").session_reused)
