"""Courier's mailboxes, read by us: each way to log in that it knows, POP3 and IMAP, both colours, to the byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from courriel import (
    AsyncImapSession,
    AsyncPopSession,
    Dialect,
    ImapSession,
    Password,
    PopSession,
    Security,
    Server,
    errors,
)
from servers.accounts import ADA
from servers.authority import Authority
from servers.courier import Courier
from servers.courier import courier as running_courier

pytestmark = pytest.mark.acceptance

LETTERS = [
    f"From: ada@example.org\nSubject: letter {number}\n\n.a dot\n..two\nété\n{'x' * 70}\n".encode()
    for number in range(20)
]
CREDENTIALS = Password(ADA.user, ADA.password)


@pytest.fixture(scope="module")
def running(authority: Authority) -> Iterator[Courier]:
    with running_courier(authority) as server:
        yield server


@pytest.fixture
def courier(running: Courier) -> Courier:
    running.fill(ADA, LETTERS)
    return running


def read_by_pop3(server: Server) -> list[bytes]:
    with PopSession(server, CREDENTIALS) as box:
        return [letter.raw for letter in box]


def read_by_awaited_pop3(server: Server) -> list[bytes]:
    async def read() -> list[bytes]:
        async with AsyncPopSession(server, CREDENTIALS) as box:
            return [(await letter.load()).raw async for letter in box]

    return asyncio.run(read())


def read_by_imap(server: Server) -> list[bytes]:
    with ImapSession(server, CREDENTIALS) as box:
        return [letter.raw for letter in box.search()]


def read_by_awaited_imap(server: Server) -> list[bytes]:
    async def read() -> list[bytes]:
        async with AsyncImapSession(server, CREDENTIALS) as box:
            return [(await letter.load()).raw async for letter in box.search()]

    return asyncio.run(read())


READERS = [
    (Dialect.POP3, read_by_pop3),
    (Dialect.POP3, read_by_awaited_pop3),
    (Dialect.IMAP, read_by_imap),
    (Dialect.IMAP, read_by_awaited_imap),
]


MECHANISMS = {Dialect.POP3: ("", "plain", "login", "cram-md5", "user"), Dialect.IMAP: ("", "plain", "cram-md5")}
"""Nothing named means: the best that is offered."""


@pytest.mark.parametrize(
    ("dialect", "read", "mechanism"),
    [(dialect, read, mechanism) for dialect, read in READERS for mechanism in MECHANISMS[dialect]],
)
@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS])
def test_letters_are_read_to_the_byte(
    courier: Courier, dialect: Dialect, read: Callable[[Server], list[bytes]], security: Security, mechanism: str
) -> None:
    # Courier's IMAP sends each answer in small pieces and waits for the acknowledgment between them: 0.15 s a letter.
    letters = LETTERS if dialect is Dialect.POP3 else LETTERS[:3]
    courier.fill(ADA, letters)
    server = courier.server(dialect, security, *([mechanism] if mechanism else []))

    read_letters = read(server)

    assert [raw.replace(b"\r\n", b"\n") for raw in read_letters] == letters


@pytest.mark.parametrize(("dialect", "session"), [(Dialect.POP3, PopSession), (Dialect.IMAP, ImapSession)])
def test_a_wrong_password_is_refused_as_such(
    courier: Courier, dialect: Dialect, session: type[PopSession] | type[ImapSession]
) -> None:
    box = session(courier.server(dialect), Password(ADA.user, "wrong"))

    with pytest.raises(errors.AuthenticationRefused) as refused:
        box.open()

    assert not refused.value.retryable


def test_what_is_deleted_by_pop3_is_gone_and_nothing_else(courier: Courier) -> None:
    with PopSession(courier.server(Dialect.POP3), CREDENTIALS) as box:
        box.delete(2, 5)

    assert courier.letters(ADA) == [letter for number, letter in enumerate(LETTERS, 1) if number not in {2, 5}]


def test_what_is_deleted_by_imap_is_gone_and_nothing_else(courier: Courier) -> None:
    with ImapSession(courier.server(Dialect.IMAP), CREDENTIALS) as box:
        found = box.search(subject="letter 7")
        box.delete(found.uids)
        box.expunge(found.uids)

    assert courier.letters(ADA) == [letter for number, letter in enumerate(LETTERS) if number != 7]
