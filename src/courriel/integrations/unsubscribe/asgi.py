"""ASGI application of the unsubscribe endpoint, to be served alone or mounted (Starlette, FastAPI, Litestar, Quart)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from courriel.integrations.unsubscribe.changes import Change, Target, is_awaited
from courriel.integrations.unsubscribe.endpoint import Act, Asked, UnsubscribeEndpoint
from courriel.integrations.unsubscribe.form import LARGEST
from courriel.integrations.unsubscribe.links import UnsubscribeLinks
from courriel.integrations.unsubscribe.page import PageAnswer
from courriel.integrations.unsubscribe.words import AnswerKind

Scope: TypeAlias = "MutableMapping[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[MutableMapping[str, Any]]]"
Send: TypeAlias = "Callable[[MutableMapping[str, Any]], Awaitable[None]]"
AsgiApp: TypeAlias = "Callable[[Scope, Receive, Send], Awaitable[None]]"

BODY_LIMIT = 10.0
"""Seconds in which the whole form has to arrive: it fits into one packet."""
CHANGE_LIMIT = 30.0
"""Seconds that your function may take, before the answer is that it is not done yet."""


class _Gone(Exception):
    """Signal: the client went away before its form was whole."""


def unsubscribe_asgi(
    links: UnsubscribeLinks,
    on_unsubscribe: Target,
    *,
    on_undo: Change | None = None,
    titles: Mapping[str, str] | None = None,
) -> AsgiApp:
    """ASGI application that answers these links; the token is the last part of the path, wherever it is mounted.

    `on_unsubscribe(address, list_name)` is awaited, or runs in a thread when it is no coroutine function. When it
    raises the answer is 500 (503 where the store is away, or it took more than 30 seconds), and it may be called again.
    `on_undo` puts the address back, by a button that is valid for an hour; `titles` names lists for people. An outbox
    in the place of `on_unsubscribe` has the address on its suppression list, and takes it off.
    """
    endpoint = UnsubscribeEndpoint(links, on_unsubscribe, on_undo=on_undo, titles=titles)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            try:
                given = await _answer(endpoint, scope, receive)
            except _Gone:
                return
            await _send(given, scope["method"], send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    return app


# The steps.


async def _answer(endpoint: UnsubscribeEndpoint, scope: Scope, receive: Receive) -> PageAnswer:
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client")
    asked = Asked(scope["method"], scope["path"], headers.get(b"accept-language", ""), client[0] if client else "")
    begun = endpoint.begin(asked)
    if isinstance(begun, PageAnswer):
        return begun
    try:
        async with asyncio.timeout(BODY_LIMIT):
            body = await _body(receive)
    except TimeoutError:
        return endpoint.refuse(asked, AnswerKind.TOO_SLOW)
    act = endpoint.decide(asked, begun, headers.get(b"content-type", ""), body)
    if isinstance(act, PageAnswer):
        return act
    try:
        async with asyncio.timeout(CHANGE_LIMIT):
            await _carry_out(act)
    except Exception as error:  # noqa: BLE001 - whatever a program's function raises: it is not done, and we say so
        return endpoint.failed(act, error)
    return endpoint.done(act)


async def _carry_out(act: Act) -> None:
    arguments = act.subscription.address, act.subscription.list_name
    done = act.change(*arguments) if is_awaited(act.change) else await asyncio.to_thread(act.change, *arguments)
    if inspect.isawaitable(done):
        await done


async def _body(receive: Receive) -> bytes:
    """The body, or one octet more than is taken."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _Gone
        body += event.get("body", b"")[: LARGEST + 1]
        if len(body) > LARGEST or not event.get("more_body", False):
            return bytes(body[: LARGEST + 1])


async def _send(given: PageAnswer, method: str, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in given.headers]
    await send({"type": "http.response.start", "status": given.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else given.body})


async def _live(receive: Receive, send: Send) -> None:
    """Start and end with the server, when we are the whole service: there is nothing to do for either."""
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
