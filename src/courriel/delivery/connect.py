"""
Sessions and pools made from a setting: a URL, a profile, or the defaults in COURRIEL_URL and courriel.toml.

    with courriel.connect("billing") as session:                       # a session
        receipt = session.send(message)
    with courriel.connect("smtps://ada@h.example?pool=4&rate=30/m") as pool:   # a pool, since the setting asks for one
        receipt = pool.send(message)
    async with await courriel.aconnect() as session: ...
"""

from __future__ import annotations

from _thread import allocate_lock

from courriel.delivery.settings import profiles
from courriel.delivery.urls.percent import refusal
from courriel.delivery.urls.route import Route
from courriel.model.server import Server
from courriel.network import forks
from courriel.network.transcripts.transcript import Transcript
from courriel.session.pool.blocking import SmtpPool
from courriel.session.smtp import SmtpSession

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.session.pool.awaited import AsyncSmtpPool
    from courriel.session.smtp import AsyncSmtpSession

SIZE = 4
"""Pool size when a setting has a rate and no size: accepted by the strictest of the common providers."""

_MOST_SHARED = 32  # pools of one process


def connect(
    setting: str | Route | Server | None = None, *, transcript: Transcript | None = None
) -> SmtpSession | SmtpPool:
    """Make the session for a setting, or the pool where it has `pool=` or `rate=`; use it with `with`.

    `setting` is a URL, the name of a profile, a Route, a Server without a login, or None for the settings of
    environment and files. The password is read now; the connection is opened by `with`. Raises UsageError, InvalidUrl,
    also for a setting without a server, or one for reading mail.
    """
    route = _route_of(setting)
    assert route.server is not None
    if route.pooled:
        return pool_of(route, transcript)
    return SmtpSession(
        route.server, route.credentials(), max_messages=route.max_messages or None, transcript=transcript
    )


async def aconnect(
    setting: str | Route | Server | None = None, *, transcript: Transcript | None = None
) -> AsyncSmtpSession | AsyncSmtpPool:
    """Make the session or the pool for a setting: `connect` for asyncio; use it with `async with`.

    Settings files, password commands and keyrings are read in a thread.
    """
    from asyncio import to_thread

    from courriel.session.pool.awaited import AsyncSmtpPool
    from courriel.session.smtp import AsyncSmtpSession

    route = await to_thread(_route_of, setting)
    assert route.server is not None
    credentials = await to_thread(route.credentials)
    if not route.pooled:
        most = route.max_messages or None
        return AsyncSmtpSession(route.server, credentials, max_messages=most, transcript=transcript)
    size, messages = route.pool or SIZE, route.max_messages or 100
    return AsyncSmtpPool(
        route.server, credentials, size=size, messages=messages, rate=route.rate or None, transcript=transcript
    )


def pool_of(route: Route, transcript: Transcript | None = None) -> SmtpPool:
    """A pool with the limits of this route."""
    assert route.server is not None
    size, messages = route.pool or SIZE, route.max_messages or 100
    return SmtpPool(
        route.server, route.credentials(), size=size, messages=messages, rate=route.rate or None, transcript=transcript
    )


def shared_pool(route: Route) -> SmtpPool:
    """The pool of this process for a route, so that its limits apply to `send` and the outbox together.

    It is made on first use, and closed when the process ends.
    """
    with _shared.lock:
        pool = _shared.pools.pop(route, None)
        if pool is None or pool.closed:
            pool = pool_of(route)
        _shared.pools[route] = pool
        oldest = next(iter(_shared.pools)) if len(_shared.pools) > _MOST_SHARED else None
        gone = _shared.pools.pop(oldest) if oldest is not None else None
    if gone is not None:
        gone.close()
    return pool


def forget_shared_pool(route: Route) -> None:
    """Close the shared pool of a route: the next one reads the password again."""
    with _shared.lock:
        pool = _shared.pools.pop(route, None)
    if pool is not None:
        pool.close()


# The steps.


class _Shared:
    """The shared pools of this process."""

    def __init__(self) -> None:
        import atexit

        self.pools: dict[Route, SmtpPool] = {}
        self._after_fork()
        forks.renew_in_child(self, type(self)._after_fork)
        atexit.register(self.close)

    def _after_fork(self) -> None:
        self.lock = allocate_lock()

    def close(self) -> None:
        for pool in list(self.pools.values()):
            pool.close()
        self.pools.clear()


_shared = _Shared()


def _route_of(setting: str | Route | Server | None) -> Route:
    route = profiles.resolve(Route.of(setting) if isinstance(setting, Server) else setting)
    if route.reads:
        raise refusal(f"{route.name} is for reading mail: open it with courriel.mailbox")
    if route.server is None:
        raise refusal(f"{route.name} leads to no server, and has no session: hand messages to courriel.send(via=…)")
    route.say_warnings()
    return route
