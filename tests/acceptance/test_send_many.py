"""Many messages to a real Postfix, which announces CHUNKING: refusals in the middle, each valid one exactly once."""

from __future__ import annotations

import asyncio

import pytest

from courriel import AsyncSmtpSession, Message, Receipt, Security, Server, SmtpSession, Trust, errors
from courriel.model.receipt import Result
from servers.postfix import Postfix

pytestmark = pytest.mark.acceptance


def blocking(server: Server, messages: list[Message], window: int) -> list[Result]:
    with SmtpSession(server) as session:
        assert "CHUNKING" in session.capabilities
        return list(session.send_many(messages, window=window))


def awaiting(server: Server, messages: list[Message], window: int) -> list[Result]:
    async def send() -> list[Result]:
        async with AsyncSmtpSession(server) as session:
            return [result async for result in session.send_many(messages, window=window)]

    return asyncio.run(send())


@pytest.mark.parametrize("send", [blocking, awaiting])
@pytest.mark.parametrize("window", [1, 100])
@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS])
def test_each_valid_message_arrives_once_and_untouched(
    postfix: Postfix, send: object, window: int, security: Security
) -> None:
    server = Server(postfix.host, postfix.plain_port, security, trust=Trust.file(str(postfix.ca_file)))
    people = {0: "nobody@example.org", 1: "ada@example.org"}
    messages = [
        Message(
            sender="cleo@example.org",
            to=people.get(number % 5, "bob@example.org"),
            subject=f"Number {number}",
            text=f".{number}\n" * (number % 40 + 1) + "été\n",
        )
        for number in range(120)
    ]

    results = send(server, messages, window)  # type: ignore[operator]

    for number, result in enumerate(results):
        assert isinstance(result, errors.RecipientsRefused if number % 5 == 0 else Receipt), result
    to_ada = postfix.letters("ada@example.org", count=24)
    to_bob = postfix.letters("bob@example.org", count=72)
    arrived = sorted(
        str(letter.content.split(b"Number ")[1].split(b"\r\n")[0], "ascii") for letter in [*to_ada, *to_bob]
    )
    assert arrived == sorted(str(number) for number in range(120) if number % 5)
    assert all(letter.trace["return-path"] == "<cleo@example.org>" for letter in [*to_ada, *to_bob])
