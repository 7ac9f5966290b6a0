"""The unsubscribe endpoint under real web servers (uvicorn, gunicorn), clicked by programs, and seen by a browser."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from courriel.integrations.unsubscribe import UnsubscribeLinks
from integrations.services import LONG, python, running, until, uvicorn
from servers.daemon import Daemon
from servers.packages import need
from servers.peers import NODE_MODULES
from servers.ports import free_ports

pytestmark = pytest.mark.acceptance

CHROMIUM = "/usr/bin/chromium"
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
KEY = "a key of thirty-two octets or so, now"
CLICK = {"List-Unsubscribe": "One-Click"}
SERVICE = """
import os
from pathlib import Path
from courriel.integrations.unsubscribe import UnsubscribeLinks, unsubscribe_asgi, unsubscribe_wsgi

links = UnsubscribeLinks("https://news.example.org/unsubscribe", "env:UNSUBSCRIBE_KEY")
removed = Path(os.environ["REMOVED"])

def remove(address, list_name):
    if (removed.parent / "broken").exists():
        raise RuntimeError(address)
    with removed.open("a") as file:
        file.write(f"- {address} {list_name}\\n")

def put_back(address, list_name):
    with removed.open("a") as file:
        file.write(f"+ {address} {list_name}\\n")

more = {"on_undo": put_back, "titles": {"news": "La lettre du jardin"}}
asgi = unsubscribe_asgi(links, remove, **more)
wsgi = unsubscribe_wsgi(links, remove, **more)
"""


class Service:
    """A running endpoint, what it has removed, and what its server has logged."""

    def __init__(self, folder: Path, port: int, daemon: Daemon) -> None:
        self.folder, self.port, self.daemon = folder, port, daemon
        links = UnsubscribeLinks("https://news.example.org/unsubscribe", KEY.encode())
        link = links.link("ada@example.org", "news")
        self.path = link.removeprefix("https://news.example.org")
        self.url = f"http://127.0.0.1:{port}{self.path}"

    @property
    def removed(self) -> list[str]:
        file = self.folder / "removed"
        return file.read_text().splitlines() if file.exists() else []

    def raw(self, request: bytes) -> bytes:
        """What the server answers to these octets; nothing more is said."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=LONG) as line:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            answer = b""
            while got := line.recv(65536):
                answer += got
        return answer


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[Service]:
    (folder / "letters.py").write_text(SERVICE)
    settings = {"UNSUBSCRIBE_KEY": KEY, "REMOVED": str(folder / "removed"), "LANG": "C.UTF-8"}
    if kind == "uvicorn":
        with uvicorn("letters:asgi", folder, settings, "--no-access-log") as (daemon, port):
            yield Service(folder, port, daemon)
        return
    (port,) = free_ports(1)
    worker = {"gunicorn": "sync", "gunicorn, threads": "gthread"}[kind]
    command = python(
        {**settings, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])},
        "-m", "gunicorn", f"--bind=127.0.0.1:{port}", f"--worker-class={worker}", "--threads=4",
        f"--worker-tmp-dir={folder}", "letters:wsgi",
    )  # fmt: skip
    with running(command, [port]) as daemon:
        yield Service(folder, port, daemon)


@pytest.fixture(scope="module", params=["uvicorn", "gunicorn", "gunicorn, threads"])
def same_service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(request.param, tmp_path_factory.mktemp("service")) as running_service:
        yield running_service


@pytest.fixture
def service(same_service: Service) -> Service:
    """A running service that has removed nobody yet."""
    (same_service.folder / "removed").unlink(missing_ok=True)
    return same_service


def test_a_provider_clicks_and_a_scanner_does_not(service: Service) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        httpx.request(method, service.url, timeout=LONG)
    before = service.removed

    answers = [
        httpx.post(service.url, data=CLICK, timeout=LONG),
        httpx.post(service.url, files={"List-Unsubscribe": (None, "One-Click")}, timeout=LONG),
        httpx.post(service.url, content=iter([b"List-Unsubscribe", b"=One-", b"Click"]), timeout=LONG),  # chunked
    ]
    curl = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{num_redirects}", "-F", "List-Unsubscribe=One-Click",
         service.url], capture_output=True, text=True, check=True, timeout=LONG,
    )  # fmt: skip

    assert before == []
    assert [each.status_code for each in answers] == [200, 200, 200]
    assert not [each for each in answers if {"set-cookie", "location"} & {*each.headers}]
    assert answers[0].headers["cache-control"] == "no-store"
    assert curl.stdout == "200 0"
    assert service.removed == ["- ada@example.org news"] * 4


def test_what_cannot_be_stored_is_500_until_it_can_and_nothing_of_it_is_logged(service: Service) -> None:
    (service.folder / "broken").touch()
    failed = httpx.post(service.url, data=CLICK, timeout=LONG)
    (service.folder / "broken").unlink()
    again = httpx.post(service.url, data=CLICK, timeout=LONG)

    log = service.daemon.words()
    assert (failed.status_code, again.status_code) == (500, 200)
    assert service.removed == ["- ada@example.org news"]
    assert "RuntimeError, raised in" in log
    assert "ada@example.org" not in log
    assert service.path.rpartition("/")[2] not in log


HOSTILE = [
    b"\r\n",
    b"Content-Length: 0\r\n\r\n", b"Content-Length: 5\r\n\r\nList-",
    b"Content-Length: 20000\r\n\r\n" + b"List-Unsubscribe=One-Click&" * 600,
    b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 0x1000 + b"\r\n" + b"0\r\n\r\n",
    b"Content-Length: 3\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n--x",
    b"Content-Length: -1\r\n\r\nList-Unsubscribe=One-Click",
    b"Content-Length: 26\r\nContent-Type: image/png\r\n\r\nList-Unsubscribe=One-Click",
    b"Content-Length: 26\r\nContent-Type: \xff\xfe\r\n\r\nList-Unsubscribe=One-Click",
]  # fmt: skip


def test_hostile_bodies_change_nothing_and_the_next_click_counts(service: Service) -> None:
    head = f"POST {service.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()

    for body in HOSTILE:
        answer = service.raw(head + body)
        assert not answer.startswith(b"HTTP/1.1 2"), body
    before = service.removed
    good = httpx.post(service.url, data=CLICK, timeout=LONG)

    assert before == []
    assert good.status_code == 200


def test_a_hundred_wrong_tokens_are_answered_shortly_and_valid_ones_as_ever(service: Service) -> None:
    with httpx.Client(timeout=LONG) as client:
        statuses = [client.post(f"{service.url[:-3]}{number:03}", data=CLICK).status_code for number in range(100)]
        good = [client.post(service.url, data=CLICK).status_code for _ in range(30)]

    assert set(statuses) == {404, 429}
    assert set(good) == {200}


def test_many_clicks_at_once_are_all_done(service: Service) -> None:
    answers: list[int] = []

    def click() -> None:
        answers.append(httpx.post(service.url, data=CLICK, timeout=LONG).status_code)

    threads = [threading.Thread(target=click) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert answers == [200] * 20
    until(lambda: len(service.removed) == 20)


# In a browser.


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    need(CHROMIUM)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=60_000)
        yield browser
        browser.close()


@contextmanager
def visiting(chromium: Browser, *, language: str, dark: bool, width: int) -> Iterator[Page]:
    """A page of a reader; what it complains about (a style that its policy forbids) fails the test."""
    wrong: list[str] = []
    context = chromium.new_context(
        locale=language, color_scheme="dark" if dark else "light", viewport={"width": width, "height": 700},
    )  # fmt: skip
    context.set_default_timeout(30_000.0)
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda line: None if line.text.startswith("Failed to load resource") else wrong.append(line.text)
    )
    yield page
    context.close()
    assert wrong == []


def pictured(page: Page, name: str) -> None:
    """Keep a picture for people to look at, where COURRIEL_TEST_PICTURES names a folder."""
    folder = os.environ.get("COURRIEL_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"unsubscribe-{name}.png")


READERS = [
    ("en-GB", False, 1000, "Unsubscribe", "You are unsubscribed", "Subscribe again", "You are subscribed again"),
    ("fr-FR", True, 320, "Me désabonner", "Désabonnement enregistré", "Me réabonner", "Abonnement rétabli"),
    ("en-GB", True, 320, "Unsubscribe", "You are unsubscribed", "Subscribe again", "You are subscribed again"),
    ("fr-FR", False, 1000, "Me désabonner", "Désabonnement enregistré", "Me réabonner", "Abonnement rétabli"),
]


@pytest.mark.parametrize(("language", "dark", "width", "button", "done", "undo", "undone"), READERS)
def test_a_reader_unsubscribes_by_the_button_and_takes_it_back(
    chromium: Browser, tmp_path: Path, language: str, dark: bool, width: int, button: str, done: str, undo: str,
    undone: str,
) -> None:  # fmt: skip
    name = f"{language[:2]}-{'dark' if dark else 'light'}"
    with serving("uvicorn", tmp_path) as service, visiting(chromium, language=language, dark=dark, width=width) as page:
        page.goto(service.url)
        expect(page.get_by_role("heading")).to_contain_text("La lettre du jardin")
        assert service.removed == []
        pictured(page, f"{name}-1-asked")
        judged(page)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading")).to_have_text(done)
        pictured(page, f"{name}-2-done")
        judged(page)
        assert service.removed == ["- ada@example.org news"]
        page.get_by_role("button", name=undo).click()
        expect(page.get_by_role("heading")).to_have_text(undone)
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("heading")).to_have_text(done)
        assert page.context.cookies() == []
        page.goto(service.url[:-2])
        pictured(page, f"{name}-3-wrong")
        judged(page)

    assert [line[0] for line in service.removed] == ["-", "+", "-"]


def test_a_reader_is_told_what_is_not_done_and_tries_again(chromium: Browser, tmp_path: Path) -> None:
    with serving("uvicorn", tmp_path) as service, chromium.new_context(locale="fr-FR") as context:
        (tmp_path / "broken").touch()
        page = context.new_page()
        page.goto(service.url)
        page.get_by_role("button").click()
        expect(page.get_by_role("heading")).to_have_text("Le désabonnement n'est pas fait")
        pictured(page, "fr-4-not-done")
        (tmp_path / "broken").unlink()
        page.get_by_role("button", name="Réessayer").click()
        expect(page.get_by_role("heading")).to_have_text("Désabonnement enregistré")

    assert service.removed == ["- ada@example.org news"]


# The steps.


def judged(page: Page) -> None:
    """Let axe-core look at the page, and see that it has no horizontal scroll bar."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert re.fullmatch("en|fr", page.evaluate("document.documentElement.lang"))
    if AXE.exists():
        page.evaluate(AXE.read_text())
        found: Any = page.evaluate("axe.run()")
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
