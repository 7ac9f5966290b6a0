"""
`courriel worker --health`: an HTTP endpoint, or a file, that tells a container or a monitor the health of a worker.

The endpoint answers one request per connection, and trusts no client: a request has 4 KB and five seconds, and above
the limit of connections the oldest one is closed.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import socket
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Protocol

import click

from courriel.cli.i18n import say, visible
from courriel.failures import spoken

Look = Callable[[], tuple[int, dict[str, object]]]
"""Function that returns the HTTP status, and the JSON object of the answer."""

_ADDRESS = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):)?(?P<port>[0-9]+)")
_REQUEST = re.compile(rb"(?P<method>[A-Z]{1,20}) (?P<path>/[!-~]*) HTTP/1\.[0-9]\r?\n")
_MOST_OCTETS = 4096  # of a request
_LIMIT = 5.0  # seconds for a request and its response
_MOST = 32  # connections at a time
_PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 431: "Headers Too Large",
            503: "Service Unavailable"}  # fmt: skip
_FIGURES = "text/plain; version=0.0.4; charset=utf-8"
_WRITE_EVERY = 5.0  # seconds between two writes of the file


class Sign(Protocol):
    """A place where monitors find the health of the worker."""

    @property
    def place(self) -> str:
        """URL or path, for messages."""
        ...

    def show(self) -> None:
        """Update the sign, called every second."""
        ...

    def close(self) -> None:
        """Remove the sign when the worker ends."""
        ...


def sign_at(place: str, ready: Look, live: Look) -> Sign:
    """Create the endpoint or the file of the option `--health`. Raises click.UsageError, OSError.

    `ready` tells whether mail is being sent, `live` whether the process can still do so: an error that a new process
    would not mend is no reason to restart it.
    """
    if found := _ADDRESS.fullmatch(place):
        host, port = (found["host"] or "127.0.0.1").strip("[]"), found["port"]
        if len(port) > 5 or int(port) > 65_535:
            raise click.UsageError(say(f"--health : {place} n'est pas un port", f"--health: {place} is no port"))
        return HealthPort(host, int(port), ready, live)
    return HealthFile(Path(place).absolute(), ready)


def _listening(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    """A listening socket. Raises OSError, with the address and the reason in the language of the terminal."""
    try:
        return socket.create_server((host, port), family=family, backlog=64)
    except OSError as failed:
        if failed.errno == errno.EADDRINUSE:
            reason = say("un autre programme occupe ce port", "another program uses this port")
        else:
            reason = spoken(os.strerror(failed.errno)) if failed.errno and failed.errno > 0 else spoken(str(failed))
        raise OSError(failed.errno, f"--health: {host}:{port}: {reason}") from failed


class HealthPort:
    """HTTP server for GET and HEAD of the health (`/`, `/health`, `/live`) and of the metrics (`/metrics`).

    `ready` answers `/` and `/health`, `live` answers `/live`, and `page` answers `/metrics`, once it is set.
    """

    page: Callable[[], bytes] | None = None
    """Returns the metrics for Prometheus; it may block on the outbox, and is called in a separate thread."""

    def __init__(self, host: str, port: int, ready: Look, live: Look) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = _listening(host, port, family)
        host, port = self._socket.getsockname()[:2]
        self.place = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
        """Its URL, with the port chosen by the system where 0 was given."""
        self._looks = {"/": ready, "/health": ready, "/live": live}
        self._open: dict[_Conversation, None] = {}  # the oldest one first
        self._loop = asyncio.new_event_loop()
        self._listens = Event()
        self._reader = ThreadPoolExecutor(1, "courriel figures")
        self._thread = Thread(target=self._run, name="courriel health", daemon=True)
        self._thread.start()
        self._listens.wait(_LIMIT)

    def show(self) -> None:
        """Does nothing: each request is answered from the current state."""

    def close(self) -> None:
        """Close all connections and the port."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LIMIT)
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._socket.close()

    def respond(self, conversation: _Conversation, request: bytes) -> None:
        """Answer the head of a request, at once or when the metrics are read."""
        asked = _REQUEST.match(request)
        if asked is None or self.page is None or asked["path"] != b"/metrics":
            conversation.finish(self.answer(request))
            return
        read = self._loop.run_in_executor(self._reader, self.page)
        read.add_done_callback(lambda done: conversation.finish(_figures(done)))

    def answer(self, request: bytes) -> bytes:
        """The whole response to the head of a request, except for metrics."""
        asked = _REQUEST.match(request)
        if asked is None:
            return _answer(400, {"error": "not an HTTP request"})
        if asked["method"] not in (b"GET", b"HEAD"):
            return _answer(405, {"error": "GET or HEAD"}, b"Allow: GET, HEAD\r\n")
        look = self._looks.get(asked["path"].partition(b"?")[0].decode(), _nowhere)
        status, values = look()
        return _answer(status, values, with_body=asked["method"] == b"GET")

    # The steps.

    def enter(self, conversation: _Conversation) -> None:
        """Register a new connection; above the limit the oldest one is closed."""
        if len(self._open) >= _MOST:
            next(iter(self._open)).hang_up()
        self._open[conversation] = None

    def leave(self, conversation: _Conversation) -> None:
        """Remove a closed connection."""
        self._open.pop(conversation, None)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Conversation(self, self._loop), sock=self._socket)
        )
        self._loop.call_soon(self._listens.set)
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for conversation in list(self._open):
                conversation.hang_up()
            self._loop.run_until_complete(asyncio.sleep(0))  # the sockets are closed in the next iteration of the loop
            self._loop.close()


class _Conversation(asyncio.Protocol):
    """One connection: a request and its response."""

    def __init__(self, port: HealthPort, loop: asyncio.AbstractEventLoop) -> None:
        self._port, self._loop = port, loop
        self._head = bytearray()
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._limit = self._loop.call_later(_LIMIT, transport.abort)
        self._port.enter(self)

    def data_received(self, data: bytes) -> None:
        if self._answered:
            return
        seen = max(0, len(self._head) - 3)
        self._head += data
        # A head ends with an empty line; some end their lines without CR (RFC 9112, 2.2).
        if self._head.find(b"\r\n\r\n", seen) >= 0 or self._head.find(b"\n\n", seen) >= 0:
            self._answered = True
            self._port.respond(self, bytes(self._head[:_MOST_OCTETS]))
        elif len(self._head) > _MOST_OCTETS:
            self.finish(_answer(431, {"error": f"more than {_MOST_OCTETS} octets"}))

    def eof_received(self) -> bool:
        return self._answered  # a client may close its sending half after the request

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit.cancel()
        self._port.leave(self)

    def hang_up(self) -> None:
        """Cut the connection at once, with or without a response."""
        self._port.leave(self)
        self._transport.abort()

    def finish(self, answer: bytes) -> None:
        """Send the response, and close."""
        self._answered = True
        self._transport.write(answer)
        self._transport.close()  # after the response is sent; the time limit still applies


class HealthFile:
    """A file that is rewritten every five seconds while mail is being sent: its age tells the health of the worker.

    While a worker hangs, is stopped, or cannot use its outbox the file is not rewritten; at the end of the worker it is
    deleted.
    """

    def __init__(self, path: Path, ready: Look) -> None:
        self._path, self._ready, self.place = path, ready, str(path)
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._written = float("-inf")
        if path.exists() and not stat.S_ISREG(path.lstat().st_mode):
            raise click.UsageError(
                say(f"--health : {visible(str(path))} n'est pas un fichier ordinaire",
                    f"--health: {visible(str(path))} is not a regular file")
            )  # fmt: skip
        self._write(b"")  # a path that cannot be written is an error at the start
        self._path.unlink(missing_ok=True)

    def show(self) -> None:
        """Rewrite the file when due."""
        now = monotonic()
        if now - self._written < _WRITE_EVERY:
            return
        status, values = self._ready()
        if status == 200:
            self._written = now
            try:
                self._write(_json(values))
            except OSError:
                self._written = float("-inf")  # not rewritten from now on, so that monitors see it grow old

    def close(self) -> None:
        """Delete the file."""
        self._path.unlink(missing_ok=True)

    def _write(self, content: bytes) -> None:
        self._part.unlink(missing_ok=True)
        file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.write(file, content)
        finally:
            os.close(file)
        self._part.replace(self._path)


# The steps.


def _nowhere() -> tuple[int, dict[str, object]]:
    return 404, {"error": "/health or /live"}


def _json(values: dict[str, object]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _figures(read: asyncio.Future[bytes]) -> bytes:
    if read.cancelled() or read.exception() is not None:
        return _answer(503, {"error": "the figures could not be read"})
    body = read.result()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {_FIGURES}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def _answer(status: int, values: dict[str, object], more: bytes = b"", *, with_body: bool = True) -> bytes:
    body = _json(values)
    head = (
        f"HTTP/1.1 {status} {_PHRASES[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n"
    ).encode()
    return head + more + b"\r\n" + (body if with_body else b"")
