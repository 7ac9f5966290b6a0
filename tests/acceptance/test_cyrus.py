"""A real Cyrus: every mechanism it offers, through IMAP, POP3 and LMTP, in clear, by STARTTLS and by TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from courriel import (
    AsyncImapSession,
    AsyncPopSession,
    AsyncSmtpSession,
    Dialect,
    ImapSession,
    Message,
    Password,
    PopSession,
    Security,
    Server,
    SmtpSession,
    Trust,
    errors,
)
from courriel.session import server_memory
from servers.accounts import ADA, BOB, Account
from servers.cyrus import ADMIN, Cyrus

pytestmark = pytest.mark.acceptance

PLUS = "SCRAM-SHA-256-PLUS"
OURS = ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN")
DOORS = {
    "imap": ("imap_port", Security.NONE, Dialect.IMAP),
    "imap+starttls": ("imap_port", Security.STARTTLS, Dialect.IMAP),
    "imaps": ("imaps_port", Security.TLS, Dialect.IMAP),
    "pop3": ("pop_port", Security.NONE, Dialect.POP3),
    "pop3+starttls": ("pop_port", Security.STARTTLS, Dialect.POP3),
    "pop3s": ("pops_port", Security.TLS, Dialect.POP3),
    "lmtp": ("lmtp_port", Security.NONE, Dialect.LMTP),
    "lmtp+starttls": ("lmtp_port", Security.STARTTLS, Dialect.LMTP),
}
SECURED = [door for door, (_, security, _) in DOORS.items() if security is not Security.NONE]
SESSIONS: dict[Dialect, tuple[Any, Any]] = {
    Dialect.IMAP: (ImapSession, AsyncImapSession),
    Dialect.POP3: (PopSession, AsyncPopSession),
    Dialect.LMTP: (SmtpSession, AsyncSmtpSession),
}
Call = Callable[..., str]


def account_for(door: str) -> Account:
    """Cyrus lets in only its admins to deliver by LMTP."""
    return ADMIN if door.startswith("lmtp") else ADA


@pytest.fixture(params=["blocking", "awaiting"])
def log_in(request: pytest.FixtureRequest, cyrus: Cyrus) -> Call:
    """Open a session at one of the doors, close it again, and say how it logged in."""

    def log_in(door: str, *auth: str, password: str = "") -> str:
        port, security, dialect = DOORS[door]
        trust = Trust.file(cyrus.authority.ca_file)
        server = Server(cyrus.host, getattr(cyrus, port), security, trust=trust, dialect=dialect, auth=auth)
        account = account_for(door)
        credentials = Password(account.user, password or account.password)
        blocking, awaiting = SESSIONS[dialect]
        if request.param == "blocking":
            with blocking(server, credentials) as session:
                return str(session.mechanism)

        async def open_and_close() -> str:
            async with awaiting(server, credentials) as session:
                return str(session.mechanism)

        return asyncio.run(open_and_close())

    return log_in


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mechanism", OURS)
def test_every_mechanism_logs_in_at_every_door(log_in: Call, door: str, mechanism: str) -> None:
    assert log_in(door, mechanism.lower()) == mechanism


@pytest.mark.parametrize("door", DOORS)
def test_whoever_names_no_mechanism_gets_in_by_the_best_that_works(log_in: Call, door: str) -> None:
    """Over TLS it is offered with a binding that Cyrus does not know, and is done without."""
    assert log_in(door) == "SCRAM-SHA-256"
    assert log_in(door) == "SCRAM-SHA-256"


@pytest.mark.parametrize("door", SECURED)
def test_the_binding_alone_lets_nobody_in(log_in: Call, door: str) -> None:
    """Should this fail one day, Cyrus has learnt the binding that we speak: then the page 0025 is out of date."""
    with pytest.raises(errors.AuthenticationRefused) as refused:
        log_in(door, PLUS.lower())

    assert refused.value.tried == (PLUS,)
    assert PLUS in refused.value.offered
    assert refused.value.judged == ()


@pytest.mark.parametrize("door", SECURED)
def test_the_binding_is_tried_once_in_a_process(log_in: Call, door: str, cyrus: Cyrus) -> None:
    log_in(door)
    port, security, dialect = DOORS[door]
    memory = server_memory.of(Server(cyrus.host, getattr(cyrus, port), security, dialect=dialect))

    assert memory.auth == {account_for(door).user: "SCRAM-SHA-256"}


@pytest.mark.parametrize("door", [door for door in DOORS if not door.startswith("lmtp")])
def test_a_wrong_password_is_refused_after_one_more_try(log_in: Call, door: str) -> None:
    with pytest.raises(errors.AuthenticationRefused) as refused:
        log_in(door, password="wrong")

    assert refused.value.judged == ("SCRAM-SHA-256", "CRAM-MD5")
    assert refused.value.tried == ((PLUS,) if door in SECURED else ()) + refused.value.judged
    assert "wrong" not in str(refused.value)


def test_a_message_goes_in_by_lmtp_and_comes_out_by_both(cyrus: Cyrus) -> None:
    trust = Trust.file(cyrus.authority.ca_file)

    def server(door: str) -> Server:
        port, security, dialect = DOORS[door]
        return Server(cyrus.host, getattr(cyrus, port), security, trust=trust, dialect=dialect)

    bob = Password(BOB.user, BOB.password)
    with ImapSession(server("imaps"), bob) as box:
        found = box.search()
        before = len(found)
    message = Message(sender=ADA.user, to=[BOB.user], subject="Les chiffres", text="Bonjour.")

    with SmtpSession(server("lmtp+starttls"), Password(ADMIN.user, ADMIN.password)) as session:
        receipt = session.send(message)

    assert receipt.accepted == (BOB.user,)
    with ImapSession(server("imap+starttls"), bob) as box:
        assert len(box.search()) == before + 1
    with PopSession(server("pop3s"), bob) as drop:
        assert drop[-1].subject == "Les chiffres"


# Compression.


@pytest.mark.parametrize("door", ["imap", "imap+starttls", "imaps"])
def test_sessions_are_compressed(cyrus: Cyrus, door: str) -> None:
    port, security, dialect = DOORS[door]
    trust = Trust.file(cyrus.authority.ca_file)
    server = Server(cyrus.host, getattr(cyrus, port), security, trust=trust, dialect=dialect, compress=True)
    octets = b"Subject: one\r\n\r\n" + b"A line of a letter that is like the others.\r\n" * 20_000

    with ImapSession(server, Password(ADA.user, ADA.password)) as session:
        filed = session.append(octets, "INBOX")

        assert session.compressed
        assert [letter.raw for letter in session.fetch(filed.uid or 0, whole=True)] == [octets]
        session.delete(filed.uid or 0)
        session.expunge()
