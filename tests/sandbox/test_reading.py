"""POP3 of the practice server: a mailbox for each recipient, one session at a time."""

from __future__ import annotations

import asyncio
import poplib
import socket
from collections.abc import Iterator

import pytest

import courriel
import inside
from courriel import AsyncPopSession, Message, Password, PopSession, Sandbox, Security, errors


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def send(sandbox: Sandbox, *to: str, subject: str = "Hello") -> bytes:
    courriel.send(Message(sender="ada@example.org", to=list(to), subject=subject, text=".dot\nlast"), via=sandbox.url)
    return sandbox.letters[-1].content


def reader(sandbox: Sandbox, user: str, secret: str = "any") -> PopSession:
    return PopSession(sandbox.pop_server(), Password(user, secret))


def test_what_was_sent_is_what_is_read(sandbox: Sandbox) -> None:
    content = send(sandbox, "bob@example.org")

    with reader(sandbox, "bob@example.org") as box:
        (letter,) = box
        raw, head, subject = letter.raw, letter.head, letter.subject

    assert raw == content
    assert content.startswith(head)
    assert subject == "Hello"


def test_each_recipient_has_a_mailbox_of_his_own(sandbox: Sandbox) -> None:
    send(sandbox, "bob@example.org", "cleo@example.com")
    send(sandbox, "Cleo@Example.com", subject="Only to Cleo")

    counts = {}
    for user in ("bob@example.org", "cleo@example.com", "CLEO@example.com", "cleo", "dan@example.org"):
        with reader(sandbox, user) as box:
            counts[user] = len(box)

    assert counts == {"bob@example.org": 1, "cleo@example.com": 2, "CLEO@example.com": 2, "cleo": 2,
                      "dan@example.org": 0}  # fmt: skip


def test_a_mailbox_has_one_reader_at_a_time(sandbox: Sandbox) -> None:
    with reader(sandbox, "bob@example.org"), pytest.raises(errors.MailboxRefused) as locked:
        reader(sandbox, "BOB@example.org").open()

    assert locked.value.retryable
    assert locked.value.failure is not None
    assert locked.value.failure.id == "POP-MAILBOX-IN-USE"
    with reader(sandbox, "bob@example.org") as again:
        assert len(again) == 0


def test_what_is_deleted_is_gone_from_that_mailbox_only(sandbox: Sandbox) -> None:
    send(sandbox, "bob@example.org", "cleo@example.org")
    with reader(sandbox, "bob@example.org") as box:
        box.delete(1)

    with reader(sandbox, "bob@example.org") as bob, reader(sandbox, "cleo@example.org") as cleo:
        assert (len(bob), len(cleo)) == (0, 1)
    assert len(sandbox.letters) == 1


def test_a_reader_who_hangs_up_deletes_nothing(sandbox: Sandbox) -> None:
    send(sandbox, "bob@example.org")
    box = reader(sandbox, "bob@example.org").open()
    box.delete(1)
    box.hang_up()

    inside.loop_of(sandbox).run(inside.wait_until_gone(sandbox))
    with reader(sandbox, "bob@example.org") as again:
        assert len(again) == 1


def test_letters_keep_their_unique_ids(sandbox: Sandbox) -> None:
    send(sandbox, "bob@example.org", subject="one")
    send(sandbox, "bob@example.org", subject="two")
    with reader(sandbox, "bob@example.org") as box:
        first, second = box.uids().values()
        box.delete(1)
    send(sandbox, "bob@example.org", subject="three")

    with reader(sandbox, "bob@example.org") as box:
        kept, new = box.uids().values()

    assert kept == second
    assert new not in {first, second}


def test_mail_received_during_a_session_appears_in_the_next(sandbox: Sandbox) -> None:
    with reader(sandbox, "bob@example.org") as box:
        send(sandbox, "bob@example.org")
        assert list(box) == []

    with reader(sandbox, "bob@example.org") as box:
        assert len(box) == 1


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_stls_and_tls_work(sandbox: Sandbox, security: Security) -> None:
    content = send(sandbox, "bob@example.org")

    with PopSession(sandbox.pop_server(security), Password("bob@example.org", "any")) as box:
        assert box.tls_version.startswith("TLS")
        assert box[0].raw == content


def test_a_wrong_password_is_refused() -> None:
    with Sandbox(users={"bob@example.org": "secret"}) as sandbox:
        with pytest.raises(errors.AuthenticationRefused) as refused:
            reader(sandbox, "bob@example.org", "wrong").open()
        with reader(sandbox, "bob@example.org", "secret") as box:
            mechanism = box.mechanism

    assert refused.value.failure is not None
    assert refused.value.failure.id == "POP-LOGIN-REFUSED"
    assert mechanism == "SCRAM-SHA-256"


@pytest.mark.parametrize(
    ("failure", "retryable"),
    [
        ("POP-MAILBOX-IN-USE", True),
        ("POP-LOGIN-TOO-SOON", True),
        ("POP-NOT-ENABLED", False),
        ("POP-SERVER-TROUBLE", True),
    ],
)
def test_a_failure_can_be_played(sandbox: Sandbox, failure: str, retryable: bool) -> None:
    sandbox.play(failure)

    with pytest.raises(errors.MailboxRefused) as played:
        reader(sandbox, "bob@example.org").open()

    assert played.value.failure is not None
    assert played.value.failure.id == failure
    assert played.value.retryable == retryable


def test_faults_can_be_set_at_the_stages_of_pop3(sandbox: Sandbox) -> None:
    send(sandbox, "bob@example.org")
    sandbox.answer("mailbox", "-ERR [SYS/TEMP] later", when="DELE", times=1)
    sandbox.answer("letter", "-ERR no", times=1)

    with reader(sandbox, "bob@example.org") as box:
        with pytest.raises(errors.LetterRefused) as refused:
            box.fetch(1)
        with pytest.raises(errors.LetterRefused) as later:
            box.delete(1)
        assert box.fetch(1).raw

    assert (refused.value.stage, refused.value.retryable) == ("letter", False)
    assert (later.value.stage, later.value.retryable) == ("mailbox", True)


def test_a_line_can_break_in_the_middle_of_a_letter(sandbox: Sandbox) -> None:
    send(sandbox, "bob@example.org")
    sandbox.answer("letter", "hang up", within=True)

    box = reader(sandbox, "bob@example.org").open()
    with pytest.raises(errors.ConnectionFailed) as lost:
        box.fetch(1)

    assert lost.value.stage == "letter"
    assert not box.usable


@pytest.mark.slow
def test_async_sessions_read_the_same(sandbox: Sandbox) -> None:
    contents = [send(sandbox, "bob@example.org", subject=str(number)) for number in range(150)]

    async def read() -> tuple[list[bytes], list[str]]:
        async with AsyncPopSession(sandbox.pop_server(), Password("bob@example.org", "any")) as box:
            raw = [letter.raw async for letter in box.fetch_many()]
            subjects = []
            async for letter in box:
                assert letter.head
                if letter.number % 50 == 0:
                    subjects.append((await letter.load()).subject)
            await box.delete(*range(1, 151))
            return raw, subjects

    raw, subjects = asyncio.run(read())

    assert raw == contents
    assert subjects == ["49", "99", "149"]
    with reader(sandbox, "bob@example.org") as box:
        assert len(box) == 0


def test_a_letter_is_fetched_on_first_access(sandbox: Sandbox) -> None:
    send(sandbox, "bob@example.org")

    async def touch_too_early() -> None:
        async with AsyncPopSession(sandbox.pop_server(), Password("bob@example.org", "any")) as box:
            box[0].raw  # noqa: B018

    with pytest.raises(errors.UsageError, match="await"):
        asyncio.run(touch_too_early())
    with reader(sandbox, "bob@example.org") as box:
        letter = box[-1]
        before, size = letter.loaded, letter.size
        raw = letter.raw

        assert (before, letter.loaded) == (False, True)
        assert size == len(raw)
        assert letter.uid == box.uids()[1]
        assert not letter.deleted


def test_bare_line_feeds_are_repaired_for_those_who_read(sandbox: Sandbox) -> None:
    """Clients that end a line at a bare LF (poplib) took the dot for the end of the letter, and got out of step."""
    with socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line, line.makefile("rwb") as said:
        for words in (b"HELO x.example", b"MAIL FROM:<a@b.org>", b"RCPT TO:<bob@example.org>", b"DATA",
                      b"Subject: s\r\n\r\none\n.\ntwo\r\n..three\n\r\n.", b"QUIT"):  # fmt: skip
            said.readline()
            said.write(words + b"\r\n")
            said.flush()
        said.read()
    box = poplib.POP3(sandbox.host, sandbox.pop_port, timeout=10)
    try:
        box.user("bob@example.org")
        box.pass_("any")
        _, lines, _ = box.retr(1)
        size = int(box.list(1).split()[2])

        assert lines == [b"Subject: s", b"", b"one", b".", b"two", b".three", b""]
        assert size == sum(len(line) + 2 for line in lines)
        assert box.noop().startswith(b"+OK")
    finally:
        box.quit()
    assert b"one\n.\ntwo\r\n" in sandbox.letters[0].content
    assert [finding.kind for finding in sandbox.letters[0].findings if finding.kind == "bare-lf"] == ["bare-lf"]
    assert [finding.kind for finding in sandbox.sessions[-1].session.findings] == ["bare-lf"]
