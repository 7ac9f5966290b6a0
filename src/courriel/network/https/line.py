"""
HTTPS connection for requests that must not be doubled: whether a request can have been carried out is always known.

The last octet of a request is held back. Before it leaves, the connection is looked at (a server that has hung up, or
has answered already, got no whole request) and the caller's guard is asked; what fails from then on is in doubt. The
connection is kept for the next request of the next seconds. `network.https.exchange` is for exchanges that may be
repeated.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from contextlib import suppress
from time import monotonic

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.model.servers.server import Server
from courriel.network import forks
from courriel.network.connecting import blocking as connecting
from courriel.network.https.exchange import HttpsResponse
from courriel.network.tls.contexts import client_context, finish
from courriel.network.translate import overdue, silent, translate

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.errors import Stage
    from courriel.model.submission import EndGuard

_PIECE = 64 * 1024  # octets that are written before the server's answer is looked for again
_MOST_INTERIM = 10  # answers before the answer; each may have a whole header
_KEPT = 4.0  # seconds for which a silent connection is used again: some servers close theirs after five


@dataclass(frozen=True, slots=True)
class HttpsRequest:
    """A request with its header fields and body; what stands in them is never shown.

    Raises UsageError for a header value that could not be sent: a control character would begin another field.
    """

    method: str
    target: str
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        # Not in a loop, whose variable an error report would show.
        wrong = next((name for name, value in self.fields if not (value.isascii() and value.isprintable())), "")
        if wrong:
            raise errors.UsageError(
                f"{wrong}: a character in it, such as a line end, is none that a request can carry",
                stage="authenticate",
                hint_id="PASSWORD-NOT-FOUND",
            )

    def octets(self, host: str) -> memoryview:
        """The whole request; a view, so that no error report shows it."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if self.method != "GET":
            lines.append(f"Content-Length: {len(self.body)}")
        return memoryview("\r\n".join([*lines, "", ""]).encode("ascii") + self.body)


class HttpsLine:
    """Connection to one server, for one thread at a time; it connects when it has to. `hang_up` is for any thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._line: ssl.SSLSocket | None = None
        self._used = 0.0
        self._cut = False
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        if self._line is not None:
            forks.drop(self._line)
            self._line = None

    def exchange(self, request: HttpsRequest, *, longest: int, before_end: EndGuard | None = None) -> HttpsResponse:
        """Send a request, and return the response, whatever its status; no redirect is followed.

        At most `longest` + 1 octets of its body are read. `before_end` is asked directly before the octet leaves that
        completes the request: at a false answer the connection is cut, and NotPermitted is raised. Raises NameNotFound,
        ConnectionFailed, ProxyError, TlsFailed, TimedOut and RemoteProtocolError; with `in_doubt` once that octet may
        have left.
        """
        limits = self._server.timeouts
        ends = monotonic() + limits.total if limits.total is not None else float("inf")
        self._cut = False
        line = self._open_line(ends)
        keep = False
        try:
            octets = request.octets(_host_of(self._server))
            early = self._begin(line, octets[:-1], ends) or self._heard(line)
            whole = not early
            if whole:
                self._ask(before_end)
            # One limit for the end and the answer: the outbox's lease on the mail outlives it.
            until = min(ends, monotonic() + limits.message)
            if whole:
                self._end(line, octets[-1:], until)
            response, keep = self._response(line, early, longest, until, whole=whole)
            self._used = monotonic()
            if not whole and 200 <= response.status < 300:
                raise self._answered_early()
            return response
        finally:
            if not keep:
                self.close()

    def open(self) -> None:
        """Connect now, and check the certificate; `exchange` does so by itself. Raises as it does, never in doubt."""
        self._cut = False
        limit = self._server.timeouts.total
        _ = self._open_line(monotonic() + limit if limit is not None else float("inf"))

    @property
    def connected(self) -> bool:
        """Whether a connection is open."""
        return self._line is not None

    def hang_up(self) -> None:
        """Abort the exchange that runs, from any thread: it fails, and may be in doubt."""
        self._cut = True
        line = self._line
        if line is not None:
            with suppress(OSError):  # it was closed meanwhile
                # Not the method of SSLSocket, which would let the other thread go on reading without TLS.
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, if there is one."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    # The steps.

    def _open_line(self, ends: float) -> ssl.SSLSocket:
        """A connection that is open now; one that has said something unasked is not used."""
        line = self._line
        if line is not None and monotonic() - self._used < _KEPT:
            with suppress(errors.CourrielError):
                if not self._heard(line):
                    return line
        self.close()
        self._line = line = self._connected(ends)
        self._refuse_if_cut()
        return line

    def _connected(self, ends: float) -> ssl.SSLSocket:
        server, limits = self._server, self._server.timeouts
        context = client_context(server.trust, server.client_certificate)
        stage: Stage = "connect"
        raw: socket.socket | None = None
        try:
            raw = connecting.reach(server, min(ends, monotonic() + limits.connect))
            stage = "secure"
            self._line = line = connecting.begin_tls(raw, server, context)  # `hang_up` ends the handshake, too
            raw = line
            self._refuse_if_cut()
            connecting.shake_hands(line, self._left(ends, limits.secure, stage))
            _ = finish(line, server.trust, str(server))
        except errors.CourrielError:
            self._line = None
            _close(raw)
            raise
        except OSError as failed:
            self._line = None
            _close(raw)
            if self._cut:
                raise self._failure(failed, stage, in_doubt=False) from None
            raise translate(failed, server, stage) from failed
        return line

    def _begin(self, line: ssl.SSLSocket, octets: memoryview, ends: float) -> bytes:
        """Write all but the end; returns what the server has said meanwhile, and stops there."""
        try:
            for place in range(0, len(octets), _PIECE):
                if place and (early := self._heard(line)):
                    return early
                line.settimeout(self._left(ends, self._server.timeouts.data, "data"))
                line.sendall(octets[place : place + _PIECE])
        except errors.CourrielError:
            raise
        except OSError as failed:
            with suppress(errors.CourrielError):
                if early := self._heard(line):
                    return early  # it refused the request before it had all of it
            raise self._failure(failed, "data", in_doubt=False) from None
        return b""

    def _ask(self, before_end: EndGuard | None) -> None:
        if before_end is not None and not before_end():
            raise errors.NotPermitted("the end of the message was held back, so nothing was delivered", stage="message")
        self._refuse_if_cut()

    def _refuse_if_cut(self) -> None:
        if self._cut:
            raise self._failure(ConnectionAbortedError(), "data", in_doubt=False)

    def _end(self, line: ssl.SSLSocket, octets: memoryview, until: float) -> None:
        left = self._left(until, self._server.timeouts.message, "message")
        try:
            line.settimeout(left)
            line.sendall(octets)
        except OSError as failed:
            raise self._failure(failed, "message", in_doubt=True) from None

    def _response(
        self, line: ssl.SSLSocket, early: bytes, longest: int, until: float, *, whole: bool
    ) -> tuple[HttpsResponse, bool]:
        """The response, and whether the connection can be used again."""
        source = _Octets(line, early, until)
        reader = _Reader(source)
        try:
            with _begun(reader) as response:
                if source.at_end:
                    raise http.client.HTTPException  # it ended within its header
                body = response.read(longest + 1)
                unread = not response.isclosed()
        except errors.CourrielError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as failed:
            # Without "from": frames of http.client are no help.
            raise self._failure(failed, "message", in_doubt=whole) from None
        source.ended = True
        # The answer to one request must never be taken for that of the next.
        keep = whole and response.status >= 200 and not unread and not response.will_close and not reader.peek(1)
        url = f"https://{_host_of(self._server)}"
        return HttpsResponse(url, response.status, body, tuple(response.getheaders())), keep

    def _heard(self, line: ssl.SSLSocket) -> bytes:
        """Octets of the server that nobody has read; b"" for none. Raises ConnectionFailed when it is gone."""
        try:
            line.settimeout(0)
            said = line.recv(_PIECE)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as failed:
            raise self._failure(failed, "data", in_doubt=False) from None
        if not said:
            raise self._failure(ConnectionResetError("the server hung up"), "data", in_doubt=False)
        return said

    def _left(self, ends: float, limit: float, stage: Stage) -> float:
        left = min(ends - monotonic(), limit)
        if left <= 0:
            raise overdue(self._server, stage, self._server.timeouts.total or limit)
        return left

    def _failure(self, failed: Exception, stage: Stage, *, in_doubt: bool) -> errors.CourrielError:
        server = self._server
        error: errors.CourrielError
        if self._cut:
            error = errors.ConnectionFailed(f"{server}: the request was aborted here", stage=stage, server=str(server))
        elif isinstance(failed, TimeoutError):
            error = silent(server, stage, server.timeouts.of(stage))
        elif isinstance(failed, OSError):
            error = translate(failed, server, stage)
        else:
            error = errors.RemoteProtocolError(
                f"{server.host} does not answer as a web server: this is not HTTP", stage=stage, server=str(server)
            )
        error.in_doubt = in_doubt
        return error

    def _answered_early(self) -> errors.RemoteProtocolError:
        server = self._server
        sentence = f"{server.host} accepted a request of which it had not got the end"
        return errors.RemoteProtocolError(sentence, stage="message", server=str(server), in_doubt=True)


def _host_of(server: Server) -> str:
    return server.host if server.port == 443 and ":" not in server.host else str(server)


def _begun(reader: _Reader) -> http.client.HTTPResponse:
    """The answer, its header read; what is no answer yet (103 Early Hints) is passed over."""
    for _ in range(_MOST_INTERIM):
        response = _head(reader)
        if not 100 < response.status < 200:
            return response
        response.close()
    return _head(reader)


def _head(reader: _Reader) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(_AsSocket(reader))  # type: ignore[arg-type]
    try:
        response.begin()
    except BaseException:
        response.close()  # the collector would close it after its reader, and Python 3.14 would complain
        raise
    return response


def _close(line: socket.socket | None) -> None:
    if line is not None:
        line.close()


# Reading with one limit for the whole answer: that of a socket is one of silence, and who drips is never silent.


class _Octets(io.RawIOBase):
    def __init__(self, line: ssl.SSLSocket, early: bytes, until: float) -> None:
        self._line, self._early, self._until = line, early, until
        self.ended = False
        self.at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.ended:
            return 0
        if self._early:
            taken = self._early[: len(buffer)]
            self._early = self._early[len(taken) :]
            buffer[: len(taken)] = taken
            return len(taken)
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError
        self._line.settimeout(left)
        read = self._line.recv_into(buffer)
        self.at_end = read == 0
        return read


class _Reader(io.BufferedReader):
    def close(self) -> None:
        """Stay open: what follows the answer is looked at after the answer was read."""


class _AsSocket:
    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> _Reader:
        return self._reader
