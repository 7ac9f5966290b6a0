"""Wrong types of messages, credentials and lists: refused before connecting; one in a list is its own result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

import courriel
from courriel import (
    AsyncImapSession,
    AsyncPopSession,
    AsyncSmtpPool,
    AsyncSmtpSession,
    ImapSession,
    Letter,
    Message,
    Notify,
    Outbox,
    PopSession,
    Receipt,
    Sandbox,
    SmtpPool,
    SmtpSession,
    Template,
    Token,
    errors,
)
from courriel.network.line import token_bytes

GOOD = Message(sender="ada@example.org", to="bob@example.org", subject="Hello", text="x")
TEMPLATE = Template(sender="ada@example.org", to="{email}")
NOWHERE = "smtp://127.0.0.1:9?tls=none"  # connecting there would raise ConnectionFailed

NO_MESSAGE = [
    ([GOOD, GOOD], "send_many"),
    ((GOOD,), "send_many"),
    (TEMPLATE.merge([{"email": "b@x.org"}]), "send_many"),
    (b"From: a@x.org\r\n\r\n", r"Message\.parse\(octets\)"),
    ("Hello", r"Message\.parse\(octets\)"),
    (TEMPLATE, r"template\.fill"),
    (Letter.parse(b"From: a@x.org\r\n\r\n"), r"Message\.replying_to\(letter\)"),
    (3, "a Message, a ReadyMessage, or an EmailMessage; not int"),
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.mark.parametrize(("thing", "said"), NO_MESSAGE)
def test_what_is_no_message_is_refused_before_anything_is_opened(thing: Any, said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        courriel.send(thing, via=NOWHERE)
    with pytest.raises(errors.UsageError, match=said):
        asyncio.run(courriel.asend(thing, via=NOWHERE))


@pytest.mark.parametrize(("thing", "said"), NO_MESSAGE)
def test_an_open_session_refuses_it_and_goes_on(sandbox: Sandbox, thing: Any, said: str) -> None:
    with SmtpSession(sandbox.server()) as session:
        with pytest.raises(errors.UsageError, match=said):
            session.send(thing)
        assert session.send(GOOD).complete


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sender": ["a@x.org"]}, "one address is expected here, not a list"),
        ({"to": "b@x.org, c@x.org"}, "give a list"),
        ({"to": 3}, "not int"),
        ({"to": []}, "no recipient"),
        ({"envid": ["x"]}, "ENVID"),
        ({"ret": "FULL"}, r"Return\.FULL"),
        ({"notify": "FAILURE"}, "notify: a list of courriel.Notify"),
        ({"notify": [3]}, "notify: a list of courriel.Notify"),
        ({"require_tls": "yes"}, "require_tls: True or False"),
    ],
)
def test_options_of_other_kinds_are_refused_before_anything_is_opened(options: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        courriel.send(GOOD, via=NOWHERE, **options)


def test_a_single_notify_is_accepted(sandbox: Sandbox) -> None:
    assert courriel.send(GOOD, via=sandbox.url, notify=Notify.FAILURE).complete  # type: ignore[arg-type]


def test_a_bad_one_among_many_is_its_own_result_and_the_next_go_on(sandbox: Sandbox) -> None:
    things: list[Any] = [GOOD, None, GOOD, "Hello", [GOOD], EmailMessage(), 3, GOOD]

    with SmtpSession(sandbox.server()) as session:
        results = list(session.send_many(things))

    kinds = [isinstance(result, Receipt) for result in results]
    assert kinds == [True, False, True, False, False, False, False, True]
    assert all(isinstance(result, errors.UsageError) for result in results if not isinstance(result, Receipt))


def test_a_bad_one_among_many_that_are_awaited_too(sandbox: Sandbox) -> None:
    async def results() -> list[object]:
        async with AsyncSmtpSession(sandbox.server()) as session:
            return [each async for each in session.send_many([GOOD, None, GOOD])]  # type: ignore[list-item]

    assert [type(each) for each in asyncio.run(results())] == [Receipt, errors.UsageError, Receipt]


@pytest.mark.parametrize("thing", [GOOD, EmailMessage(), "Hello", None, 3, TEMPLATE.fill(email="b@x.org")])
def test_many_are_a_list_of_messages(sandbox: Sandbox, thing: Any, tmp_path: Path) -> None:
    with SmtpSession(sandbox.server()) as session, pytest.raises(errors.UsageError, match="messages: a list of them"):
        list(session.send_many(thing))
    with Outbox(tmp_path / "outbox.db") as outbox, pytest.raises(errors.UsageError, match="messages: a list of them"):
        outbox.put_many(thing, via=sandbox.url)


@pytest.mark.parametrize(
    "kind",
    [
        SmtpSession,
        AsyncSmtpSession,
        PopSession,
        AsyncPopSession,
        ImapSession,
        AsyncImapSession,
        SmtpPool,
        AsyncSmtpPool,
    ],
)
@pytest.mark.parametrize(
    ("given", "said"),
    [(("ada", "hunter2"), r"Password\('ada', secret\)"), (Token("hunter2"), "a token belongs to a user")],
)
def test_a_login_of_another_kind_is_refused_when_the_session_is_made(
    kind: Callable[..., object], given: object, said: str
) -> None:
    with pytest.raises(errors.InvalidServer, match=said) as refused:
        kind("mail.example.org", given)

    assert "hunter2" not in str(refused.value)


def test_a_token_with_a_lone_surrogate_raises_usage_error_also_when_fetched() -> None:
    with pytest.raises(errors.InvalidServer, match="half a character") as refused:
        token_bytes("hunter2\ud800")

    assert "hunter2" not in str(refused.value)
    assert (token_bytes("t"), token_bytes(Token("t"))) == (b"t", b"t")


def test_a_long_local_part_is_sent_with_a_note(sandbox: Sandbox) -> None:
    sandbox.clear()
    srs, verp = f"SRS0={'a' * 70}@example.org", f"bounce-{'b' * 70}@example.org"
    message = Message(sender=srs, to=[verp, f"{'c' * 64}@example.org"], text="x")

    receipts = [courriel.send(message, via=way) for way in (sandbox.url, "memory:")]
    with SmtpSession(sandbox.server()) as session:
        receipts += [result for result in session.send_many([message]) if isinstance(result, Receipt)]

    assert sandbox.letters[0].sender == srs
    assert verp in sandbox.letters[0].recipients
    assert [len(receipt.notes) for receipt in receipts] == [2, 2, 2]
    for receipt in receipts:
        assert receipt.notes[0].startswith(f"{verp}: the part before the @ is longer than the 64 octets")
        assert receipt.notes[1].startswith(f"{srs}: ")
    assert courriel.send(GOOD, via=sandbox.url).notes == ()


def test_a_letter_is_saved_under_the_name_that_a_string_says(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sandbox.clear()
    courriel.send(GOOD, via=sandbox.url)

    with courriel.mailbox(sandbox.pop_url.replace("://", "://bob%40example.org:any@")) as box:
        box.save(1, "x.eml")
        with pytest.raises(FileExistsError):
            box.save(1, "x.eml")
        with pytest.raises(errors.UsageError, match="the path of a new file"):
            box.save(1, 3)

    assert b"Subject: Hello" in (tmp_path / "x.eml").read_bytes()
