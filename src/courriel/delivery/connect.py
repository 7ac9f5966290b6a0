"""
The transport that a setting means: a URL, a profile, or the defaults in COURRIEL_URL and courriel.toml.

    with courriel.connect("billing") as session:                       # a session
        receipt = session.send(message)
    with courriel.connect("smtps://ada@h.example?pool=4&rate=30/m") as pool:   # a pool, since the setting asks for one
        receipt = pool.send(message)
    with courriel.connect("maildir:///home/ada/Mail") as folder:       # a local transport
        receipt = folder.send(message)
    with courriel.connect("brevo:?password=env:BREVO_KEY") as transport:   # a provider's own interface, by HTTPS
        receipt = transport.send(message)
    async with await courriel.aconnect() as session: ...
"""

from __future__ import annotations

from _thread import allocate_lock

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.percent import refusal
from courriel.delivery.settings import profiles
from courriel.delivery.signing_routes import signer_of
from courriel.delivery.urls.route import Route, Via
from courriel.model.servers.server import Server
from courriel.network import forks
from courriel.network.transcripts.transcript import Transcript
from courriel.session.pool.blocking import SmtpPool
from courriel.session.smtp import SmtpSession

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias

    from courriel.delivery.adapters import AsyncProvidedTransport, ProvidedTransport
    from courriel.delivery.dkim.signed import AsyncSigned, Signed
    from courriel.delivery.http_providers.transport import HttpTransport
    from courriel.delivery.local import LocalTransport
    from courriel.delivery.routing.awaiting import AsyncFailover, AsyncRoundRobin
    from courriel.delivery.routing.awaiting_by_domain import AsyncByDomain
    from courriel.delivery.routing.blocking import Failover, RoundRobin
    from courriel.delivery.routing.by_domain import ByDomain
    from courriel.session.pool.awaited import AsyncSmtpPool
    from courriel.session.smtp import AsyncSmtpSession

Connected: TypeAlias = """(
    SmtpSession | SmtpPool | HttpTransport | LocalTransport | ProvidedTransport | Signed
    | Failover | RoundRobin | ByDomain
)"""
"""A Transport that has `send`, and goes with `with`."""

AsyncConnected: TypeAlias = """(
    AsyncSmtpSession | AsyncSmtpPool | AsyncProvidedTransport | AsyncSigned
    | AsyncFailover | AsyncRoundRobin | AsyncByDomain
)"""
"""An AsyncTransport that has `send`, and goes with `async with`."""

SIZE = 4
"""Pool size when a setting has a rate and no size: accepted by the strictest of the common providers."""

_MOST_SHARED = 32  # pools of one process


def connect(setting: Via = None, *, transcript: Transcript | None = None) -> Connected:
    """Make the transport that a setting means; use it with `with`.

        with courriel.connect("smtps://ada@smtp.example.org?password=env:MAIL_PASSWORD&pool=4") as transport:
            receipt = transport.send(message)

    It is a session; a pool where the setting has `pool=` or `rate=`; an HttpTransport for graph:, brevo: and mailjet:;
    a local transport for memory:, console:, null:, file: and maildir:; or the program's own for python:; with `dkim=`
    one of them inside a Signed; several of them for failover(…), roundrobin(…) and a profile with `by_domain`.
    `setting` is a URL, the name of a profile, a Route, a Server without a login, or None for the settings of
    environment and files. The password is read now; the connection is opened by `with`, that of an HttpTransport by the
    first mail. A `transcript` records a conversation with a server. Raises UsageError, InvalidUrl, also for a setting
    for reading mail.
    """
    route = _route_of(setting)
    if route.ways:
        return _group(route, transcript)
    signer = signer_of(route)
    if signer is None:
        return _unsigned(route, transcript)
    from courriel.delivery.dkim.signed import Signed

    return Signed.by(_unsigned(route, transcript), signer)


async def aconnect(setting: Via = None, *, transcript: Transcript | None = None) -> AsyncConnected:
    """Make the transport that a setting means: `connect` for asyncio; use it with `async with`.

    Settings files, password commands and keyrings are read in a thread; local transports work in one.
    """
    from asyncio import to_thread

    from courriel.session.pool.awaited import AsyncSmtpPool
    from courriel.session.smtp import AsyncSmtpSession

    route = await to_thread(_route_of, setting)
    if route.ways:
        from courriel.delivery.routing.shared import async_group_of

        _refuse_transcript_of_several(route, transcript)
        return await to_thread(async_group_of, route)
    if route.dkim:
        from courriel.delivery.dkim.signed import AsyncSigned

        signer = await to_thread(signer_of, route)
        assert signer is not None
        return AsyncSigned.by(await aconnect(replace(route, dkim=""), transcript=transcript), signer)
    if not route.by_session:
        _refuse_transcript(route, transcript)
        return await aconnect_without_session(route)
    server, credentials = await to_thread(route.server_to_reach), await to_thread(route.credentials)
    if not route.pooled:
        most = route.max_messages or None
        return AsyncSmtpSession(server, credentials, max_messages=most, transcript=transcript)
    size, messages = route.pool or SIZE, route.max_messages or 100
    return AsyncSmtpPool(
        server, credentials, size=size, messages=messages, rate=route.rate or None, transcript=transcript
    )


async def aconnect_without_session(route: Route) -> AsyncProvidedTransport:
    """The AsyncTransport of a route without a session: a blocking one works in threads."""
    from asyncio import to_thread

    from courriel.delivery.adapters import AsyncProvidedTransport, ThreadTransport
    from courriel.delivery.local import transport_of
    from courriel.delivery.provided import provided_for_asyncio

    if route.by_http:
        from courriel.delivery.http_providers.transport import http_transport

        return AsyncProvidedTransport(ThreadTransport(await to_thread(http_transport, route)), own=True)
    local = transport_of(route)
    if local is not None:
        return AsyncProvidedTransport(ThreadTransport(local), own=True)
    made, own = await provided_for_asyncio(route)
    return AsyncProvidedTransport(made, own=own)


def pool_of(route: Route, transcript: Transcript | None = None) -> SmtpPool:
    """A pool with the limits of this route."""
    server, credentials = route.server_to_reach(), route.credentials()
    size, messages = route.pool or SIZE, route.max_messages or 100
    return SmtpPool(server, credentials, size=size, messages=messages, rate=route.rate or None, transcript=transcript)


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


def _group(route: Route, transcript: Transcript | None) -> Failover | RoundRobin | ByDomain:
    from courriel.delivery.routing.shared import group_of

    _refuse_transcript_of_several(route, transcript)
    return group_of(route)


def _unsigned(
    route: Route, transcript: Transcript | None
) -> SmtpSession | SmtpPool | HttpTransport | LocalTransport | ProvidedTransport:
    if not route.by_session:
        return _without_session(route, transcript)
    if route.pooled:
        return pool_of(route, transcript)
    return SmtpSession(
        route.server_to_reach(), route.credentials(), max_messages=route.max_messages or None, transcript=transcript
    )


def _without_session(route: Route, transcript: Transcript | None) -> HttpTransport | LocalTransport | ProvidedTransport:
    from courriel.delivery.adapters import ProvidedTransport
    from courriel.delivery.local import transport_of
    from courriel.delivery.provided import provided

    _refuse_transcript(route, transcript)
    if route.by_http:
        from courriel.delivery.http_providers.transport import http_transport

        return http_transport(route)
    return transport_of(route) or ProvidedTransport(provided(route))


def _refuse_transcript(route: Route, transcript: Transcript | None) -> None:
    if transcript is not None:
        if route.by_http:
            raise errors.UsageError(
                f"transcript: {route.name} is asked by requests, of which none is kept", stage="compose"
            )
        raise errors.UsageError(f"transcript: {route.name} leads to no server, and nothing is said", stage="compose")


def _refuse_transcript_of_several(route: Route, transcript: Transcript | None) -> None:
    if transcript is not None:
        raise errors.UsageError(
            f"transcript: {route.name} has several sessions; send(via=…, transcript=…) records those of one mail",
            stage="compose",
        )


def _route_of(setting: Via) -> Route:
    route = profiles.resolve(Route.of(setting) if isinstance(setting, Server) else setting)
    if route.reads:
        raise refusal(f"{route.name} is for reading mail: open it with courriel.mailbox")
    route.say_warnings()
    return route
