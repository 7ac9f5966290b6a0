"""Guard before every request: names, origins, password, sizes; and the headers that keep a hostile mail harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response

from courriel.sandbox.web.access import Access

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 48 * 1024 * 1024
"""Octets of a request's body: a mail in base64 in JSON is a third larger than the mail."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of our own pages: nothing from outside, no script or style within the text."""

_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # not no-referrer: our own forms would say that they come from nowhere
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class TooLarge(Exception):
    """Signal: a body has more octets than are taken."""


class Guard:
    """ASGI application around another: asks for host, origin and password first, and adds the headers of safety."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = False

        async def careful_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refusal(Headers(scope=scope), scope["method"], scope["path"])
        if refused is not None:
            await refused(scope, receive, careful_send)
            return
        try:
            await self._app(scope, _limited(receive), careful_send)
        except TooLarge:
            if not started:
                await answer(scope["path"], 413, f"A request has {LARGEST:,} octets at most")(
                    scope, receive, careful_send
                )

    # The steps.

    def _refusal(self, headers: Headers, method: str, path: str) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._access.knows(hosts[0]):
            # A stranger's page whose name was made to lead here (DNS rebinding) reads nothing.
            return answer(path, 403, "This server is not known by that name; it is opened by: --allow-host NAME")
        if not _of_this_page(headers, hosts[0], method):
            return answer(path, 403, "Requests of other pages are refused")
        if not self._access.admits(headers.get("authorization", "")):
            refused = answer(path, 401, "A password is needed; the practice server printed it when it began")
            refused.headers["WWW-Authenticate"] = 'Basic realm="courriel", charset="UTF-8"'
            return refused
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > LARGEST:
            return answer(path, 413, f"A request has {LARGEST:,} octets at most")
        return None


# The steps.


def _of_this_page(headers: Headers, host: str, method: str) -> bool:
    """Whether it may come from a page of ours, or from no page at all; links from elsewhere may open a page."""
    origin = headers.get("origin")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        return False
    site = headers.get("sec-fetch-site", "none")
    if site in ("none", "same-origin"):
        return True
    # From another page: only as a link that is followed, never as a picture, a script, a frame or a form.
    return (
        method in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _limited(receive: Receive) -> Receive:
    """Receive that counts: the length that was announced need not be true."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST:
            raise TooLarge
        return message

    return counted


def answer(path: str, status: int, sentence: str) -> Response:
    """Refusal of a request: JSON for the API, a line of text for people."""
    if path.startswith("/api/"):
        return JSONResponse({"error": sentence, "Error": sentence}, status)
    return PlainTextResponse(sentence + "\n", status)
