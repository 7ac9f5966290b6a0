"""Hostile mails in the page and its API: the work of each view grows with the mail, and none is read in its loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

import courriel
from core_time import grows_no_faster
from courriel import Message, Sandbox
from courriel.dialogue.server.handler import Delivery, ServerSession
from courriel.model.address import Address
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import Faults
from courriel.sandbox.store.index import SearchIndex
from courriel.sandbox.web import views
from courriel.sandbox.web.access import Access
from courriel.sandbox.web.api import mailpit, own
from courriel.sandbox.web.pages import inbox
from courriel.sandbox.web.pages.tabs import TABS, tab_values
from courriel.sandbox.web.site import Site
from courriel.sandbox.web.summary import summarise
from courriel.sandbox.web_settings import WebSettings
from courriel.wire.html.to_text import text_of
from courriel.wire.parse.letter import Letter
from courriel.wire.smtp.parameters import MailFrom, RcptTo
from hostile.mails import SHAPES
from steps import LONGER, WorkOf, counting, grows_evenly

VIEWS: dict[str, tuple[Callable[[Request], Response], str]] = {
    "open": (inbox.open_mail, "tab=parts"),
    "list": (inbox.inbox, ""),
    "search": (inbox.piece, "search=hello"),
    "HTML": (views.view_html, ""),
    "text": (views.view_text, ""),
    "part": (views.view_part, ""),
    "API, mail": (own.one_mail, ""),
    "Mailpit, message": (mailpit.one_message, ""),
    "Mailpit, headers": (mailpit.message_headers, ""),
}


COLD = ("list", "search")
"""Views that are measured with a mail at which nobody has looked before, too."""
COUNT = 24


class Place:
    """A server with one mail, and its page, whose views are called in the thread of the test."""

    def __init__(self, content: bytes) -> None:
        captured = CapturedMail()
        bob = Address.parse("bob@example.org")
        captured.put(Delivery(MailFrom(Address.parse("a@b.org")), (RcptTo(bob),), content), ServerSession())
        self.site = Site(captured, Faults(), sessions=tuple, addresses=dict, access=Access())

    def look(self, name: str) -> None:
        """Look at a view."""
        view, query = VIEWS[name]
        asked = {
            "type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": [],
            "path_params": {"number": "1", "id": "1", "part": 1}, "app": SimpleNamespace(state=self),
        }  # fmt: skip
        assert view(Request(asked)).status_code == 200

    def looked_at(self) -> Place:
        """The same, read and indexed, so that a view does nothing but its own work."""
        for name in VIEWS:
            self.look(name)
        return self


def look_first(name: str, content: bytes) -> None:
    """Look at a mail at which nobody has looked before."""
    place = Place(content)
    place.look(name)
    place.site.close()


def beyond(work_of: WorkOf, smallest: Callable[[], object]) -> WorkOf:
    """Work beyond that of a page with the smallest mail, which is much, and hides what grows."""
    smallest()  # what is done once in a process
    own = work_of(smallest)
    return lambda act: max(0, work_of(act) - own)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_a_view_of_twice_as_much_is_twice_the_work(shape: str) -> None:
    make = SHAPES[shape]
    places = {size: Place(make(size)).looked_at() for size in (1, 3, *(LONGER * COUNT * each for each in (1, 2, 4)))}
    with counting() as work_of:
        for name in VIEWS:
            look = partial(Place.look, name=name)
            grows_evenly(beyond(work_of, partial(look, places[1])), places.__getitem__, look, COUNT)
        for name in COLD:
            look_once = partial(look_first, name)
            grows_evenly(beyond(work_of, lambda look=look_once: look(make(1))), make, look_once, COUNT)  # type: ignore[misc]
    for place in places.values():
        place.site.close()


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_a_tab_of_eight_times_as_much_is_not_sixty_four_times_the_time(shape: str) -> None:
    small, large = (Place(SHAPES[shape](size)).site.captured.letters[0] for size in (400, 3200))
    for tab in TABS:
        tab_values(large, tab)  # it is read once
        grows_no_faster(partial(tab_values, tab=tab), small, large, 24)


@pytest.mark.slow
def test_a_list_makes_text_of_the_beginning_of_long_html(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def watched(html: str) -> str:
        made.append(len(html))
        return text_of(html)

    monkeypatch.setattr("courriel.wire.parse.letter.text_of", watched)
    html = "Content-Type: text/html\r\n\r\n<p>Bonjour" + "<p>y" * 100_000
    file = "--b\r\nContent-Type: application/pdf\r\n\r\n" + "x\r\n" * 60_000
    behind = f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{file}--b\r\n\r\nAu revoir\r\n--b--"

    letters = [Place(content.encode()).site.captured.letters[0] for content in (html, behind)]

    assert [summarise(letter).snippet.split(" y")[0] for letter in letters] == ["Bonjour", "Au revoir"]
    assert max(made) < 110_000


# The event loop.


ADDRESSES = [
    ("GET", "/", {}),
    ("GET", "/m/1?tab=checks", {}),
    ("GET", "/latest?search=hello", {}),
    ("GET", "/view/1.html", {}),
    ("GET", "/api/mails?search=hello", {}),
    ("GET", "/api/wait?to=bob@example.org&timeout=5", {}),
    ("GET", "/api/wait?search=hello&to=bob@example.org&timeout=5", {}),
    ("GET", "/api/wait?to=nobody@example.org&timeout=1ms", {}),
    ("GET", "/api/v1/message/1", {}),
    ("PUT", "/api/v1/messages", {"json": {"Search": "hello", "Read": True}}),
    ("DELETE", "/api/v1/search?query=hello", {}),
    ("DELETE", "/api/mails?search=hello", {}),
    ("POST", "/api/mails?from=a@b.org&to=bob@example.org", {"content": b"Subject: x\r\n\r\nhello\r\n"}),
    ("POST", "/api/mails/1/bounce", {"json": {}}),
    ("POST", "/api/mails/latest/bounce?search=hello", {"json": {}}),
    ("POST", "/m/1/bounce", {"data": {"reply": "550 5.1.1 no such user"}}),
    ("POST", "/m/latest/bounce?search=hello", {"data": {"reply": ""}}),
    ("POST", "/m/1/one-click", {}),
    ("POST", "/m/latest/pass-on?search=hello", {"data": {"to": "a@b.org"}}),
    ("POST", "/m/latest/remove?search=hello", {}),
    ("POST", "/m/latest/unread?search=hello", {}),
    ("POST", "/drop", {"content": b"To: a@b.org\r\n\r\nhello\r\n"}),
]


@pytest.fixture
def read_in_loop(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was read, or searched, in a thread whose event loop waited for it."""
    found: list[str] = []

    def watched(kind: type, name: str) -> None:
        act = getattr(kind, name)

        def watching(*arguments: Any, **named: Any) -> Any:
            with suppress(RuntimeError):
                asyncio.get_running_loop()
                found.append(name)
            return act(*arguments, **named)

        monkeypatch.setattr(kind, name, watching)

    watched(Letter, "parse")
    watched(SearchIndex, "search")
    watched(SearchIndex, "numbers")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("method", "address", "given"), ADDRESSES)
def test_no_mail_is_read_in_the_event_loop_of_the_page(
    method: str, address: str, given: dict[str, Any], read_in_loop: list[str]
) -> None:
    """A mail that takes seconds to be read keeps nobody else waiting."""
    settings = WebSettings(pass_on=lambda mail, recipients: "250 ok", one_click=lambda link: "200 ok")
    with Sandbox(web_port=0, web=settings) as sandbox:
        courriel.send(
            Message(sender="ada@example.org", to=["bob@example.org"], subject="x", text="hello"), via=sandbox.url
        )
        with httpx.Client(base_url=sandbox.web_url, timeout=30, trust_env=False) as client:
            answer = client.request(method, address, **given)

    assert answer.status_code in ((404,) if "nobody" in address else (400,) if "click" in address else (200, 201, 303))
    assert read_in_loop == []
