"""WSGI application of the unsubscribe endpoint, to be served alone or mounted (Flask, Bottle, Pyramid)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http.client import responses
from typing import Any, TypeAlias

from courriel import errors
from courriel.integrations.unsubscribe.changes import Change, Target
from courriel.integrations.unsubscribe.endpoint import Asked, UnsubscribeEndpoint
from courriel.integrations.unsubscribe.form import LARGEST
from courriel.integrations.unsubscribe.links import UnsubscribeLinks

WsgiApp: TypeAlias = "Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]"


def unsubscribe_wsgi(
    links: UnsubscribeLinks,
    on_unsubscribe: Target,
    *,
    on_undo: Change | None = None,
    titles: Mapping[str, str] | None = None,
) -> WsgiApp:
    """WSGI application that answers these links; the token is the last part of the path, wherever it is mounted.

    When `on_unsubscribe(address, list_name)` raises, the answer is 500 (503 where the store is away), and it may be
    called again. `on_undo` puts the address back, by a button that is valid for an hour; `titles` names lists for
    people. An outbox in the place of `on_unsubscribe` has the address on its suppression list, and takes it off.
    Raises UsageError for a coroutine function, which nobody would await.
    """
    endpoint = UnsubscribeEndpoint(links, on_unsubscribe, on_undo=on_undo, titles=titles)
    if endpoint.awaits:
        raise errors.UsageError("a coroutine function is never awaited in WSGI: take unsubscribe_asgi, or a plain one")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        asked = Asked(
            method,
            environ.get("PATH_INFO", ""),
            environ.get("HTTP_ACCEPT_LANGUAGE", ""),
            environ.get("REMOTE_ADDR", ""),
        )
        body = _body(environ) if method == "POST" else b""
        given = endpoint.respond(asked, environ.get("CONTENT_TYPE", ""), body)
        start_response(f"{given.status} {responses[given.status]}", list(given.headers))
        return [] if method == "HEAD" else [given.body]

    return app


# The steps.


def _body(environ: Mapping[str, Any]) -> bytes:
    """The body, or one octet more than is taken. How long a server waits for it is the server's setting."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit():
        most = min(int(length[:12]), LARGEST + 1)
    else:
        most = LARGEST + 1 if environ.get("wsgi.input_terminated") else 0  # chunked, where the server marks the end
    body: bytes = environ["wsgi.input"].read(most)
    return body
