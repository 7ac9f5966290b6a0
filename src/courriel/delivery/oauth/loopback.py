"""
The redirect of a browser to this machine (RFC 8252 7.3): one request is answered with a page, then nobody listens.

Browsers open connections ahead of need and ask for an icon: several connections are served side by side, and only a
request for "/" whose query answers the login counts.
"""

from __future__ import annotations

import selectors
import socket
import time

from courriel import errors
from courriel.failures import language

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

DEADLINE = 300.0
"""Seconds for the user to log in in the browser."""
_LARGEST_REQUEST = 16 * 1024
_MOST_CONNECTIONS = 20

_PAGES = {
    True: (
        ("Connexion réussie", "Vous pouvez fermer cette fenêtre et retourner au terminal."),
        ("Logged in", "You may close this window, and go back to the terminal."),
    ),
    False: (
        ("La connexion n'a pas abouti", "Vous pouvez fermer cette fenêtre ; le terminal dit pourquoi."),
        ("The login did not succeed", "You may close this window; the terminal says why."),
    ),
}

_PAGE = """<!doctype html>
<html lang="{language}"><meta charset="utf-8"><title>courriel: {title}</title>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 30em"><h1>{title}</h1><p>{text}</p>
"""


class Loopback:
    """Listener for one redirect, on 127.0.0.1 and, for the name localhost, on ::1 with the same port.

    Raises UsageError when no port of loopback can be had.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self._listeners = _listeners(both=host == "localhost")
        self.port: int = self._listeners[0].getsockname()[1]

    @property
    def redirect_uri(self) -> str:
        """The redirect URI to ask for."""
        return f"http://{self._host}:{self.port}"

    def wait(self, take: Callable[[str], str], *, deadline: float = DEADLINE) -> str:
        """Wait for the redirect; returns what `take` makes of its query.

        An error of `take` is raised here, once the browser has got its page. Raises TimedOut after `deadline` seconds.
        """
        ends = time.monotonic() + deadline
        with selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            try:
                return self._serve(selector, take, ends, deadline)
            finally:
                for key in list(selector.get_map().values()):
                    if isinstance(key.data, bytearray) and isinstance(key.fileobj, socket.socket):
                        key.fileobj.close()

    def close(self) -> None:
        """Close the listening sockets."""
        for listener in self._listeners:
            listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The steps.

    def _serve(self, selector: selectors.BaseSelector, take: Callable[[str], str], ends: float, deadline: float) -> str:
        while (left := ends - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                assert isinstance(key.fileobj, socket.socket)
                if key.data is None:
                    _accept(selector, key.fileobj)
                    continue
                query = self._query_of(selector, key.fileobj, key.data)
                if query is not None:
                    return _take_redirect(key.fileobj, query, take)
        raise errors.TimedOut(
            f"the browser did not come back within {deadline:g} s",
            stage="authenticate",
            hint_id="OAUTH-LOGIN-TOO-LATE",
        )

    def _query_of(self, selector: selectors.BaseSelector, line: socket.socket, request: bytearray) -> str | None:
        """The query of the redirect, when this connection has brought it; other requests are answered here."""
        try:
            arrived = line.recv(4096)
        except BlockingIOError:
            return None
        except OSError:
            arrived = b""
        request += arrived
        if arrived and b"\r\n\r\n" not in request and len(request) <= _LARGEST_REQUEST:
            return None
        selector.unregister(line)
        target = self._target(bytes(request)) if arrived else None
        if target is None:
            if arrived:
                _reply(line, "404 Not Found", "")
            line.close()
            return None
        return target

    def _target(self, request: bytes) -> str | None:
        """The query of a request for "/" of ours that answers a login; None for any other request."""
        head, *headers = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, _, rest = head.partition(" ")
        path, mark, query = rest.partition(" ")[0].partition("?")
        hosts = [each.partition(":")[2].strip().lower() for each in headers if each.lower().startswith("host:")]
        ours = {f"{name}:{self.port}" for name in ("localhost", "127.0.0.1", "[::1]")}
        # A page of a name that somebody points to 127.0.0.1 has another Host.
        if method != "GET" or path != "/" or not mark or len(hosts) != 1 or hosts[0] not in ours:
            return None
        return query if "code=" in query or "error=" in query else None


# The steps.


def _listeners(*, both: bool) -> list[socket.socket]:
    """Listening sockets; a port that is free on both addresses is looked for a few times."""
    for _ in range(20):
        four = _listen(socket.AF_INET, "127.0.0.1", 0)
        if not both or not socket.has_ipv6:
            return [four]
        try:
            return [four, _listen(socket.AF_INET6, "::1", four.getsockname()[1])]
        except OSError as failed:
            import errno

            if failed.errno != errno.EADDRINUSE:
                return [four]  # a machine without IPv6
            four.close()
    raise errors.UsageError("no port of this machine is free for the browser's redirect", stage="authenticate")


def _listen(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.bind((address, port))
        listener.listen(_MOST_CONNECTIONS)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _accept(selector: selectors.BaseSelector, listener: socket.socket) -> None:
    try:
        line, _ = listener.accept()
    except OSError:
        return
    line.setblocking(False)
    if len(selector.get_map()) > _MOST_CONNECTIONS:
        line.close()
        return
    selector.register(line, selectors.EVENT_READ, bytearray())


def _take_redirect(line: socket.socket, query: str, take: Callable[[str], str]) -> str:
    try:
        taken = take(query)
    except errors.CourrielError:
        _reply(line, "400 Bad Request", _page(succeeded=False))
        raise
    else:
        _reply(line, "200 OK", _page(succeeded=True))
        return taken
    finally:
        line.close()


def _page(*, succeeded: bool) -> str:
    spoken = language()
    title, text = _PAGES[succeeded][0 if spoken == "fr" else 1]
    return _PAGE.format(language=spoken, title=title, text=text)


def _reply(line: socket.socket, status: str, page: str) -> None:
    body = page.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nConnection: close\r\n\r\n"
    )
    try:
        line.settimeout(2)
        line.sendall(head.encode() + body)
        line.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the browser has gone: the login counts all the same
