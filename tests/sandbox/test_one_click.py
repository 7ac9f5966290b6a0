"""One click in the practice server's page: the link of a mail, posted to a service on trial as providers do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import httpx
import pytest

import courriel
from courriel import Message, Sandbox
from courriel.cli.sandbox.one_click import clicker
from courriel.integrations.unsubscribe import UnsubscribeLinks
from courriel.types import WebSettings

KEY = "a key of thirty-two octets or so, now"
LINK = UnsubscribeLinks("https://news.example.org/unsubscribe", KEY.encode()).link("bob@example.org", "news")
LONG = 60.0  # seconds that nothing here takes


def send(sandbox: Sandbox, *, link: str | None = LINK, one_click: bool = True) -> None:
    message = Message(
        sender="news@example.org", to="bob@example.org", subject="News", text="…",
        list_unsubscribe=[link] if link else [], one_click=one_click and bool(link and link.startswith("https:")),
    )  # fmt: skip
    courriel.send(message, via=sandbox.url)


@contextmanager
def page_of(one_click: Callable[[str], str] | None) -> Iterator[tuple[Sandbox, httpx.Client]]:
    with (
        Sandbox(web_port=0, web=WebSettings(one_click=one_click)) as sandbox,
        httpx.Client(base_url=sandbox.web_url, timeout=LONG, trust_env=False) as page,
    ):
        yield sandbox, page


@pytest.mark.slow
def test_a_click_is_made_only_where_a_service_was_named_and_a_mail_has_a_link() -> None:
    clicked: list[str] = []

    def note(link: str) -> str:
        clicked.append(link)
        return "200: noted"

    with page_of(None) as (sandbox, page):
        send(sandbox)
        assert page.post("/m/1/one-click").status_code == 404
        assert "one-click" not in page.get("/m/1?tab=checks").text
    with page_of(note) as (sandbox, page):
        send(sandbox)
        send(sandbox, link="mailto:leave@example.org")
        send(sandbox, one_click=False)
        send(sandbox, link=None)
        shown = ["/one-click" in page.get(f"/m/{number}?tab=checks").text for number in (1, 2, 3, 4)]
        statuses = [page.post(f"/m/{number}/one-click").status_code for number in (2, 3, 4)]
        stranger = page.post("/m/1/one-click", headers={"Origin": "http://evil.example"})
        looked = page.get("/m/1/one-click")
        assert clicked == []
        done = page.post("/m/1/one-click")

    assert shown == [True, False, False, False]
    assert statuses == [400, 400, 400]
    assert (stranger.status_code, looked.status_code) == (403, 405)
    assert (done.status_code, done.text, clicked) == (200, "200: noted\n", [LINK])


@contextmanager
def service() -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """The endpoint as a process with our key: its address, and what it has printed once it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "courriel", "unsubscribe", "serve", "--port", "0", "--key", "env:KEY", "--json"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "KEY": KEY},
    )  # fmt: skip
    assert process.stdout is not None
    link: str = json.loads(process.stdout.readline())["link"]

    def ended() -> list[dict[str, Any]]:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LONG)
        return [json.loads(line) for line in out.splitlines()]

    try:
        yield link.partition("/unsubscribe/")[0], ended
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.mark.acceptance
def test_a_click_in_the_page_unsubscribes_at_our_endpoint() -> None:
    with service() as (place, ended), page_of(clicker(place)) as (sandbox, page):
        send(sandbox)
        checks = page.get("/m/1?tab=checks", headers={"Accept-Language": "en"}).text
        english = page.post("/m/1/one-click", headers={"Accept-Language": "en"}).text
        french = page.post("/m/1/one-click", headers={"Accept-Language": "fr"}).text
        asked = ended()

    assert "Unsubscribing with one click (RFC 8058)." in checks
    assert (english, french) == ("200: unsubscribed.\n", "200 : désabonné.\n")
    assert asked == [{"event": "unsubscribe", "address": "bob@example.org", "list": "news"}] * 2


@pytest.mark.acceptance
def test_the_command_clicks_where_it_was_told_to() -> None:
    command = [sys.executable, "-m", "courriel", "sandbox", "--port", "0", "--web-port", "0", "--json"]
    with service() as (place, ended):
        with subprocess.Popen([*command, "--unsubscribe-at", place], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            opened = json.loads(server.stdout.readline())
            courriel.send(
                Message(sender="a@example.org", to="bob@example.org", text="…", list_unsubscribe=LINK, one_click=True),
                via=opened["url"],
            )
            server.stdout.readline()
            said = httpx.post(f"{opened['web_url']}m/1/one-click", timeout=LONG, trust_env=False)
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=LONG)
        asked = ended()

    assert said.status_code == 200
    assert [each["address"] for each in asked] == ["bob@example.org"]


@contextmanager
def answering(head: bytes) -> Iterator[int]:
    """A service that hears one click and answers with this line and header; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            line, _ = listening.accept()
            with line:
                line.settimeout(LONG)
                heard = b""
                while not heard.endswith(b"--one-click--\r\n"):
                    heard += line.recv(4096)
                line.sendall(b"HTTP/1.1 " + head + b"\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join()


def test_a_service_that_a_provider_would_count_as_failed_is_told_so() -> None:
    for head, said in {
        b"302 Found\r\nLocation: /login": "302: a redirect, which RFC 8058 forbids",
        b"403 Forbidden": "403: refused",
        b"500 Oops": "500: refused",
        b"204 No Content": "204: unsubscribed",
    }.items():
        with answering(head) as port:
            assert clicker(f"http://127.0.0.1:{port}")(LINK).startswith(said)
    assert clicker("http://127.0.0.1:1")(LINK).startswith("No answer: ")


@pytest.mark.parametrize("place", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://h:x", "http://h/path",
                                   "http://a:b@h", "http://h?x", "http://[::1", "http://h\n"])  # fmt: skip
def test_a_service_is_named_by_its_address_alone(place: str) -> None:
    with pytest.raises(click.UsageError, match="--unsubscribe-at"):
        clicker(place)
