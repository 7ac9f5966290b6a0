"""`courriel unsubscribe`: a key, links, and the endpoint to try them at, as a process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cli.conftest import Ran
from courriel.integrations.unsubscribe import Subscription, UnsubscribeLinks

Run = Callable[..., Ran]
URL = "https://news.example.org/unsubscribe"
LONG = 60.0  # seconds that nothing here takes


def test_a_link_is_made_by_a_new_key(courriel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    key = courriel("unsubscribe", "new-key").out.strip()
    monkeypatch.setenv("KEY", key)

    link = courriel("unsubscribe", "link", "bob@example.org", "--list", "news", "--url", URL, "--key", "env:KEY").out
    asked = (
        "unsubscribe",
        "link",
        "bob@example.org",
        "--list",
        "news",
        "--url",
        URL,
        "--key",
        "env:KEY",
        "--days",
        "3",
    )
    limited = courriel(*asked, "--json").json

    links = UnsubscribeLinks(URL, key.encode())
    assert link.strip() == links.link("bob@example.org", "news")
    assert limited["ok"]
    assert limited["link"] != link.strip()
    assert links.read(limited["link"].removeprefix(URL + "/")) == Subscription("bob@example.org", "news")
    assert courriel("unsubscribe", "new-key", "--json").json["key"] != key


@pytest.mark.parametrize(("more", "said"), [
    (("--url", "http://news.example.org/"), "one click asks for https"),
    (("--key", "in-clear-on-the-command-line-of-all"), "not shown, in case it is the key"),
    (("--list", ""), "a line of text"),
    (("--days", "0"), "--days"),
])  # fmt: skip
def test_what_makes_no_link_is_refused_in_a_sentence(
    courriel: Run, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("KEY", "k" * 43)

    refused = courriel("unsubscribe", "link", "b@example.org", "--list", "n", "--url", URL, "--key", "env:KEY", *more)

    assert refused.status in {64, 78}
    assert said in " ".join(refused.err.split())
    assert "in-clear" not in refused.err


def test_a_short_key_is_refused_in_both_languages(courriel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "short")
    asked = ("unsubscribe", "link", "b@example.org", "--list", "n", "--url", URL, "--key", "env:KEY")

    assert "courriel unsubscribe new-key makes one" in " ".join(courriel(*asked).err.split())
    assert "courriel unsubscribe new-key en fait une" in " ".join(courriel(*asked, "--lang", "fr").err.split())


class Served:
    """The endpoint as a process, and what it prints."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-W", "error", "-m", "courriel", "unsubscribe", "serve", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.out = self.process.stdout

    def end(self) -> tuple[str, str]:
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=LONG)


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served("--port", "0", "--json")
    yield served
    if served.process.poll() is None:
        served.process.kill()
    served.process.communicate()


def asked(link: str, body: bytes | None = None) -> str:
    with urllib.request.urlopen(urllib.request.Request(link, body), timeout=LONG) as answer:
        return str(answer.read().decode())


@pytest.mark.acceptance
def test_a_click_is_printed_and_nothing_else_is(served: Served) -> None:
    opened: dict[str, Any] = json.loads(served.out.readline())
    link = opened["link"]

    page = asked(link)
    answers = [asked(link, b"List-Unsubscribe=One-Click") for _ in range(2)]
    with pytest.raises(urllib.error.HTTPError) as wrong:
        asked(link + "x", b"List-Unsubscribe=One-Click")
    wrong.value.close()
    out, err = served.end()

    assert "Unsubscribe" in page or "désabonner" in page
    assert answers[0] == answers[1]
    assert wrong.value.code == 404
    said = [json.loads(line) for line in out.splitlines()]
    assert said == [{"event": "unsubscribe", "address": "ada@example.org", "list": "news"}] * 2
    assert (served.process.returncode, err) == (0, "")


@pytest.mark.acceptance
def test_a_client_that_says_nothing_holds_up_nobody(served: Served) -> None:
    import socket

    link = json.loads(served.out.readline())["link"]
    port = int(link.split(":")[2].split("/")[0])

    with socket.create_connection(("127.0.0.1", port), timeout=LONG):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(asked(link))) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(LONG)
        out, _ = served.end()

    assert len(answers) == 4
    assert out == ""


def test_a_port_that_is_taken_is_said_to_be(courriel: Run, closed_port: int) -> None:
    refused = courriel("unsubscribe", "serve", "--port", str(closed_port))

    assert refused.status == 69
    assert "--port 0 takes a free one" in refused.err


def test_the_introduction_shows_a_link_to_try(monkeypatch: pytest.MonkeyPatch, courriel: Run) -> None:
    """It ends at once: the end was asked for before it began."""
    from courriel.cli import signals

    monkeypatch.setattr(signals.Ending, "wait", lambda self, seconds: True)

    shown = courriel("unsubscribe", "serve", "--port", "0", "--lang", "fr", "--address", "zoé@example.org")

    assert "Un lien à essayer" in shown.out
    assert "curl -d List-Unsubscribe=One-Click http://127.0.0.1:" in shown.out
    assert shown.status == 0
