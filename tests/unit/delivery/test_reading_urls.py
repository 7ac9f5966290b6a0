"""URLs for reading: parsing, writing, and the sessions they open."""

from __future__ import annotations

import asyncio
import logging

import pytest

import courriel
from courriel import Dialect, Sandbox, Security, Server, errors
from courriel.delivery.urls import providers
from courriel.delivery.urls.route import Route

WRITTEN = [
    "pops://ada@pop.example.org",
    "pops://ada@pop.example.org:9995?password=env:MAIL_PASSWORD",
    "pop3+starttls://ada@pop.example.org?ca=bundled&timeout=30",
    "pop://ada@localhost?auth=apop,user",
    "pop://localhost:1110",
    "pop://pop.example.org?tls=none",
    "imaps://ada@imap.example.org",
    "imaps://ada@imap.example.org:9993?password=env:MAIL_PASSWORD",
    "imap+starttls://ada@imap.example.org?pin=sha256:" + "0" * 64,
    "imap://ada@localhost?auth=plain,login",
    "imap://localhost:1143",
    "imap://imap.example.org?tls=none",
]


@pytest.mark.parametrize("url", WRITTEN)
def test_a_route_for_reading_has_one_spelling(url: str) -> None:
    route = Route.parse(url)

    assert route.reads
    assert route.kind == ("imap" if url.startswith("imap") else "pop3")
    assert route.server is not None
    assert route.server.dialect is (Dialect.IMAP if url.startswith("imap") else Dialect.POP3)
    assert route.reveal_url() == url
    assert Route.parse(route.reveal_url()) == route


def test_the_password_is_masked() -> None:
    route = Route.parse("pops://ada:hunter2@pop.example.org")

    assert "hunter2" not in repr(route) + str(route)
    assert Route.parse(route.reveal_url()) == route


SENDING_ONLY = ("ses", "graph", "brevo", "mailjet")


def test_a_provider_defines_the_form_of_the_user_name() -> None:
    assert Route.parse("free+pop:ada@free.fr").user == "ada"
    assert Route.parse("orange+pop:ada@orange.fr").user == "ada@orange.fr"
    assert all(each.pop for each in providers.all() if each.name not in ("icloud", *SENDING_ONLY))


def test_the_user_name_for_imap_may_differ() -> None:
    icloud = Route.parse("icloud+imap:ada@icloud.com")

    assert (icloud.user, icloud.name) == ("ada", "imap.mail.me.com:993")
    assert Route.parse("icloud:ada@icloud.com").user == "ada@icloud.com"
    assert Route.parse("free+imap:ada@free.fr").user == "ada"
    assert Route.parse("gmail+imap:ada@gmail.com").user == "ada@gmail.com"
    assert all(each.imap for each in providers.all() if each.name not in SENDING_ONLY)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("pops://h.example:110", "port 110 normally speaks STLS; you asked for TLS from the first byte"),
        ("pop3+starttls://h.example:995", "port 995 normally speaks TLS from the first byte; you asked for STARTTLS"),
        ("pops://h.example:993", "port 993 normally speaks IMAP; you asked for POP3"),
        ("imaps://h.example:143", "port 143 normally speaks STARTTLS; you asked for TLS from the first byte"),
        ("imap+starttls://h.example:993", "port 993 normally speaks TLS from the first byte; you asked for STARTTLS"),
        ("imaps://h.example:995", "port 995 normally speaks POP3; you asked for IMAP"),
        ("imaps://h.example:587", "port 587 normally speaks SMTP; you asked for IMAP"),
        ("pops://h.example:465", "port 465 normally speaks SMTP; you asked for POP3"),
        ("smtps://h.example:995", "port 995 normally speaks POP3, not mail to be sent"),
    ],
)
def test_an_unusual_port_gives_a_warning(url: str, sentence: str) -> None:
    assert Route.parse(url).warnings == (sentence,)


@pytest.mark.parametrize(
    "url",
    [
        "pops://h.example:995",
        "pop3+starttls://h.example",
        "pop://h.example:1110",
        "imaps://h.example:993",
        "imap+starttls://h.example:143",
        "imap://h.example:1143",
    ],
)
def test_a_usual_port_gives_no_warning(url: str) -> None:
    assert Route.parse(url).warnings == ()


def test_a_url_for_reading_is_refused_for_sending() -> None:
    for url in ("pops://ada@pop.example.org", "imaps://ada@imap.example.org"):
        with pytest.raises(errors.InvalidUrl, match="is for reading mail"):
            courriel.send(via=url, sender="ada@example.org", to="bob@example.org", text="Hi")
    with pytest.raises(errors.InvalidUrl, match="is for reading mail"):
        courriel.send(
            via=Server("h.example", dialect=Dialect.POP3), sender="ada@example.org", to="bob@example.org", text="Hi"
        )


@pytest.mark.parametrize("way", ["smtps://ada@h.example", "memory:", Server("h.example")])
def test_a_url_for_sending_is_refused_for_reading(way: str | Server) -> None:
    with pytest.raises(errors.InvalidUrl, match="none is read by it"):
        courriel.mailbox(way)


@pytest.mark.slow
def test_a_url_opens_a_mailbox() -> None:
    with Sandbox() as sandbox:
        courriel.send(via=sandbox.url, sender="ada@example.org", to="bob@example.org", text="Hi")
        urls = [
            url.replace("://", "://bob%40example.org:any@")
            for url in (sandbox.pop_url, sandbox.pop_starttls_url, sandbox.pops_url)
        ]

        async def count(url: str) -> int:
            async with await courriel.amailbox(url) as box:
                return len(box)

        awaited = [asyncio.run(count(url)) for url in urls]
        secured: list[Security] = []
        for url in urls:
            with courriel.mailbox(url) as box:
                assert len(box) == 1
                secured.append(box.server.security)

    assert awaited == [1, 1, 1]
    assert secured == [Security.NONE, Security.STARTTLS, Security.TLS]


def test_a_url_of_imap_makes_a_session_of_imap() -> None:
    blocking = courriel.mailbox("imaps://ada:any@imap.example.org")
    awaiting = asyncio.run(courriel.amailbox("imap+starttls://ada:any@imap.example.org"))

    assert isinstance(blocking, courriel.ImapSession)
    assert isinstance(awaiting, courriel.AsyncImapSession)
    assert (str(blocking.server), str(awaiting.server)) == ("imap.example.org:993", "imap.example.org:143")


def test_warnings_are_logged_when_a_mailbox_is_made(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "courriel.delivery"):
        courriel.mailbox("pops://pop.example.org:110")

    assert "port 110 normally speaks STLS" in caplog.text
