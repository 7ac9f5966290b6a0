"""A web server on loopback whose answers are a function of the request, good or hostile."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trustme


@dataclass(frozen=True, slots=True)
class Site:
    """A running server; `connect` takes the place of the connection to any host (`courriel.network.https._connect`)."""

    port: int

    def connect(self, server: object, until: float) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=until - time.monotonic())


@contextmanager
def web(authority: trustme.CA, *names: str, answer: Callable[[bytes], bytes | None]) -> Iterator[Site]:
    """An HTTPS server on loopback for these names; `answer` gives the response to a request, None to drip."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                raw, _ = listening.accept()
                try:
                    raw.settimeout(10)
                    with context.wrap_socket(raw, server_side=True) as line:
                        request = _request(line)
                        if request.startswith(b"STOP"):
                            return
                        if (said := answer(request)) is not None:
                            line.sendall(said)
                        else:
                            _drip(line)
                except OSError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        site = Site(listening.getsockname()[1])
        try:
            yield site
        finally:
            client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
            with client.wrap_socket(site.connect(None, time.monotonic() + 10)) as line:
                line.sendall(b"STOP")
            thread.join()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


def _request(line: ssl.SSLSocket) -> bytes:
    """A whole request: what is left unread when the connection is closed would reset it."""
    request = line.recv(4096)
    head, _, body = request.partition(b"\r\n\r\n")
    fields = dict(field.split(b": ", 1) for field in head.split(b"\r\n") if b": " in field)
    missing = int(fields.get(b"Content-Length", b"0")) - len(body)
    while missing > 0 and (more := line.recv(4096)):
        request += more
        missing -= len(more)
    return request


def _drip(line: ssl.SSLSocket) -> None:
    """Send a header, octet by octet, as slowly as a limit of silence allows, until the client is gone."""
    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    line.settimeout(0.02)
    while True:
        try:
            if not line.recv(1):
                return
        except TimeoutError:
            line.sendall(b"x")
