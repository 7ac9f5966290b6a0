"""A watch of a mailbox for bounces: by IMAP and POP3, blocking and awaited, going on where the last one ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import courriel
from courriel import AsyncOutbox, Message, Outbox, Sandbox, State, Ticket, errors
from courriel.types import Standing
from outbox.reports import bounce

BOB = "bob@example.org"
WATCHED = ["imap", "pop3"]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox.db")


def sent(outbox: Outbox, sandbox: Sandbox) -> tuple[Ticket, str]:
    ticket = outbox.put(Message(sender="ada@example.org", to=BOB, subject="News", text="Hello."), via=sandbox.url)
    outbox.run_once()
    assert ticket.status is State.SENT
    said = [line.text for line in sandbox.letters[-1].said.lines() if line.text.startswith("MAIL FROM")]
    return ticket, said[-1].partition(" ENVID=")[2]


def arrives(sandbox: Sandbox, raw: bytes) -> None:
    """A letter comes into the mailbox of Ada."""
    courriel.send(Message.parse(raw), via=sandbox.url, sender="mailer-daemon@mx.example.org", to=["ada@example.org"])


def mailbox_url(sandbox: Sandbox, kind: str, user: str = "ada%40example.org") -> str:
    url = sandbox.imap_url if kind == "imap" else sandbox.pop_url
    return url.replace("://", f"://{user}:x@")


@pytest.mark.slow
@pytest.mark.parametrize("kind", WATCHED)
def test_a_watch_takes_what_is_there_and_goes_on_where_it_ended(outbox: Outbox, kind: str) -> None:
    with Sandbox() as sandbox:
        ticket, envid = sent(outbox, sandbox)
        arrives(sandbox, b"From: bob@example.org\r\nSubject: Hello\r\n\r\nHello.\r\n")
        arrives(sandbox, bounce(envid=envid))

        with courriel.mailbox(mailbox_url(sandbox, kind)) as box:
            first = list(outbox.watch_bounces(box, once=True))
            again = list(outbox.watch_bounces(box, once=True))
        arrives(sandbox, bounce(envid=envid, action="delayed", status="4.4.1", number=2))
        with courriel.mailbox(mailbox_url(sandbox, kind)) as box:
            later = list(outbox.watch_bounces(box, once=True))
        letters = len(sandbox.letters)

    assert [(taken.ticket, taken.new, taken.entries[0].event) for taken in first] == [(ticket.id, True, "returned")]
    assert first[0].uid
    assert again == []
    assert [taken.entries[0].event for taken in later] == ["delayed"]
    assert ticket.info.standings == {BOB: Standing.RETURNED}
    assert letters == 4, "nothing is deleted"
    outbox.close()


@pytest.mark.slow
def test_another_user_of_the_same_server_has_a_mark_of_its_own(outbox: Outbox) -> None:
    with Sandbox() as sandbox:
        _, envid = sent(outbox, sandbox)
        arrives(sandbox, bounce(envid=envid))
        found = []
        for user in ("ada%40example.org", "bob%40example.org"):
            with courriel.mailbox(mailbox_url(sandbox, "imap", user)) as box:
                found.append(len(list(outbox.watch_bounces(box, once=True))))

    assert found[0] == 1
    outbox.close()


@pytest.mark.slow
def test_reports_are_flagged_and_moved_on_request(outbox: Outbox) -> None:
    with Sandbox() as sandbox:
        _, envid = sent(outbox, sandbox)
        arrives(sandbox, bounce(envid=envid))
        arrives(sandbox, b"From: bob@example.org\r\nSubject: Hello\r\n\r\nHello.\r\n")

        with courriel.mailbox(mailbox_url(sandbox, "imap")) as box:
            assert isinstance(box, courriel.ImapSession)
            box.create("Bounces")
            taken = list(outbox.watch_bounces(box, once=True, flag="$Bounce", move_to="Bounces"))
            left = [letter.subject for letter in box.search()]
            box.select("Bounces")
            moved = [(letter.subject, "$Bounce" in letter.flags) for letter in box.search()]

    assert len(taken) == 1
    assert left == ["Hello"]
    assert moved == [("Undelivered Mail Returned to Sender", True)]
    outbox.close()


def test_pop3_neither_flags_nor_moves(outbox: Outbox) -> None:
    with Sandbox() as sandbox, courriel.mailbox(mailbox_url(sandbox, "pop3")) as box:
        for wrong in ({"move_to": "Bounces"}, {"flag": "$Bounce"}, {"folder": "Junk"}):
            with pytest.raises(errors.UsageError, match="POP3"):
                outbox.watch_bounces(box, once=True, **wrong)  # type: ignore[arg-type]
    for what in ("imaps://ada@imap.example.org", None, outbox):
        with pytest.raises(errors.UsageError, match="mailbox"):
            outbox.watch_bounces(what)  # type: ignore[arg-type]
    outbox.close()


@pytest.mark.slow
def test_a_watch_waits_for_the_next_report(outbox: Outbox) -> None:
    with Sandbox() as sandbox, courriel.mailbox(mailbox_url(sandbox, "imap")) as box:
        ticket, envid = sent(outbox, sandbox)
        arrives(sandbox, bounce(envid=envid, action="delayed", status="4.4.1"))
        events = []

        with outbox.watch_bounces(box) as watch:
            for taken in watch:
                events.append(taken.entries[0].event)
                if len(events) == 2:
                    break
                arrives(sandbox, bounce(envid=envid, number=2))

    assert events == ["delayed", "returned"]
    assert ticket.info.standings == {BOB: Standing.RETURNED}
    outbox.close()


@pytest.mark.slow
def test_a_lost_connection_is_opened_again(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.outbox.bounces.watching.SOONEST", 0.01)
    with Sandbox() as sandbox, courriel.mailbox(mailbox_url(sandbox, "imap")) as box:
        _, envid = sent(outbox, sandbox)
        arrives(sandbox, bounce(envid=envid))
        seen = 0

        for _taken in outbox.watch_bounces(box):
            seen += 1
            if seen == 2:
                break
            box.hang_up()
            arrives(sandbox, bounce(envid=envid, number=2))

    assert seen == 2
    outbox.close()


@pytest.mark.slow
def test_a_watch_that_died_before_its_mark_takes_the_same_again_for_nothing(outbox: Outbox) -> None:
    with Sandbox() as sandbox:
        ticket, envid = sent(outbox, sandbox)
        arrives(sandbox, bounce(envid=envid))

        with courriel.mailbox(mailbox_url(sandbox, "imap")) as box:
            next(iter(outbox.watch_bounces(box, once=True)))  # and the program ends here
        with courriel.mailbox(mailbox_url(sandbox, "imap")) as box:
            again = list(outbox.watch_bounces(box, once=True))

    assert [taken.new for taken in again] == [False]
    assert len(ticket.history) == 3
    outbox.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", WATCHED)
def test_the_awaited_watch_does_the_same(tmp_path: Path, kind: str) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox, Sandbox() as sandbox:
        ticket, envid = sent(outbox, sandbox)
        arrives(sandbox, b"From: bob@example.org\r\nSubject: Hello\r\n\r\nHello.\r\n")
        arrives(sandbox, bounce(envid=envid))

        events = asyncio.run(_awaited(tmp_path / "outbox.db", sandbox, kind, envid))

        assert events == [["returned"], [], ["delayed"]]
        assert ticket.info.standings == {BOB: Standing.RETURNED}


async def _awaited(place: Path, sandbox: Sandbox, kind: str, envid: str) -> list[list[str]]:
    events = []
    async with AsyncOutbox(place) as outbox:
        for number in range(3):
            async with await courriel.amailbox(mailbox_url(sandbox, kind)) as box:
                watch = outbox.watch_bounces(box, once=True)
                events.append([taken.entries[0].event async for taken in watch])
            if number == 1:
                raw = bounce(envid=envid, action="delayed", status="4.4.1", number=2)
                await asyncio.to_thread(arrives, sandbox, raw)
    return events


@pytest.mark.slow
def test_the_awaited_watch_waits_for_the_next_report(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox, Sandbox() as sandbox:
        _, envid = sent(outbox, sandbox)
        arrives(sandbox, bounce(envid=envid))

        assert asyncio.run(_two(tmp_path / "outbox.db", sandbox, envid)) == ["returned", "delayed"]


async def _two(place: Path, sandbox: Sandbox, envid: str) -> list[str]:
    events: list[str] = []
    async with AsyncOutbox(place) as outbox, await courriel.amailbox(mailbox_url(sandbox, "imap")) as box:
        async for taken in outbox.watch_bounces(box):
            events.append(taken.entries[0].event)
            if len(events) == 2:
                return events
            raw = bounce(envid=envid, action="delayed", status="4.4.1", number=2)
            await asyncio.to_thread(arrives, sandbox, raw)
    return events
