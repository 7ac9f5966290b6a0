"""Redirection and list of allowed recipients: every door to a server obeys, and no mail leaves for a stranger."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import courriel
from courriel import (
    Address,
    AsyncSmtpPool,
    AsyncSmtpSession,
    Envelope,
    Message,
    Outbox,
    Outcome,
    ReadyMessage,
    Route,
    Sandbox,
    Security,
    Server,
    SmtpPool,
    SmtpSession,
    State,
    Submission,
    errors,
)
from courriel.cli.main import main
from courriel.model.content import Content
from courriel.model.recipient_rule import FIELD, RecipientRule
from courriel.session.encoding import IN_SEVEN_BITS, submission_of

QA = "qa@example.org"


# A session sends one by one, with commands ahead, or with whole mails ahead, as its server allows: three ways more.
ANNOUNCED = {
    "whole mails": "",
    "commands ahead": "250-a.example\n250-8BITMIME\n250-SMTPUTF8\n250 PIPELINING",
    "one by one": "250-a.example\n250-8BITMIME\n250 SMTPUTF8",
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


def message(*to: str) -> Message:
    return Message(sender="ada@example.org", to=to or ("stranger@example.com",), subject="Rappel", text="Bonjour")


# Doors: each sends a message by a URL, in its own way.


def by_send(url: str, mail: Message, _: Path) -> None:
    courriel.send(mail, via=url)


def by_asend(url: str, mail: Message, _: Path) -> None:
    asyncio.run(courriel.asend(mail, via=url))


def by_connect(url: str, mail: Message, _: Path) -> None:
    with courriel.connect(url) as session:
        session.send(mail)


def by_pooled_url(url: str, mail: Message, _: Path) -> None:
    courriel.send(mail, via=f"{url}&pool=2")


def by_session(url: str, mail: Message, _: Path) -> None:
    with SmtpSession(_server(url)) as session:
        session.send(mail)


def by_submission(url: str, mail: Message, _: Path) -> None:
    with SmtpSession(_server(url)) as session:
        session.submit(_submission(mail))


def by_session_with_recipients(url: str, mail: Message, _: Path) -> None:
    other = Message(sender="ada@example.org", to=QA, subject="Rappel", text="Bonjour")
    with SmtpSession(_server(url)) as session:
        session.send(other, to=mail.to)


def by_batch(url: str, mail: Message, _: Path) -> None:
    with SmtpSession(_server(url)) as session:
        _raise_errors(list(session.send_many([mail])))


def by_async_session(url: str, mail: Message, _: Path) -> None:
    async def run() -> None:
        async with AsyncSmtpSession(_server(url)) as session:
            await session.send(mail)

    asyncio.run(run())


def by_async_batch(url: str, mail: Message, _: Path) -> None:
    async def run() -> None:
        async with AsyncSmtpSession(_server(url)) as session:
            _raise_errors([result async for result in session.send_many([mail])])

    asyncio.run(run())


def by_pool(url: str, mail: Message, _: Path) -> None:
    with SmtpPool(_server(url)) as pool:
        pool.send(mail)


def by_pool_batch(url: str, mail: Message, _: Path) -> None:
    with SmtpPool(_server(url)) as pool:
        _raise_errors(list(pool.submit_many([_submission(mail)])))


def by_async_pool(url: str, mail: Message, _: Path) -> None:
    async def run() -> None:
        async with AsyncSmtpPool(_server(url)) as pool:
            await asyncio.gather(*(pool.send(mail) for _ in range(1)))

    asyncio.run(run())


def by_ready_message(url: str, mail: Message, _: Path) -> None:
    courriel.send(ReadyMessage.parse(mail.as_bytes()), via=url)


def by_outbox(url: str, mail: Message, folder: Path) -> None:
    with Outbox(folder / "outbox.db") as outbox:
        ticket = outbox.put(mail, via=url)
        outbox.run_once()
        if ticket.status is not State.SENT:
            raise errors.InvalidMessage(str(ticket.status))


def by_command_line(url: str, mail: Message, _: Path) -> None:
    to = [word for address in mail.to for word in ("--to", address.spec)]
    status = main(["send", "--via", url, "--from", "ada@example.org", *to, "--subject", "Rappel", "--text", "Bonjour"])
    if status:
        assert status == 77
        raise errors.InvalidMessage("as the command said")


DOORS = [
    by_send, by_asend, by_connect, by_pooled_url, by_session, by_submission, by_session_with_recipients, by_batch,
    by_async_session, by_async_batch, by_pool, by_pool_batch, by_async_pool, by_ready_message, by_outbox,
    by_command_line,
]  # fmt: skip
Door = Callable[[str, Message, Path], None]


@pytest.mark.parametrize("ways", ANNOUNCED)
@pytest.mark.parametrize("setting", ["url", "environment"])
@pytest.mark.parametrize("door", DOORS)
def test_every_door_redirects(
    sandbox: Sandbox, door: Door, setting: str, ways: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ANNOUNCED[ways]:
        sandbox.answer("hello", ANNOUNCED[ways])
    url = sandbox.url
    if setting == "url":
        url += f"&redirect_to={QA}"
    else:
        monkeypatch.setenv("COURRIEL_REDIRECT_TO", QA)

    door(url, message(), tmp_path)

    assert [letter.recipients for letter in sandbox.letters] == [(QA,)]
    assert sandbox.letters[0].header(FIELD) == "stranger@example.com"
    assert sandbox.letters[0].text.strip() == "Bonjour"


@pytest.mark.parametrize("ways", ANNOUNCED)
@pytest.mark.parametrize("setting", ["url", "environment", "capture"])
@pytest.mark.parametrize("door", DOORS)
def test_no_door_lets_a_mail_out_to_a_stranger(
    sandbox: Sandbox, door: Door, setting: str, ways: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ANNOUNCED[ways]:
        sandbox.answer("hello", ANNOUNCED[ways])
    url = sandbox.url
    if setting == "url":
        url += "&allowlist=example.org"
    elif setting == "environment":
        monkeypatch.setenv("COURRIEL_ALLOWLIST", "example.org")
    else:
        monkeypatch.setenv("COURRIEL_CAPTURE", "1")

    # By `send` and by an outbox a captured mail is kept in memory; an outbox holds a mail that may not leave.
    kept = setting == "capture" and door in (
        by_send,
        by_asend,
        by_connect,
        by_pooled_url,
        by_ready_message,
        by_outbox,
        by_command_line,
    )
    with contextlib.nullcontext() if kept else pytest.raises(errors.InvalidMessage):
        door(url, message("bob@example.org", "stranger@example.com"), tmp_path)

    assert sandbox.letters == []


@pytest.mark.parametrize("door", DOORS)
def test_those_on_the_list_get_their_mail_as_it_is(sandbox: Sandbox, door: Door, tmp_path: Path) -> None:
    door(
        f"{sandbox.url}&allowlist=example.org,bob@example.com", message("ada@example.org", "bob@example.com"), tmp_path
    )

    assert [letter.recipients for letter in sandbox.letters] == [("ada@example.org", "bob@example.com")]
    assert sandbox.letters[0].header(FIELD) == ""


# What the result says.


def test_results_name_the_recipients_that_the_caller_gave(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}&redirect_to={QA}&allowlist=example.org"

    receipt = courriel.send(message("bob@example.org", "one@example.com", "two@example.com"), via=url)

    assert receipt.accepted == ("bob@example.org", "one@example.com", "two@example.com")
    assert {fate.outcome for fate in receipt.fates} == {Outcome.ACCEPTED}
    assert set(sandbox.letters[0].recipients) == {"bob@example.org", QA}
    assert sandbox.letters[0].header(FIELD) == "one@example.com, two@example.com"


def test_a_refusal_of_the_one_address_is_that_of_the_recipient(sandbox: Sandbox) -> None:
    sandbox.refuse(QA)

    with pytest.raises(errors.RecipientsRefused) as refused:
        courriel.send(message(), via=f"{sandbox.url}&redirect_to={QA}")

    assert list(refused.value.refused) == ["stranger@example.com"]


# Addresses that would slip through.


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        ("example.org", "bob@sub.example.org"),
        ("example.org", "bob@example.org.evil.com"),
        ("example.org", "bob@evil-example.org"),
        ("example.org", '"bob@example.org"@evil.com'),
        ("bob@example.org", '"bob@example.org"@evil.com'),
        ("bob@example.org", "BOB@example.org"),  # another mailbox, as far as we know
        ("bob@example.org", "bob+x@example.org"),
        ("bob@example.org", '" bob"@example.org'),
        ("bücher.example", "bob@bucher.example"),
        ("example.org", "bob@exаmple.org"),  # with a Cyrillic letter
        ("example.org", "bob@[127.0.0.1]"),
        ("example.org", "eve%evil.com@example.org"),  # routes that Postfix follows by default
        ("example.org", "evil.com!eve@example.org"),
        ("example.org", '"eve@evil.com"@example.org'),
    ],
)
def test_what_only_looks_like_one_of_the_list_is_refused(allowed: str, address: str) -> None:
    rule = RecipientRule(allowlist=(allowed,))

    assert not rule.allows(Address.parse(address))


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        ("EXAMPLE.org", "bob@Example.ORG"),
        ("@example.org", "bob@example.org"),
        ("bob@example.org", "Bob <bob@EXAMPLE.org>"),
        ("bob@example.org", '"bob"@example.org'),
        ("bücher.example", "bob@xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "bob@BÜCHER.example"),
        ("jürgen@example.org", "jürgen@example.org"),
        ("100%@example.org", "100%@example.org"),
    ],
)
def test_the_same_address_is_the_same_however_it_is_written(allowed: str, address: str) -> None:
    assert RecipientRule(allowlist=(allowed,)).allows(Address.parse(address))


@pytest.mark.parametrize("entry", ["", "*.example.org", "*", "bob@", "a b", "https://example.org", '"a,b"@example.org'])
def test_an_entry_that_is_nothing_is_an_error_and_no_gap(entry: str) -> None:
    with pytest.raises(errors.InvalidServer):
        RecipientRule(allowlist=(entry,))


@pytest.mark.parametrize("name", ["COURRIEL_REDIRECT_TO", "COURRIEL_ALLOWLIST"])
@pytest.mark.parametrize("value", ["", " ", "not an address"])
def test_a_variable_without_sense_stops_everything(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(errors.InvalidServer, match=name):
        courriel.send(message(), via=sandbox.url)

    assert sandbox.letters == []


def test_both_rules_hold_when_there_are_two(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_ALLOWLIST", "example.com")

    with pytest.raises(errors.InvalidMessage, match=r"stranger@example\.com"):
        courriel.send(message(), via=f"{sandbox.url}&redirect_to={QA}")

    assert sandbox.letters == []


def test_the_original_recipients_are_written_safely(sandbox: Sandbox) -> None:
    many = [f"stranger-{number}@example.com" for number in range(60)]

    courriel.send(message(*many, '"two words"@example.com'), via=f"{sandbox.url}&redirect_to={QA}")

    written = sandbox.letters[0].header(FIELD)
    assert [each.strip() for each in written.split(",")] == [*many, '"two words"@example.com']
    assert max(map(len, sandbox.letters[0].raw.splitlines())) < 998


def test_a_recipient_that_needs_smtputf8_is_redirected_to_any_server(sandbox: Sandbox) -> None:
    courriel.send(message("jürgen@example.com"), via=f"{sandbox.url}&redirect_to={QA}")

    assert sandbox.letters[0].recipients == (QA,)
    assert sandbox.letters[0].header(FIELD) == "jürgen@example.com"


# Transports of programs, and the URL.


class Program:
    """Transport that knows nothing of rules."""

    name, answer_limit, parallel = "program", 1.0, 1

    def submit(self, submission: object) -> None:
        raise AssertionError("a mail left")

    submit_many = hang_up = close = submit


@pytest.mark.parametrize("name", ["COURRIEL_REDIRECT_TO", "COURRIEL_ALLOWLIST"])
def test_a_transport_that_knows_no_rule_sends_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, QA)

    with pytest.raises(errors.UsageError, match="obeys_recipient_rule"):
        courriel.send(message(), via=Program())  # type: ignore[arg-type]
    with Outbox(tmp_path / "outbox.db") as outbox:
        ticket = outbox.put(message(), via=Program())  # type: ignore[arg-type]
        with contextlib.suppress(errors.UsageError):
            outbox.run_once()
        assert ticket.status is State.READY


def test_the_rule_stands_in_the_url() -> None:
    route = Route.parse(f"smtps://smtp.example.org?redirect_to={QA}&allowlist=Example.org,bob@example.com")

    assert Route.parse(route.url) == route
    assert route.url == f"smtps://smtp.example.org?redirect_to={QA}&allowlist=example.org,bob@example.com"
    assert route.server is not None
    assert route.server.redirect_to == Address.parse(QA)


def test_an_envelope_of_a_redirected_mail_names_the_original_recipient() -> None:
    rule = RecipientRule(Address.parse(QA))
    envelope = Envelope.of("ada@example.org", ["stranger@example.com"])

    changed, _ = rule.applied(envelope, _content())

    assert [(each.spec, each.wire()) for each in changed.recipients] == [("stranger@example.com", QA)]


# The steps.


def _server(url: str) -> Server:
    server = Route.parse(url).server
    assert server is not None
    assert server.security is Security.NONE
    return server


def _submission(mail: Message) -> Submission:
    return submission_of(mail, IN_SEVEN_BITS)


def _raise_errors(results: list[object]) -> None:
    assert len(results) == 1
    for result in results:
        if isinstance(result, errors.CourrielError):
            raise result


def _content() -> Content:
    return Content((b"Subject: x\r\n\r\ny\r\n",), 17)
