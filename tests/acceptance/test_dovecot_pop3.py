"""Dovecot's mailboxes, read by us: by every way to log in, on every kind of line, to the byte."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import courriel
from courriel import (
    AsyncPopSession,
    Dialect,
    Password,
    PopSession,
    Security,
    Server,
    TokenSource,
    Trust,
    errors,
)
from courriel.model.submission import Submission
from servers.accounts import ACCENTED, ADA, BOB, IDN, ODD, Account
from servers.dovecot import Dovecot, access_token

pytestmark = pytest.mark.acceptance

LINES = [Security.NONE, Security.STARTTLS, Security.TLS]
CONTENT = "From: ada@example.org\nTo: bob@example.org\nSubject: letter {number}\n\n.a dot\n..two\nété\n"


@pytest.fixture
def mailboxes(dovecot: Dovecot) -> Iterator[Dovecot]:
    dovecot.mailboxes.empty()
    for account in (ADA, BOB):
        forget(dovecot, account)
    yield dovecot
    dovecot.mailboxes.empty()


def forget(dovecot: Dovecot, account: Account) -> None:
    """Dovecot may not have seen yet that letters were taken from under it, and count them still."""
    for _ in range(10):
        with (
            suppress(errors.CommandRefused),
            PopSession(there(dovecot), Password(account.user, account.password)) as box,
        ):
            if not box:
                return
            box.delete(*range(1, len(box) + 1))
    raise AssertionError(f"{account.user} has letters that cannot be deleted")


def there(dovecot: Dovecot, security: Security = Security.TLS, *auth: str) -> Server:
    port = dovecot.pops_port if security is Security.TLS else dovecot.pop_port
    trust = Trust.system() if security is Security.NONE else Trust.file(str(dovecot.authority.ca_file))
    return Server("localhost", port, security, trust=trust, dialect=Dialect.POP3, auth=auth)


def deliver(dovecot: Dovecot, account: Account, count: int = 1) -> list[bytes]:
    """Have Dovecot deliver so many letters by LMTP; what lies in the mailbox then, as it goes over a line."""
    from courriel import Envelope, SmtpSession
    from courriel.model.content import Content

    with SmtpSession(Server("127.0.0.1", dovecot.lmtp_port, Security.NONE, dialect=Dialect.LMTP)) as session:
        for number in range(count):
            raw = CONTENT.format(number=number).replace("\n", "\r\n").encode()
            session.submit(Submission(Envelope.of("ada@example.org", account.user), Content((raw,), len(raw))))
    return [letter.raw.replace(b"\n", b"\r\n") for letter in dovecot.mailboxes.letters(account.user)]


def is_same(read: list[bytes], lying: list[bytes]) -> bool:
    return sorted(read) == sorted(lying)


@pytest.mark.parametrize("security", LINES)
def test_letters_are_read_to_the_byte(mailboxes: Dovecot, security: Security) -> None:
    lying = deliver(mailboxes, ADA, 5)

    with PopSession(there(mailboxes, security), Password(ADA.user, ADA.password)) as box:
        assert len(box) == 5
        read = [letter.raw for letter in box.fetch_many()]
        heads = [letter.head for letter in box]

    assert is_same(read, lying)
    assert all(raw.startswith(head) for raw, head in zip(read, heads, strict=True))
    assert all(b"\r\n\r\n.a dot\r\n..two\r\n" in raw for raw in read)


@pytest.mark.parametrize("security", LINES)
@pytest.mark.parametrize("auth", ["", "plain", "login", "cram-md5", "scram-sha-256", "user"])
def test_every_way_to_log_in_works(dovecot: Dovecot, security: Security, auth: str) -> None:
    server = there(dovecot, security, *([auth] if auth else []))

    with PopSession(server, Password(ADA.user, ADA.password)) as box:
        mechanism = box.mechanism

    assert mechanism == (auth.upper() or "SCRAM-SHA-256")


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
def test_a_token_logs_in(dovecot: Dovecot, auth: str) -> None:
    credentials = TokenSource(ADA.user, lambda: access_token(ADA))

    with PopSession(there(dovecot, Security.TLS, auth), credentials) as box:
        mechanism = box.mechanism

    assert mechanism == auth.upper()


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
def test_a_token_that_is_refused_is_asked_for_once_more(dovecot: Dovecot, auth: str) -> None:
    """Hazard H30."""
    tokens = [access_token(ADA, lifetime=-100), access_token(ADA)]

    with PopSession(there(dovecot, Security.TLS, auth), TokenSource(ADA.user, lambda: tokens.pop(0))) as box:
        assert box.usable

    assert tokens == []


@pytest.mark.parametrize("account", [ACCENTED, ODD, IDN], ids=["accents", "odd", "idn"])
@pytest.mark.parametrize("auth", ["plain", "login", "cram-md5", "scram-sha-256", "user"])
def test_names_and_passwords_hold_any_character(dovecot: Dovecot, account: Account, auth: str) -> None:
    """Hazard H28."""
    with PopSession(there(dovecot, Security.TLS, auth), Password(account.user, account.password)) as box:
        assert box.usable


@pytest.mark.parametrize("auth", ["", "plain", "user"])
def test_a_wrong_password_is_told_in_words(dovecot: Dovecot, auth: str) -> None:
    session = PopSession(there(dovecot, Security.TLS, *([auth] if auth else [])), Password(ADA.user, "wrong"))

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.failure is not None
    assert refused.value.failure.id == "POP-LOGIN-REFUSED"
    assert not refused.value.retryable
    assert "wrong" not in str(refused.value)


def test_a_certificate_of_a_stranger_is_not_trusted(dovecot: Dovecot) -> None:
    """Hazard H22."""
    for security in (Security.TLS, Security.STARTTLS):
        server = replace(there(dovecot, security), trust=Trust.bundled())

        with pytest.raises(errors.TlsFailed):
            PopSession(server, Password(ADA.user, ADA.password)).open()


def test_what_is_deleted_is_gone_when_the_session_is_closed(mailboxes: Dovecot) -> None:
    deliver(mailboxes, BOB, 3)

    with PopSession(there(mailboxes), Password(BOB.user, BOB.password)) as box:
        kept = box.uids()[2]
        box.delete(1, 3)
        assert len(mailboxes.mailboxes.letters(BOB.user)) == 3

    with PopSession(there(mailboxes), Password(BOB.user, BOB.password)) as box:
        assert list(box.uids().values()) == [kept]
    assert len(mailboxes.mailboxes.letters(BOB.user)) == 1


def test_a_program_that_fails_deletes_nothing(mailboxes: Dovecot) -> None:
    deliver(mailboxes, BOB)
    session = PopSession(there(mailboxes), Password(BOB.user, BOB.password))

    def fail() -> None:
        with session as box:
            box.delete(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert len(mailboxes.mailboxes.letters(BOB.user)) == 1


def test_hundreds_of_letters_are_read_ahead(mailboxes: Dovecot) -> None:
    lying = deliver(mailboxes, ADA, 250)

    async def read() -> list[bytes]:
        async with AsyncPopSession(there(mailboxes), Password(ADA.user, ADA.password)) as box:
            assert "PIPELINING" in box.capabilities
            return [letter.raw async for letter in box.fetch_many()]

    with PopSession(there(mailboxes), Password(ADA.user, ADA.password)) as box:
        blocking = [letter.raw for letter in box.fetch_many()]
        box.noop()

    assert is_same(blocking, lying)
    assert asyncio.run(read()) == blocking


def test_a_letter_is_saved_to_the_byte(mailboxes: Dovecot, tmp_path: Path) -> None:
    (lying,) = deliver(mailboxes, ADA)

    with PopSession(there(mailboxes), Password(ADA.user, ADA.password)) as box:
        box.save(1, tmp_path / "letter.eml")

    assert (tmp_path / "letter.eml").read_bytes() == lying


def test_a_url_opens_a_mailbox(mailboxes: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(mailboxes, ADA)
    monkeypatch.setenv("MAIL_PASSWORD", ADA.password)
    ca = mailboxes.authority.ca_file

    for scheme, port in (("pops", mailboxes.pops_port), ("pop3+starttls", mailboxes.pop_port)):
        url = f"{scheme}://ada%40example.org@localhost:{port}?ca={ca}&password=env:MAIL_PASSWORD"
        with courriel.mailbox(url) as box:
            assert len(box) == 1
