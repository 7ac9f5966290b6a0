"""The same mails to every real server that we can run, in each way that sends: all arrive, each once, untouched.

Twenty mails each; `COURRIEL_TEST_MAILS=500` (make test-long) is past what OpenSMTPD takes in one session.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import email
import email.policy
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from courriel import (
    AsyncSmtpPool,
    AsyncSmtpSession,
    Message,
    Outbox,
    Receipt,
    Security,
    Server,
    SmtpPool,
    SmtpSession,
    State,
    errors,
)
from servers.authority import Authority
from servers.peers import RUNNERS, Peer

pytestmark = pytest.mark.acceptance

MAILS = int(os.environ.get("COURRIEL_TEST_MAILS", "20"))

BODIES = (
    "Hello.\n",
    ".\n..\n.leading dots\n...\n",
    "Les chiffres de l'été : 42 €, ﬁn.\n" * 30,
    "x" * 990 + "\n" + "ends in blanks   \n\ttab\n",
    "RSET\nMAIL FROM:<evil@example.org>\nRCPT TO:<victim@example.org>\nDATA\n.\nQUIT\n",
    "From here on\nFrom there\n" * 400,
)
"""Texts in which some server or some client has once gone wrong."""


def mail(number: int) -> Message:
    return Message(
        sender="cleo@example.org",
        to=("ada@example.org", "bob@example.org")[number % 2],
        subject=f"Number {number}: été" if number % 3 else f"Number {number}",
        text=BODIES[number % len(BODIES)],
    )


@pytest.fixture(scope="module", params=RUNNERS)
def running(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Peer]:
    with RUNNERS[request.param](authority) as peer:
        yield peer


@pytest.fixture
def peer(running: Peer) -> Iterator[Peer]:
    running.empty()
    yield running
    running.empty()


# The ways to send: each takes all mails, and returns what became of each.


def by_a_window(server: Server, mails: list[Message], folder: Path) -> list[object]:
    with SmtpSession(server) as session:
        return list(session.send_many(mails))


def by_an_awaited_window(server: Server, mails: list[Message], folder: Path) -> list[object]:
    async def send() -> list[object]:
        async with AsyncSmtpSession(server) as session:
            return [result async for result in session.send_many(mails)]

    return asyncio.run(send())


def by_a_pool(server: Server, mails: list[Message], folder: Path) -> list[object]:
    with SmtpPool(server, size=3) as pool, concurrent.futures.ThreadPoolExecutor(6) as threads:
        return list(threads.map(pool.send, mails))


def by_an_awaited_pool(server: Server, mails: list[Message], folder: Path) -> list[object]:
    async def send() -> list[object]:
        async with AsyncSmtpPool(server, size=3) as pool:
            return list(await asyncio.gather(*(pool.send(one) for one in mails)))

    return asyncio.run(send())


def by_the_outbox(server: Server, mails: list[Message], folder: Path) -> list[object]:
    with Outbox(folder / "outbox.db") as outbox:
        outbox.use("out", server)
        tickets = outbox.put_many(mails, via="out")
        outbox.run_once()
        return [ticket.status for ticket in tickets]


WAYS = [by_a_window, by_an_awaited_window, by_a_pool, by_an_awaited_pool, by_the_outbox]


@pytest.mark.parametrize("send", WAYS, ids=lambda way: way.__name__)
def test_every_mail_arrives_once_and_untouched(
    peer: Peer, send: Callable[[Server, list[Message], Path], list[object]], tmp_path: Path
) -> None:
    mails = [mail(number) for number in range(MAILS)]

    results = send(peer.server(Security.STARTTLS if peer.offers_tls else Security.NONE), mails, tmp_path)

    assert all(isinstance(result, Receipt) or result is State.SENT for result in results), collections.Counter(
        str(result) for result in results if not isinstance(result, Receipt)
    )
    arrived = [parsed(message) for message in peer.messages(MAILS)]
    assert sorted(arrived) == sorted((str(one.subject), text_of(number)) for number, one in enumerate(mails))


@pytest.mark.parametrize("send", [by_a_window, by_an_awaited_window], ids=lambda way: way.__name__)
def test_a_refused_recipient_in_the_middle_decides_for_no_other(
    peer: Peer, send: Callable[[Server, list[Message], Path], list[object]], tmp_path: Path
) -> None:
    mails = [mail(number) for number in range(9)]
    mails[4] = Message(sender="cleo@example.org", to="somebody@elsewhere.example", subject="x", text="x")

    results = send(peer.server(), mails, tmp_path)

    assert isinstance(results[4], errors.RecipientsRefused), results[4]
    assert all(isinstance(result, Receipt) for number, result in enumerate(results) if number != 4)
    assert len(peer.messages(8)) == 8


def parsed(message: bytes) -> tuple[str, str]:
    """The subject and the text of a message that arrived."""
    read = email.message_from_bytes(message, policy=email.policy.default)
    return str(read["subject"]), str(read.get_content()).replace("\r\n", "\n")


def text_of(number: int) -> str:
    return BODIES[number % len(BODIES)]
