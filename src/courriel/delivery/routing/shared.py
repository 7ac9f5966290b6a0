"""
Groups of routes, as settings name them: made for one caller, or shared by the whole process.

A shared group remembers which ways rest, and keeps connections open between two mails: `courriel.send` and the outbox
use it, as they use the shared pool of a route with `pool=`.
"""

from __future__ import annotations

from _thread import RLock
from typing import TYPE_CHECKING, cast

from courriel.delivery.routing.blocking import Failover, RoundRobin
from courriel.delivery.routing.by_domain import ByDomain
from courriel.delivery.routing.health import REST
from courriel.delivery.routing.ways import way_of
from courriel.delivery.urls import schemes
from courriel.network import forks

if TYPE_CHECKING:
    from typing import TypeAlias

    from courriel.delivery.routing.awaiting import AsyncFailover, AsyncRoundRobin
    from courriel.delivery.routing.awaiting_by_domain import AsyncByDomain
    from courriel.delivery.routing.ways import Maker
    from courriel.delivery.transport import Transport
    from courriel.delivery.urls.route import Route, Via
    from courriel.network.transcripts.transcript import Transcript

Group: TypeAlias = "Failover | RoundRobin | ByDomain"
AsyncGroup: TypeAlias = "AsyncFailover | AsyncRoundRobin | AsyncByDomain"

_MOST = 32  # groups of one process


def group_of(route: Route, maker: Maker | None = None) -> Group:
    """The transport of a route with several ways, which `maker` makes. Raises UsageError, InvalidUrl."""
    if route.table:
        given = {via: _made(via, maker) for _, via in route.table}
        return ByDomain({domain: given[via] for domain, via in route.table}, _made(route.ways[0], maker))
    kind = Failover if route.kind == "failover" else RoundRobin
    return kind(*(_made(way, maker) for way in route.ways), retry=route.retry or REST)


def async_group_of(route: Route) -> AsyncGroup:
    """The AsyncTransport of a route with several ways. Raises UsageError, InvalidUrl."""
    from courriel.delivery.routing.awaiting import AsyncFailover, AsyncRoundRobin  # blocking programs do not pay
    from courriel.delivery.routing.awaiting_by_domain import AsyncByDomain

    if route.table:
        return AsyncByDomain(dict(route.table), route.ways[0])
    kind = AsyncFailover if route.kind == "failover" else AsyncRoundRobin
    return kind(*route.ways, retry=route.retry or REST)


def shared_group(route: Route) -> Group:
    """The group of this process for a route; it is made on first use, and closed when the process ends."""
    return _shared.group(route)


# The steps.


def _made(via: Via, maker: Maker | None) -> Via:
    """A way that this maker makes, in the place of the setting."""
    return via if maker is None else cast("Via", way_of(via, "via", maker))


class _Pools:
    """Maker of the ways of a group that several threads share: a pool for each server."""

    def __init__(self, transcript: Transcript | None = None) -> None:
        self._transcript = transcript

    def make(self, route: Route) -> Transport:
        """The transport of a setting; one that names a group inside of a group makes one of its own."""
        from courriel.delivery.connect import connect, pool_of
        from courriel.delivery.signing_routes import signed_by

        if route.ways:
            return group_of(route, self)
        return signed_by(route, pool_of(route, self._transcript)) if route.by_session else connect(route)

    def parallel(self, route: Route) -> int:
        """The size of the pool."""
        from courriel.delivery.connect import SIZE

        return schemes.HTTP_AT_ONCE if route.by_http else route.pool or SIZE


class _Shared:
    """The groups of this process, by route, the one used longest ago first."""

    def __init__(self) -> None:
        import atexit

        self.groups: dict[Route, Group] = {}
        self._after_fork()
        forks.renew_in_child(self, type(self)._after_fork)
        atexit.register(self.close)

    def _after_fork(self) -> None:
        self.lock = RLock()

    def group(self, route: Route) -> Group:
        """The group of a route, made when there is none."""
        with self.lock:
            group = self.groups.pop(route, None) or group_of(route, _Pools())
            self.groups[route] = group
            oldest = next(iter(self.groups)) if len(self.groups) > _MOST else None
            gone = self.groups.pop(oldest) if oldest is not None else None
        if gone is not None:
            gone.close()
        return group

    def close(self) -> None:
        for group in list(self.groups.values()):
            group.close()
        self.groups.clear()


_shared = _Shared()
