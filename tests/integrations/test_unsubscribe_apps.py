"""The unsubscribe endpoint as ASGI and WSGI applications: alone, and mounted in Starlette, FastAPI and Flask."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.validate import validator

import httpx
import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Mount
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from courriel import errors
from courriel.integrations.unsubscribe import UnsubscribeLinks, asgi, unsubscribe_asgi, unsubscribe_wsgi
from courriel.integrations.unsubscribe.form import LARGEST

URL = "https://news.example.org/unsubscribe"
CLICK = {"List-Unsubscribe": "One-Click"}
ADA = ("ada@example.org", "news")

Page = Callable[..., httpx.Response]


@pytest.fixture
def links() -> UnsubscribeLinks:
    return UnsubscribeLinks(URL, b"a key of thirty-two octets or so, now")


@pytest.fixture
def done() -> list[tuple[str, str]]:
    return []


def asgi_apps(links: UnsubscribeLinks, remove: Callable[[str, str], object]) -> Iterator[tuple[str, Any]]:
    app = unsubscribe_asgi(links, remove)
    yield "asgi", app
    yield "starlette", Starlette(routes=[Mount("/unsubscribe", app)])
    fast = FastAPI()
    fast.mount("/unsubscribe", app)
    fast.add_middleware(SessionMiddleware, secret_key="x")
    yield "fastapi", fast


def wsgi_apps(links: UnsubscribeLinks, remove: Callable[[str, str], object]) -> Iterator[tuple[str, Any]]:
    app = unsubscribe_wsgi(links, remove)
    yield "wsgi", app
    yield "wsgi, validated", validator(app)
    flask = Flask("shop")
    flask.wsgi_app = DispatcherMiddleware(flask.wsgi_app, {"/unsubscribe": app})  # type: ignore[method-assign]
    yield "flask", flask


APPS = ["asgi", "starlette", "fastapi", "wsgi", "wsgi, validated", "flask"]


@pytest.fixture(params=APPS)
def ask(request: pytest.FixtureRequest, links: UnsubscribeLinks, done: list[tuple[str, str]]) -> Page:
    """Ask the application, in whatever it is mounted."""

    def remove(address: str, list_name: str) -> None:
        done.append((address, list_name))

    async def awaited(method: str, link: str, **more: Any) -> httpx.Response:
        app = dict(asgi_apps(links, remove))[request.param]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.request(method, link, **more)

    def ask(method: str, link: str, **more: Any) -> httpx.Response:
        if request.param in APPS[:3]:
            return asyncio.run(awaited(method, link, **more))
        app = dict(wsgi_apps(links, remove))[request.param]
        with httpx.Client(transport=httpx.WSGITransport(app)) as client:
            return client.request(method, link, **more)

    return ask


def test_get_shows_the_page_and_head_the_same_without_it(ask: Page, links: UnsubscribeLinks, done: list[Any]) -> None:
    shown = ask("GET", links.link(*ADA), headers={"Accept-Language": "fr"})
    head = ask("HEAD", links.link(*ADA), headers={"Accept-Language": "fr"})

    assert (shown.status_code, head.status_code) == (200, 200)
    assert "Vous désabonner de" in shown.text
    assert head.content == b""
    assert dict(head.headers) == dict(shown.headers)
    assert done == []


@pytest.mark.parametrize("form", [{"data": CLICK}, {"files": {"List-Unsubscribe": (None, "One-Click")}}],
                         ids=["urlencoded", "multipart"])  # fmt: skip
def test_a_click_without_cookie_or_login_unsubscribes_twice(
    ask: Page, links: UnsubscribeLinks, done: list[Any], form: dict[str, Any]
) -> None:
    answers = [ask("POST", links.link(*ADA), **form) for _ in range(2)]

    assert [each.status_code for each in answers] == [200, 200]
    assert not [each for each in answers if {"set-cookie", "location"} & {*each.headers}]
    assert done == [ADA, ADA]


def test_what_asks_for_nothing_changes_nothing(ask: Page, links: UnsubscribeLinks, done: list[Any]) -> None:
    link = links.link(*ADA)

    assert ask("POST", link).status_code == 400
    assert ask("POST", link, data={**CLICK, "x": "y" * LARGEST}).status_code == 413
    assert ask("POST", link, json=CLICK).status_code == 415
    assert ask("POST", link[:-1], data=CLICK).status_code == 404
    assert ask("PUT", link, data=CLICK).status_code == 405
    assert ask("GET", URL + "/").status_code == 404
    assert done == []


@pytest.mark.parametrize("awaited", [True, False])
def test_a_function_that_raises_is_answered_by_500(links: UnsubscribeLinks, awaited: bool) -> None:
    def remove(address: str, list_name: str) -> None:
        raise ZeroDivisionError

    async def remove_awaited(address: str, list_name: str) -> None:
        raise ZeroDivisionError

    app = unsubscribe_asgi(links, remove_awaited if awaited else remove)

    assert asyncio.run(posted(app, links.link(*ADA))).status_code == 500


def test_a_function_is_awaited_or_runs_in_a_thread(links: UnsubscribeLinks, done: list[Any]) -> None:
    async def remove_awaited(address: str, list_name: str) -> None:
        await asyncio.sleep(0)
        done.append(threading.current_thread())

    class Remover:
        async def __call__(self, address: str, list_name: str) -> None:
            await remove_awaited(address, list_name)

    def remove(address: str, list_name: str) -> None:
        done.append(threading.current_thread())

    def remove_later(address: str, list_name: str) -> Awaitable[None]:
        return remove_awaited(address, list_name)

    for each in (remove_awaited, Remover(), remove_later, remove):
        assert asyncio.run(posted(unsubscribe_asgi(links, each), links.link(*ADA))).status_code == 200

    assert [each is threading.main_thread() for each in done] == [True, True, True, False]


def test_a_function_without_end_is_not_said_to_be_done(
    links: UnsubscribeLinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "CHANGE_LIMIT", 0.01)

    async def remove(address: str, list_name: str) -> None:
        await asyncio.Event().wait()

    assert asyncio.run(posted(unsubscribe_asgi(links, remove), links.link(*ADA))).status_code == 503


def test_a_coroutine_function_is_refused_where_nobody_awaits(links: UnsubscribeLinks) -> None:
    async def remove(address: str, list_name: str) -> None: ...

    with pytest.raises(errors.UsageError, match="coroutine function"):
        unsubscribe_wsgi(links, remove)
    with pytest.raises(errors.UsageError, match="coroutine function"):
        unsubscribe_wsgi(links, print, on_undo=remove)


# What servers of ASGI say, and what they leave out.


def test_a_form_that_does_not_come_in_time_changes_nothing(
    links: UnsubscribeLinks, done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "BODY_LIMIT", 0.01)

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    said = asyncio.run(conversation(unsubscribe_asgi(links, lambda *_: done.append(1)), scope(links), receive))

    assert said[0]["status"] == 408
    assert done == []


def test_a_client_that_goes_away_is_told_nothing(links: UnsubscribeLinks, done: list[Any]) -> None:
    events = iter([
        {"type": "http.request", "body": b"List-Unsubscribe=One-Click", "more_body": True},
        {"type": "http.disconnect"},
    ])  # fmt: skip

    async def receive() -> dict[str, Any]:
        return next(events)

    app = unsubscribe_asgi(links, lambda *_: done.append(1))

    assert asyncio.run(conversation(app, scope(links), receive)) == []
    assert done == []


def test_a_form_in_pieces_is_whole_and_one_without_end_is_cut(links: UnsubscribeLinks, done: list[Any]) -> None:
    pieces = [bytes([octet]) for octet in b"List-Unsubscribe=One-Click"]
    events = iter([{"type": "http.request", "body": each, "more_body": True} for each in pieces])
    taken = 0

    async def receive() -> dict[str, Any]:
        return next(events, {"type": "http.request"})

    async def flood() -> dict[str, Any]:
        nonlocal taken
        taken += 1000
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    app = unsubscribe_asgi(links, lambda *_: done.append(1))

    assert asyncio.run(conversation(app, scope(links), receive))[0]["status"] == 200
    assert asyncio.run(conversation(app, scope(links), flood))[0]["status"] == 413
    assert taken <= LARGEST + 1000
    assert done == [1]


def test_it_lives_as_a_whole_service_and_knows_no_web_socket(links: UnsubscribeLinks) -> None:
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, Any]:
        return next(events)

    app = unsubscribe_asgi(links, print)

    assert asyncio.run(conversation(app, {"type": "lifespan"}, receive)) == [
        {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"},
    ]  # fmt: skip
    assert asyncio.run(conversation(app, {"type": "websocket"}, receive)) == [{"type": "websocket.close", "code": 1000}]


# What servers of WSGI say.


@pytest.mark.parametrize(("length", "more", "status"), [
    ("26", {}, 200),
    ("", {}, 400),
    ("", {"wsgi.input_terminated": True}, 200),
    ("+26", {}, 400),
    ("-1", {}, 400),
    ("٢٦", {}, 400),
    ("9" * 5000, {}, 200),
    ("10", {}, 400),
])  # fmt: skip
def test_as_much_is_read_as_the_server_says(
    links: UnsubscribeLinks, length: str, more: dict[str, Any], status: int
) -> None:
    started: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": links.link(*ADA).removeprefix("https:/"), "CONTENT_LENGTH": length,
        "wsgi.input": BytesIO(b"List-Unsubscribe=One-Click"), **more,
    }  # fmt: skip

    app = unsubscribe_wsgi(links, lambda *_: None)
    list(app(environ, lambda line, headers: started.append(line)))

    assert int(started[0][:3]) == status


# The steps.


async def posted(app: asgi.AsgiApp, link: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:  # type: ignore[arg-type]
        return await client.post(link, data=CLICK)


def scope(links: UnsubscribeLinks) -> dict[str, Any]:
    """A POST whose server knows no client (a socket of Unix)."""
    return {"type": "http", "method": "POST", "path": "/u" + links.link(*ADA).removeprefix(URL), "headers": [],
            "client": None}  # fmt: skip


async def conversation(
    app: asgi.AsgiApp, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]
) -> list[Any]:
    said: list[Any] = []

    async def send(event: Any) -> None:
        said.append(event)

    await app(scope, receive, send)
    return said
