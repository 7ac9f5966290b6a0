"""Other ports and modes of the same host, tried without a login: which of them work."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.delivery.urls.route import Route
from courriel.doctor.visit.walk import walk
from courriel.model.servers.server import Dialect, Security, Server, Timeouts
from courriel.model.servers.trust import Trust

EACH = 5.0
"""Seconds for one of them; all are tried at once."""

_DOORS = {
    Dialect.SMTP: ((465, Security.TLS), (587, Security.STARTTLS), (25, Security.STARTTLS), (2525, Security.STARTTLS)),
    Dialect.POP3: ((995, Security.TLS), (110, Security.STARTTLS)),
    Dialect.IMAP: ((993, Security.TLS), (143, Security.STARTTLS)),
    Dialect.LMTP: (),
    Dialect.HTTPS: (),
}
_HARMLESS_STAGES = ("connect", "secure", "greeting", "hello")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One other way to the same host: its URL, and what became of it; `error` is None when it works."""

    url: str
    server: Server
    seconds: float
    tls_version: str = ""
    error: errors.CourrielError | None = None

    @property
    def works(self) -> bool:
        """Whether a session could be opened there, up to the login."""
        return self.error is None


def worth_trying(error: errors.CourrielError) -> bool:
    """Whether another port or mode may help: not where the name is wrong, a certificate was not accepted, or somebody
    spoke before TLS, whose work a connection in clear would finish.
    """
    if isinstance(error, errors.NameNotFound) or error.stage not in _HARMLESS_STAGES:
        return False
    known = error.failure.id if error.failure else ""
    return not known.startswith(("CERT", "PIN-", "CLIENT-CERT", "HOST-", "DNS-", "INJECTED-"))


def try_all(route: Route, server: Server) -> tuple[Neighbour, ...]:
    """Try every usual port of a server, and the other modes of its port; those that work come first.

    Their URLs are those of the route; `server` is the same one as it is reached, with its proxy's password.

    Without TLS only on this machine, where nothing can be overheard, and not where the same port speaks TLS with a
    certificate that is not trusted: the remedy is to trust it.
    """
    ways = list(_others(server))
    if not ways or server.host.startswith("/"):
        return ()
    with ThreadPoolExecutor(len(ways)) as threads:
        tried = list(threads.map(partial(_tried, route), ways))
    distrusted = {each.server.port for each in tried if _is_distrusted(each)}
    left = [each for each in tried if each.server.security is not Security.NONE or each.server.port not in distrusted]
    return tuple(sorted(left, key=lambda each: not each.works))


# The steps.


def _others(server: Server) -> Sequence[Server]:
    modes = [Security.TLS, Security.STARTTLS, *([Security.NONE] if server.local else [])]
    same = [(server.port, mode) for mode in modes]
    ways = [way for way in dict.fromkeys([*_DOORS[server.dialect], *same]) if way != (server.port, server.security)]
    timeouts = Timeouts.silence(EACH)
    return [_by(replace(server, timeouts=timeouts), port, mode) for port, mode in ways]


def _is_distrusted(each: Neighbour) -> bool:
    failure = each.error.failure if each.error is not None else None
    return failure is not None and failure.id.startswith("CERT")


def _by(server: Server, port: int, mode: Security) -> Server:
    """The server by another port and mode; in clear nobody is trusted by a certificate, and its URL may not say so."""
    trust = Trust.system() if mode is Security.NONE else server.trust
    return replace(server, port=port, security=mode, trust=trust)


def _tried(route: Route, server: Server) -> Neighbour:
    began = monotonic()
    seen = walk(server)
    url = url_of(route, server)
    return Neighbour(url, server, monotonic() - began, seen.tls_version, seen.error)


def url_of(route: Route, server: Server) -> str:
    """The URL of the same route by another server, its time limits and its proxy as they were; secrets are masked."""
    assert route.server is not None
    return replace(route, server=replace(server, timeouts=route.server.timeouts, proxy=route.server.proxy)).url
