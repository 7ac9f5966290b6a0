"""Form posts over HTTPS: certificate and name verified, no redirect followed, size and time limited."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from threading import Event, Timer

from courriel import errors
from courriel.delivery.oauth.answers import LONGEST, HttpAnswer, broken
from courriel.delivery.oauth.provider import encoded
from courriel.model.server import Server
from courriel.model.trust import Trust
from courriel.network.tls.contexts import client_context, finish
from courriel.network.translate import translate

TOTAL = 30.0
"""Seconds for one exchange, from connecting to the last byte."""


def post(url: str, fields: dict[str, str], *, trust: Trust | None = None, total: float = TOTAL) -> HttpAnswer:
    """Post a form, and return the response, whatever its status.

    At most `answers.LONGEST` bytes are read, and the whole exchange takes at most `total` seconds. Raises
    ConnectionFailed, TlsFailed, TimedOut, or RemoteProtocolError for an answer that is not HTTP.
    """
    host, path = _parts(url)
    trust = trust or Trust.system()
    name, _, port = host.partition(":")
    server = Server(name, int(port or 443), trust=trust)
    line = http.client.HTTPSConnection(name, server.port, context=client_context(trust), timeout=total)
    opened: list[socket.socket] = []
    cut = Event()
    overdue = Timer(total, _abort, [line, opened, cut])
    overdue.daemon = True
    overdue.start()
    try:
        line.connect()
        opened.append(line.sock)  # the response takes it away from the connection
        _ = finish(line.sock, trust, host)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        line.request("POST", path, encoded(fields).encode(), headers)
        response = line.getresponse()
        body = response.read(LONGEST + 1)
        if cut.is_set():
            # A body without a length ends like any other where the line was cut.
            raise TimeoutError
    except (OSError, http.client.HTTPException, ValueError) as failed:
        raise _failure(url, host, server, failed, cut=cut.is_set()) from None
    finally:
        overdue.cancel()
        line.close()
    return HttpAnswer(
        url,
        response.status,
        response.getheader("Content-Type", ""),
        body,
        response.getheader("Location", ""),
        _skew(response.getheader("Date", "")),
    )


# The steps.


def _parts(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    assert scheme == "https", "checked by Provider"
    host, slash, path = rest.partition("/")
    return host, f"{slash or '/'}{path}"


def _abort(line: http.client.HTTPSConnection, opened: list[socket.socket], cut: Event) -> None:
    """End an exchange that takes too long: its blocked read returns with an error."""
    cut.set()
    ours = opened[0] if opened else line.sock
    if isinstance(ours, socket.socket):
        with suppress(OSError):  # it was closed meanwhile
            # Not the method of SSLSocket, which would let the other thread go on reading without TLS.
            socket.socket.shutdown(ours, socket.SHUT_RDWR)


def _failure(url: str, host: str, server: Server, failed: Exception, *, cut: bool) -> errors.CourrielError:
    # Without "from": frames of http.client hold the form, and error reporters record the locals of frames.
    if cut or isinstance(failed, TimeoutError):
        return errors.TimedOut(
            f"{host} did not answer a request for a token in time",
            stage="authenticate",
            server=host,
            hint_id="OAUTH-SERVER-TROUBLE",
        )
    if isinstance(failed, ssl.SSLError):
        return translate(failed, server, "secure")
    if isinstance(failed, OSError):
        error = translate(failed, server, "connect")
        error.hint_id = "OAUTH-SERVER-TROUBLE"
        return error
    return broken(HttpAnswer(url, 0, "", b""), "this is not HTTP")


def _skew(date: str) -> float | None:
    """The server's clock minus ours."""
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
