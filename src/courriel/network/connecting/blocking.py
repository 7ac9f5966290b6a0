"""Opening a blocking connection: reach the server, secure it by TLS, probe what its port speaks."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable
from time import monotonic

from courriel.model.servers.server import Server
from courriel.network.connecting import resolve
from courriel.network.connecting.resolve import AddressesFailed, Place

TYPE_CHECKING = False

if TYPE_CHECKING:
    import ssl

    from courriel.model.servers.proxy import Proxy


def reach(server: Server, ends: float) -> socket.socket:
    """A socket connected to the server before `ends` (monotonic), through its proxy where it has one.

    Raises OSError, TimeoutError among them, and ProxyError.
    """
    if server.proxy is not None:
        from courriel.network.connecting.proxy import blocking, environment  # noqa: PLC0415 - most servers have none

        proxy = environment.proxy_of(server)
        if proxy is not None:
            return blocking.reach(server, proxy, ends, places_of, _reach_directly)
    return _reach_directly(server, ends)


def places_of(server: Server | Proxy, ends: float) -> list[Place]:
    """The addresses of a server, looked up before `ends` (monotonic). Raises OSError, TimeoutError among them."""
    known = resolve.places_at_once(server)
    if known is not None:
        return known
    from queue import Empty, SimpleQueue  # noqa: PLC0415 - not for addresses

    answers: SimpleQueue[list[Place] | OSError] = SimpleQueue()
    resolve.ask(server, answers.put)
    try:
        answer = answers.get(timeout=max(0.001, ends - monotonic()))
    except Empty:
        raise TimeoutError("the name service did not answer") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def reach_one_of(places: list[Place], ends: float) -> socket.socket:
    """A socket connected to the first address that answers before `ends`; see `happy_eyeballs`. Raises OSError."""
    if len(places) == 1:
        return _reach_alone(places[0], ends)
    from selectors import EVENT_WRITE, DefaultSelector  # noqa: PLC0415 - for several addresses, as the next

    from courriel.network.connecting.happy_eyeballs import HappyEyeballs  # noqa: PLC0415

    race = HappyEyeballs(places, ends)
    running: dict[socket.socket, Place] = {}
    try:
        with DefaultSelector() as called:
            while race.goes_on(len(running)):
                while place := race.starter(len(running)):
                    try:
                        line = _call(place)
                    except OSError as unreachable:
                        race.lost(place, unreachable)
                    else:
                        running[line] = place
                        called.register(line, EVENT_WRITE, line)
                for answer, _ in called.select(race.patience()) if running else ():
                    line = answer.data
                    called.unregister(line)
                    if not (said := line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                        _close(other for other in running if other is not line)
                        return _hurry(line)
                    race.lost(running.pop(line), OSError(said, os.strerror(said)))
                    line.close()
            raise race.failure(list(running.values()))
    except BaseException:
        # Also for Ctrl-C, which may come when one is connected already.
        _close(running)
        raise


def begin_tls(line: socket.socket, server: Server, context: ssl.SSLContext) -> ssl.SSLSocket:
    """The socket that takes the place of this one, before the TLS handshake. Raises OSError; then both are closed."""
    from courriel.network.tls import contexts  # noqa: PLC0415 - not needed without TLS

    name = contexts.name_to_check(server.expected_name)
    return context.wrap_socket(line, server_hostname=name, do_handshake_on_connect=False)


def shake_hands(secured: ssl.SSLSocket, seconds: float) -> None:
    """The TLS handshake; the certificate is not yet checked by `finish`. Raises OSError, TimeoutError among them."""
    secured.settimeout(seconds)
    secured.do_handshake()


def probe(server: Server, seconds: float, *, by_tls: bool) -> bytes:
    """The TLS version (`by_tls`) or the first line that the port speaks on a connection of its own; b"" for neither."""
    ends = monotonic() + seconds
    try:
        with reach(server, ends) as line:
            line.settimeout(max(0.001, ends - monotonic()))
            if not by_tls:
                return _first_line(line, ends)
            from courriel.network.tls import contexts  # noqa: PLC0415

            with contexts.probing_context().wrap_socket(line) as secured:
                return (secured.version() or "").encode()
    except OSError:
        return b""


# The steps.


def _first_line(line: socket.socket, ends: float) -> bytes:
    """The first line that is said before `ends`, cut at 512 octets. Raises OSError, TimeoutError among them."""
    heard = b""
    while b"\n" not in heard and len(heard) < 512:
        # The limit of a socket is one of silence, and a server that drips is never silent.
        left = ends - monotonic()
        if left <= 0:
            raise TimeoutError
        line.settimeout(left)
        more = line.recv(512 - len(heard))
        if not more:
            break
        heard += more
    return heard.split(b"\n")[0].rstrip()


def _reach_directly(server: Server | Proxy, ends: float) -> socket.socket:
    return reach_one_of(places_of(server, ends), ends)


def _close(lines: Iterable[socket.socket]) -> None:
    for line in lines:
        line.close()


def _reach_alone(place: Place, ends: float) -> socket.socket:
    """A socket connected to the only address."""
    family, address = place
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.settimeout(max(0.001, ends - monotonic()))
        line.connect(address)  # type: ignore[arg-type]
    except TimeoutError as late:
        line.close()
        raise AddressesFailed from late
    except BaseException:
        line.close()
        raise
    return _hurry(line)


def _call(place: Place) -> socket.socket:
    """A socket with a pending connect. Raises OSError when it fails at once."""
    family, address = place
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        said = line.connect_ex(address)  # type: ignore[arg-type]
        if said and said not in _BEGUN:
            raise OSError(said, os.strerror(said))
    except BaseException:
        line.close()
        raise
    return line


def _hurry(line: socket.socket) -> socket.socket:
    """The same socket with TCP_NODELAY set: data is sent without delay."""
    try:  # noqa: SIM105 - contextlib would be imported for this alone
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        pass  # a Unix socket has no such option
    return line


# Windows reports EWOULDBLOCK for a pending connect. Elsewhere that is EAGAIN: a busy Unix socket or no free port.
_BEGUN = {errno.EINPROGRESS, errno.EWOULDBLOCK} - {errno.EAGAIN}
