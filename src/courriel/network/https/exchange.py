"""One HTTPS exchange: certificate and name verified, size and time limited, no redirect followed unless asked for.

For the few files and forms that belong to mail: tokens, a domain's autoconfiguration, its policies. It blocks; the
awaited colour runs it in a thread.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import suppress
from threading import Event, Timer
from time import monotonic

from courriel import errors
from courriel._dataclass import dataclass, field
from courriel.model.servers.server import Server
from courriel.model.servers.trust import Trust
from courriel.network.connecting import blocking as connecting
from courriel.network.tls.contexts import client_context, finish, name_to_check
from courriel.network.translate import translate

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.errors import Stage

_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class HttpsResponse:
    """Response of an HTTPS server, whatever its status; `url` is the one that answered, after redirects.

    A body that is longer than the limit of the exchange ends one byte behind it.
    """

    url: str
    status: int
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def header(self, name: str) -> str:
        """The first header field of this name, in any case; empty when there is none."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")


def exchange(
    url: str,
    *,
    until: float,
    longest: int,
    form: bytes | None = None,
    accept: str = "*/*",
    redirects: int = 0,
    trust: Trust | None = None,
    stage: Stage = "connect",
) -> HttpsResponse:
    """Fetch `https://host[:port]/path` by GET, or post a `form` (application/x-www-form-urlencoded) to it.

    Everything, the name look-up included, ends at `until` by the monotonic clock, and at most `longest` + 1 bytes of
    the body are read. So many `redirects` of a GET are followed, to the same host and port by HTTPS only; any other is
    returned as the response that it is. `stage` is for errors once connected.

    Raises NameNotFound, ConnectionFailed, TlsFailed (its cause is the SSLCertVerificationError when it is about the
    certificate), TimedOut, RemoteProtocolError for what is not HTTP, and InvalidServer for an impossible host.
    """
    place = _Place.of(url)
    request = _Request(form, accept, longest, until, trust or Trust.system(), stage)
    del form  # error reporters record the locals of frames
    while True:
        response = _exchange_once(place, request)
        moved = place.moved(response.header("Location")) if response.status in _REDIRECTS else None
        if moved is None or redirects <= 0 or request.form is not None:
            return response
        place, redirects = moved, redirects - 1


# The steps.


@dataclass(frozen=True, slots=True)
class _Place:
    """A parsed URL; `authority` is host and port as the URL has them."""

    authority: str
    host: str
    port: int
    target: str

    @classmethod
    def of(cls, url: str) -> _Place:
        """Parse an https URL. Raises UsageError."""
        scheme, _, rest = url.partition("://")
        authority, _, path = rest.partition("/")
        host, colon, port = authority.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit() and len(port) <= 5):
            host, port = authority, "443"
        if scheme != "https" or not host:
            raise errors.UsageError("an address of the web is https://host/path here")
        return cls(authority, host.strip("[]"), int(port), f"/{path}")

    @property
    def url(self) -> str:
        return f"https://{self.authority}{self.target}"

    def moved(self, location: str) -> _Place | None:
        """The place of a redirect that stays on this host and port by HTTPS; None otherwise."""
        beginning = f"https://{self.authority}/"
        if location.startswith(beginning):
            location = location[len(beginning) - 1 :]
        if not location.startswith("/") or location.startswith("//"):
            return None
        return _Place(self.authority, self.host, self.port, location)


@dataclass(frozen=True, slots=True)
class _Request:
    form: bytes | None = field(repr=False)
    accept: str
    longest: int
    until: float
    trust: Trust
    stage: Stage


def _exchange_once(place: _Place, request: _Request) -> HttpsResponse:
    server = Server(place.host, place.port, trust=request.trust)
    context = client_context(request.trust)
    stage: Stage = "connect"
    raw: socket.socket | None = None
    # The limit of a socket is one of silence; the whole exchange has its own.
    overdue = _Overdue(request.until)
    try:
        overdue.opened(raw := _connect(server, request.until))
        stage = "secure"
        with context.wrap_socket(raw, server_hostname=name_to_check(place.host), do_handshake_on_connect=False) as line:
            overdue.opened(line)  # it has taken the descriptor away from the other
            line.do_handshake()
            _ = finish(line, request.trust, str(server))
            stage = request.stage
            response = _read_response(line, place, request)
        overdue.check()
        return response
    except errors.CourrielError:
        raise  # some of them are OSErrors too
    except ssl.SSLCertVerificationError as refused:
        raise _failure(refused, server, stage, late=False) from refused
    except (OSError, http.client.HTTPException, ValueError) as failed:
        # Without "from": frames of http.client hold the form.
        raise _failure(failed, server, stage, late=overdue.late) from None
    finally:
        overdue.cancel()
        if raw is not None:
            raw.close()


def _connect(server: Server, until: float) -> socket.socket:
    line = connecting.reach(server, until)
    line.settimeout(max(0.001, until - monotonic()))
    return line


def _read_response(line: ssl.SSLSocket, place: _Place, request: _Request) -> HttpsResponse:
    connection = http.client.HTTPConnection(place.host)
    connection.sock = line
    headers = {"Host": place.authority, "Accept": request.accept, "Connection": "close"}
    if request.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request("GET" if request.form is None else "POST", place.target, request.form, headers)
    with connection.getresponse() as response:
        body = response.read(request.longest + 1)
        return HttpsResponse(place.url, response.status, body, tuple(response.getheaders()))


class _Overdue:
    """End of an exchange that takes too long: its connection is cut, and a blocked read returns with an error."""

    def __init__(self, until: float) -> None:
        self._line: socket.socket | None = None
        self._cut = Event()
        self._timer = Timer(max(until - monotonic(), 0), self._end)
        self._timer.daemon = True
        self._timer.start()

    def opened(self, line: socket.socket) -> None:
        """Name the connection to cut."""
        self._line = line
        if self.late:
            self._end()

    @property
    def late(self) -> bool:
        """State of the timer: the time is over, and the connection was cut."""
        return self._cut.is_set()

    def check(self) -> None:
        """Raise TimeoutError when the connection was cut: a body without a length ends there like any other."""
        if self.late:
            raise TimeoutError

    def cancel(self) -> None:
        """End the watch."""
        self._timer.cancel()

    def _end(self) -> None:
        self._cut.set()
        if self._line is not None:
            with suppress(OSError):  # it was closed meanwhile
                # Not the method of SSLSocket, which would let the other thread go on reading without TLS.
                socket.socket.shutdown(self._line, socket.SHUT_RDWR)


def _failure(failed: Exception, server: Server, stage: Stage, *, late: bool) -> errors.CourrielError:
    if late or isinstance(failed, TimeoutError):
        return errors.TimedOut(
            f"{server.host} did not answer an HTTPS request in time", stage=stage, server=str(server)
        )
    if isinstance(failed, OSError):
        return translate(failed, server, stage)
    return errors.RemoteProtocolError(
        f"{server.host} does not answer as a web server: this is not HTTP", stage=stage, server=str(server)
    )
