"""
The redirect of a browser to this machine (RFC 8252 7.3): one request is answered with a page, then nobody listens.

Browsers open connections ahead of need and ask for an icon: several connections are served side by side, and only a
request for the redirect's path whose query answers the login counts.
"""

from __future__ import annotations

import os
import selectors
import socket
import time

from courriel import errors
from courriel.delivery.oauth import pages

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, TypeVar

    T = TypeVar("T")

DEADLINE = 300.0
"""Seconds for the user to log in in the browser."""
_LARGEST_REQUEST = 16 * 1024
_MOST_CONNECTIONS = 20


class Loopback:
    """Listener for one redirect, on 127.0.0.1 and, for the name localhost, on ::1 with the same port.

    `port` is a free one unless it is given; `path` is what the redirect URI has behind the port. Raises UsageError when
    the port, or no port of loopback, can be had.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, path: str = "") -> None:
        self._host, self._path = host, path
        self._listeners = _listeners(port, both=host == "localhost")
        self.port: int = self._listeners[0].getsockname()[1]

    @property
    def redirect_uri(self) -> str:
        """The redirect URI to ask for."""
        return f"http://{self._host}:{self.port}{self._path}"

    def wait(self, take: Callable[[str], T], *, deadline: float = DEADLINE) -> T:
        """Wait for the redirect; returns what `take` makes of its query, while the browser waits for its page.

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

    def _serve(self, selector: selectors.BaseSelector, take: Callable[[str], T], ends: float, deadline: float) -> T:
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
        """The query of a request for our path that answers a login; None for any other request."""
        head, *headers = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, _, rest = head.partition(" ")
        path, mark, query = rest.partition(" ")[0].partition("?")
        hosts = [each.partition(":")[2].strip().lower() for each in headers if each.lower().startswith("host:")]
        ours = {f"{name}:{self.port}" for name in ("localhost", "127.0.0.1", "[::1]")}
        # A page of a name that somebody points to 127.0.0.1 has another Host.
        if method != "GET" or path != (self._path or "/") or not mark or len(hosts) != 1 or hosts[0] not in ours:
            return None
        return query if "code=" in query or "error=" in query else None


# The steps.


def _listeners(port: int, *, both: bool) -> list[socket.socket]:
    """Listening sockets; without a port, one that is free on both addresses is looked for a few times."""
    import errno

    for _ in range(1 if port else 20):
        try:
            four = _listen(socket.AF_INET, "127.0.0.1", port)
        except OSError as failed:
            raise _unavailable(port, failed) from failed
        if not both or not socket.has_ipv6:
            return [four]
        try:
            return [four, _listen(socket.AF_INET6, "::1", four.getsockname()[1])]
        except OSError as failed:
            if failed.errno != errno.EADDRINUSE:
                return [four]  # a machine without IPv6
            four.close()
    raise _unavailable(port, None)


def _unavailable(port: int, failed: OSError | None) -> errors.UsageError:
    if not port:
        return errors.UsageError("no port of this machine is free for the browser's redirect", stage="authenticate")
    reason = failed.strerror if failed is not None else "Address already in use"
    return errors.UsageError(
        f"the browser's redirect cannot be received on port {port} of this machine: {reason}", stage="authenticate"
    )


def _listen(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if port and os.name != "nt":
            # The port of a login that ended a moment ago; one that listens still is not taken over. Windows would.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


def _take_redirect(line: socket.socket, query: str, take: Callable[[str], T]) -> T:
    try:
        taken = take(query)
    except errors.CourrielError as refused:
        _reply(line, "400 Bad Request", pages.refused(refused))
        raise
    else:
        _reply(line, "200 OK", pages.succeeded())
        return taken
    finally:
        line.close()


def _reply(line: socket.socket, status: str, page: str) -> None:
    body = page.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
        f"Content-Security-Policy: {pages.policy()}\r\nConnection: close\r\n\r\n"
    )
    try:
        line.settimeout(2)
        line.sendall(head.encode() + body)
        line.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the browser has gone: the login counts all the same
