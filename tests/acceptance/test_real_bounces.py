"""A mail of the outbox that a real Postfix accepts and returns: the bounce lies in Dovecot, and changes its fate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import (
    AsyncImapSession,
    AsyncOutbox,
    ImapSession,
    Message,
    Outbox,
    Password,
    PopSession,
    Security,
    Server,
    SmtpPool,
    State,
    Trust,
    errors,
)
from courriel.types import Standing
from servers.accounts import ADA
from servers.dovecot import Dovecot
from servers.postfix import RETURNING, Postfix

pytestmark = pytest.mark.acceptance

GONE = f"gone@{RETURNING}"
LOGIN = Password(ADA.user, ADA.password)


@pytest.fixture
def outbox(postfix: Postfix, tmp_path: Path) -> Iterator[Outbox]:
    trust = Trust.file(str(postfix.ca_file))
    server = Server(postfix.host, postfix.submission_port, Security.STARTTLS, trust=trust)
    with SmtpPool(server, LOGIN) as pool, Outbox(tmp_path / "outbox.db", ways={"postfix": pool}) as outbox:
        yield outbox


def mailbox(dovecot: Dovecot) -> Server:
    return Server(dovecot.host, dovecot.imaps_port, Security.TLS, trust=Trust.file(str(dovecot.authority.ca_file)))


def mail(*to: str) -> Message:
    return Message(sender=ADA.user, to=to or GONE, subject="Invoice 42", text="Hello.")


@pytest.mark.parametrize("verp", ["", ADA.user])
def test_what_postfix_returns_becomes_returned(outbox: Outbox, postfix: Postfix, dovecot: Dovecot, verp: str) -> None:
    ticket = outbox.put(mail(), via="postfix", verp=verp)
    outbox.run_once()
    assert ticket.status is State.SENT
    assert ticket.info.standings == {GONE: Standing.ACCEPTED}
    postfix.letters(ADA.user, containing=b"Undelivered")

    with ImapSession(mailbox(dovecot), LOGIN) as box:
        (taken,) = outbox.watch_bounces(box, once=True)

    assert taken.ticket == ticket.id
    assert ticket.info.standings == {GONE: Standing.RETURNED}
    fate = ticket.info.later[GONE]
    assert fate.permanent
    assert fate.status == "5.1.1"
    last = ticket.history[-1]
    assert (last.event, last.found_by, last.proven, last.source) == ("returned", "envid", True, taken.entries[0].source)
    assert [(entry.address, entry.reason) for entry in outbox.suppressions] == [(GONE, "bounce")]
    with pytest.raises(errors.SuppressedRecipients):
        outbox.put(mail(), via="postfix")


def test_the_return_address_alone_proves_it_too(outbox: Outbox, postfix: Postfix, dovecot: Dovecot) -> None:
    ticket = outbox.put(mail(), via="postfix", verp=ADA.user, envid="order-42")
    outbox.run_once()
    postfix.letters(ADA.user, containing=b"Undelivered")

    with PopSession(
        Server(dovecot.host, dovecot.pop_port, Security.STARTTLS, trust=Trust.file(str(dovecot.authority.ca_file))),
        LOGIN,
    ) as box:
        (taken,) = outbox.watch_bounces(box, once=True)

    assert taken.ticket == ticket.id
    assert ticket.history[-1].found_by == "verp"
    assert ticket.info.standings == {GONE: Standing.RETURNED}


def test_one_of_two_that_comes_back_is_reported_and_applied_by_hand(
    outbox: Outbox, postfix: Postfix, dovecot: Dovecot
) -> None:
    ticket = outbox.put(mail(GONE, ADA.user), via="postfix")
    outbox.run_once()
    postfix.letters(ADA.user, containing=b"Undelivered")

    with ImapSession(mailbox(dovecot), LOGIN) as box:
        (taken,) = outbox.watch_bounces(box, once=True)

    assert [(entry.event, entry.recipient) for entry in taken.entries] == [("reported", GONE)]
    assert set(ticket.info.standings.values()) == {Standing.ACCEPTED}
    assert ticket.apply_report(GONE)
    assert ticket.info.standings == {GONE: Standing.RETURNED, ADA.user: Standing.ACCEPTED}


def test_the_awaited_watch_sees_a_bounce_come(outbox: Outbox, dovecot: Dovecot, tmp_path: Path) -> None:
    ticket = outbox.put(mail(), via="postfix")

    assert asyncio.run(_awaited(outbox, dovecot, tmp_path / "outbox.db")) == ticket.id

    assert ticket.info.standings == {GONE: Standing.RETURNED}


async def _awaited(outbox: Outbox, dovecot: Dovecot, place: Path) -> str:
    async with AsyncOutbox(place, elsewhere=True) as watching, AsyncImapSession(mailbox(dovecot), LOGIN) as box:
        sending = asyncio.create_task(asyncio.to_thread(outbox.run_once))
        async for taken in watching.watch_bounces(box, poll=5.0):
            await sending
            return taken.ticket
    return ""
