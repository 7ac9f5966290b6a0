"""
Ways of a group of transports: a transport that the program has made, or a setting whose transport is made on first use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from threading import BoundedSemaphore, RLock
from typing import TYPE_CHECKING, Protocol

from courriel import errors
from courriel.delivery.percent import quote
from courriel.delivery.routing import decided
from courriel.delivery.transport import Transport, check_transport, is_transport, silence_limit_of
from courriel.delivery.urls import schemes
from courriel.delivery.urls.route import Route
from courriel.model.servers.server import Server
from courriel.network import forks

if TYPE_CHECKING:
    from courriel.delivery.urls.route import Via


class Maker(Protocol):
    """Maker of the transports of settings."""

    def make(self, route: Route) -> Transport:
        """The transport of a setting. Raises what making it raises."""
        ...

    def parallel(self, route: Route) -> int:
        """Submissions that the transport of a route to a server carries at once; nothing is made for it."""
        ...


WAIT = 30.0
"""Seconds for which a mail waits until a way that carries few at once has room, as for a session of a pool."""


class Way:
    """One way of several, by its transport; a `route` has its transport made on first use by the `maker`."""

    def __init__(self, transport: Transport | None, route: Route | None = None, maker: Maker | None = None) -> None:
        self._transport, self._route, self._maker = transport, route, maker
        self._closed = False
        self._after_fork()
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        self._lock = RLock()
        self._room: BoundedSemaphore | None = None

    @property
    def name(self) -> str:
        """Name of the server, or of the place of delivery."""
        return self._route.name if self._route is not None else self.transport().name

    @property
    def route(self) -> Route | None:
        """Its setting; None for a transport of the program."""
        return self._route

    @property
    def answer_limit(self) -> float:
        """Seconds from the yes of `before_end` to the last answer, at most."""
        return limits_of(self._route)[0] if self._is_server else self.transport().answer_limit

    @property
    def silence_limit(self) -> float:
        """Seconds without progress before the end of a mail, at most."""
        return limits_of(self._route)[1] if self._is_server else silence_limit_of(self.transport())

    @property
    def parallel(self) -> int:
        """Submissions carried at once; one, where its transport cannot be made."""
        if self._is_server and self._route is not None and self._maker is not None:
            return self._maker.parallel(self._route)
        try:
            return self.transport().parallel
        except errors.CourrielError:
            return 1

    @property
    def obeys_recipient_rule(self) -> bool:
        """Whether the rules for recipients are obeyed by it, as servers of ours do."""
        return self._is_server or bool(getattr(self.transport(), "obeys_recipient_rule", False))

    def transport(self) -> Transport:
        """Its transport. Raises ConnectionFailed when it cannot be made: a password is missing, or a module."""
        with self._lock:
            if self._transport is None:
                if self._closed:
                    raise errors.UsageError("this transport is closed; make another one")
                self._transport = self._made()
            return self._transport

    def enter(self) -> None:
        """Wait for room for one more submission; `leave` gives it back. Raises TimedOut after half a minute."""
        with self._lock:
            if self._room is None:
                self._room = BoundedSemaphore(self.parallel)
            room = self._room
        if not room.acquire(timeout=WAIT):
            raise errors.TimedOut(f"{self.name} was busy for {WAIT:g} s", stage="connect", hint_id="POOL-BUSY")

    def leave(self) -> None:
        """Give the room of one submission back."""
        if self._room is not None:
            self._room.release()

    def renew_after(self, error: errors.CourrielError) -> None:
        """After a refused login have the transport of a setting made anew: the password may have changed."""
        if self._route is not None and (decided.is_of_login(error) or isinstance(error, errors.ProxyError)):
            with self._lock:
                old, self._transport = self._transport, None
            if old is not None:
                old.close()

    def hang_up(self) -> None:
        """Abort its submissions in flight."""
        if self._transport is not None:
            self._transport.hang_up()

    def close(self) -> None:
        """Close its connections, for good."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def close_idle(self) -> None:
        """Close connections that nobody uses, where it has several."""
        close = getattr(self._transport, "close_idle", None)
        if close is not None:
            close()

    # The steps.

    @property
    def _is_server(self) -> bool:
        return self._route is not None and self._route.server is not None

    def _made(self) -> Transport:
        assert self._route is not None
        assert self._maker is not None
        try:
            return self._maker.make(self._route)
        except errors.UsageError as wrong:  # of this way's setting, and no fault of the mail
            raise errors.ConnectionFailed(str(wrong), stage="connect", hint_id=wrong.hint_id) from wrong


def ways_of(given: Sequence[Via | Transport], word: str, maker: Maker) -> tuple[Way, ...]:
    """The ways of a group as a program writes them. Raises UsageError, InvalidUrl."""
    if not given:
        raise errors.UsageError(f"{word}: one way at least, and none was given", stage="compose")
    for place, each in enumerate(given):
        if not isinstance(each, str | Route | Server) and any(each is other for other in given[:place]):
            raise errors.UsageError(f"{word}: the same transport stands twice", stage="compose")
    return tuple(way_of(each, word, maker) for each in given)


def way_of(given: object, word: str, maker: Maker) -> Way:
    """One way as a program writes it; one that is made already stays as it is. Raises UsageError, InvalidUrl."""
    if isinstance(given, Way):
        return given
    if isinstance(given, str | Route | Server):
        from courriel.delivery.settings import profiles

        route = profiles.resolve(Route.of(given) if isinstance(given, Server) else given)
        if route.reads:
            raise errors.UsageError(f"{word}: {route.name} is for reading mail, and none leaves by it", stage="compose")
        if route.table:
            raise errors.UsageError(f"{word}: {route.name} is a table of ways by domain, and no way", stage="compose")
        return Way(None, route, maker)
    if given is None or not (is_transport(given) or isinstance(given, type)):
        raise no_way(given, word)
    return Way(check_transport(given, word))


def names_of(names: Sequence[str], routes: Sequence[Route | None]) -> tuple[str, ...]:
    """Names of ways, all different: those of one server are told apart by who logs in there, and at last by a number.

    A name is stored with a mail in doubt, and must mean the same way when their order in the settings has changed.
    """
    servers = Counter(names)
    seen: Counter[str] = Counter()
    different = []
    for name, route in zip(names, routes, strict=True):
        login = _login_of(route) if servers[name] > 1 else ""
        told = f"{name} ({login})" if login else name
        seen[told] += 1
        different.append(told if seen[told] == 1 else f"{told} ({seen[told]})")
    return tuple(different)


def names_in_groups(route: Route) -> tuple[str, ...]:
    """Names by which a group may know the way of this setting."""
    login = _login_of(route)
    return (route.name, f"{route.name} ({login})") if login else (route.name,)


def limits_of(route: Route | None) -> tuple[float, float]:
    """Answer limit and silence limit of a route to a server, in seconds; nothing is made for it."""
    from courriel.session.smtp import longest_silence

    assert route is not None
    assert route.server is not None
    return route.server.timeouts.message, longest_silence(route.server)


def parallel_of(route: Route, size: int) -> int:
    """Submissions that the transport of a setting carries at once: one for a session, the size of a pool.

    `size` is that of a pool whose setting says none.
    """
    if route.by_http:
        return schemes.HTTP_AT_ONCE
    return (route.pool or size) if route.pooled else 1


def no_way(given: object, word: str) -> errors.UsageError:
    """The error for what is neither a setting nor a transport."""
    return errors.UsageError(
        f"{word}: each way is a URL, a profile, a Route, a Server or a Transport, not {type(given).__name__}",
        stage="compose",
    )


# The steps.


def _login_of(route: Route | None) -> str:
    """User of a route, or the place of the key that says so; "" where nobody is known. No secret stands in it."""
    if route is None:
        return ""
    if route.user:
        return quote(route.user, safe="@")
    return "" if route.password is None or route.password.kind == "plain" else quote(str(route.password), safe=":/@")
