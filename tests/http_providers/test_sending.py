"""Sending by HTTP providers: what leaves, and the receipt."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

import pytest

import courriel
from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.http_providers.transport import HttpTransport
from courriel.delivery.transport import check_transport
from courriel.model.submission import Submission
from courriel.session.encoding import IN_SEVEN_BITS, submission_of
from http_providers.conftest import PROVIDERS, mail
from inside import idle_socket_of
from servers.http_providers import Exchange, HttpProviderServer

Connect = Callable[..., HttpTransport]
Url = Callable[..., str]


def ready(**more: object) -> Submission:
    return submission_of(mail(**more), IN_SEVEN_BITS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_mail_is_taken_for_everybody(server: HttpProviderServer, url: Url, provider: str) -> None:
    message = mail(cc="Carol <carol@example.org>", bcc="dan@example.org", reply_to="answers@contoso.example")

    receipt = courriel.send(message, via=url(provider))

    assert receipt.accepted == ("bob@example.org", "carol@example.org", "dan@example.org")
    assert receipt.server == server.place
    assert receipt.message_id == message.message_id
    ids = {"graph": "request-1", "brevo": "<2026.1@smtp-relay.mailin.fr>", "mailjet": "4001"}
    assert ids[provider] in str(receipt.reply)
    (taken,) = server.taken
    assert taken.recipients == list(receipt.accepted)


def test_graph_gets_the_mail_as_it_is_with_its_hidden_recipients(server: HttpProviderServer, url: Url) -> None:
    message = mail(bcc=["dan@example.org", "eve@example.org"])

    courriel.send(message, via=url("graph"))

    taken = server.taken[0].mail
    assert taken["Message-ID"] == message.message_id
    assert taken.get_body(("plain",)).get_content() == "Bonjour à tous.\r\n"
    assert str(taken["To"]) == "Bób <bob@example.org>"
    assert server.heard[0].target == "/v1.0/users/ada%40contoso.example/sendMail"


def test_brevo_gets_the_parts_of_a_mail(server: HttpProviderServer, url: Url) -> None:
    message = mail(headers={"X-Ref": "7"}, cc="c@example.org", reply_to="Answers <a@contoso.example>").with_data(
        b"%PDF", "invoice.pdf"
    )

    courriel.send(message, via=url("brevo"))

    sent = server.taken[0].mail
    assert sent["sender"] == {"email": "ada@contoso.example", "name": "Ada Lovelace"}
    assert sent["to"] == [{"email": "bob@example.org", "name": "Bób"}]
    assert (sent["subject"], sent["textContent"]) == ("Café", "Bonjour à tous.\n")
    assert sent["htmlContent"] == "<p>Bonjour à tous.</p>"
    assert sent["replyTo"] == {"email": "a@contoso.example", "name": "Answers"}
    assert sent["attachment"] == [{"name": "invoice.pdf", "content": "JVBERg=="}]
    assert set(sent["headers"]) == {"X-Ref", "idempotencyKey"}


def test_mailjet_gets_the_parts_of_a_mail(server: HttpProviderServer, url: Url) -> None:
    message = mail(headers={"X-Ref": "é"}, list_unsubscribe="mailto:u@contoso.example").with_data(b"PDF", "a.pdf")

    courriel.send(message, via=url("mailjet"))

    sent = server.taken[0].mail
    assert sent["From"] == {"Email": "ada@contoso.example", "Name": "Ada Lovelace"}
    assert (sent["Subject"], sent["TextPart"]) == ("Café", "Bonjour à tous.\n")
    assert sent["Attachments"] == [{"ContentType": "application/pdf", "Filename": "a.pdf", "Base64Content": "UERG"}]
    assert sent["Headers"]["List-Unsubscribe"] == "<mailto:u@contoso.example>"
    assert sent["Headers"]["X-Ref"].startswith("=?utf-8?")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_many_mails_go_by_one_connection_and_each_has_its_result(
    server: HttpProviderServer, connect: Connect, provider: str
) -> None:
    transport = connect(provider)
    stranger = ready(sender="mallory@elsewhere.example")

    results = list(transport.submit_many([ready(), stranger, ready()]))

    assert check_transport(transport) is transport
    assert [type(each).__name__ for each in results] == ["Receipt", "SenderRefused", "Receipt"]
    assert {each.connection for each in server.heard} == {1}


def test_a_connection_that_the_provider_closed_is_opened_again(server: HttpProviderServer, connect: Connect) -> None:
    transport = connect("brevo")

    def answer_and_close(exchange: Exchange) -> None:
        exchange.line.sendall(exchange.usual().octets)
        exchange.line.close()

    server.story = [answer_and_close]

    first = transport.send(mail())
    assert select.select([idle_socket_of(transport)], [], [], 20)[0], "it has hung up"
    second = transport.send(mail(to="carol@example.org"))

    assert (first.complete, second.complete) == (True, True)
    assert [each.connection for each in server.heard] == [1, 2]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_end_is_asked_for_before_the_last_octet_leaves(
    server: HttpProviderServer, connect: Connect, provider: str
) -> None:
    heard: list[int] = []

    def guard() -> bool:
        heard.append(len(server.heard))
        return True

    submission = replace(ready(), before_end=guard)
    connect(provider).submit(submission)

    assert heard == [0]
    assert len(server.taken) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_end_that_is_held_back_sends_nothing(server: HttpProviderServer, connect: Connect, provider: str) -> None:
    transport = connect(provider)

    with pytest.raises(errors.NotPermitted):
        transport.submit(replace(ready(), before_end=lambda: False))

    assert transport.send(mail()).complete
    assert len(server.heard) == 1


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
def test_asyncio_sends_by_the_same_code(server: HttpProviderServer, url: Url, provider: str) -> None:
    asked: list[bool] = []

    async def guard() -> bool:
        asked.append(True)
        return True

    async def run() -> list[object]:
        async with await courriel.aconnect(url(provider)) as transport:
            one = await transport.send(mail())
            two = await transport.submit(replace(ready(), before_end=guard))
            return [one, two, *[each async for each in transport.submit_many([ready(to="carol@example.org")])]]

    results = [*asyncio.run(run()), asyncio.run(courriel.asend(mail(), via=url(provider)))]

    assert [isinstance(each, courriel.Receipt) for each in results] == [True] * 4
    assert asked == [True]
