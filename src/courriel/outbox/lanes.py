"""
Lanes and their transports: a lane is a stored name, and its transport is looked up when a worker sends.

    "default"                        what the settings say (COURRIEL_URL, courriel.toml)
    "billing"                        a profile, or a name that the program has given a transport
    "smtps://ada@smtp.example.org"   a URL without a secret
    "session:smtp.example.org:465"   an open session of this process; no other process can use it

Write access to a row is enough to choose its lane, and so the server. A URL that is read from a row is therefore
checked like one that is written into it: it never runs a program, and sends a secret of this machine to its server only
where this program has named the same URL, or allows it (`allow_secret_references`). A lane by name has its secret from
the worker's profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel._lazy_re import expression
from courriel.delivery.provided import provided
from courriel.delivery.settings import profiles
from courriel.delivery.settings.resource_limits import program_run, secret_taken
from courriel.delivery.signing_routes import signed_by, signer_for_put
from courriel.delivery.transport import Transport, check_transport, is_transport
from courriel.delivery.urls.route import Route, Via
from courriel.model.checks.shown import safely_shown
from courriel.model.recipient_rule import refuse_unruled
from courriel.model.servers.server import Server
from courriel.network import forks

if TYPE_CHECKING:
    from courriel.delivery.dkim.signer import Signer
    from courriel.delivery.routing.domain_table import DomainTable

DEFAULT = "default"

Way: TypeAlias = "Route | Transport"
"""Where a lane leads: a setting, or a transport of this program."""

_NAME = expression(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_URLS_KEPT = 256  # most programs use few; one that generates URLs parses each


class Lanes:
    """Lanes known to this process. With `elsewhere`, unknown names are accepted: a worker elsewhere sends them.

    With `allow_references`, URLs that other programs have put may name the location of a secret.
    """

    def __init__(
        self, given: Mapping[str, Via | Transport], *, elsewhere: bool = False, allow_references: bool = False
    ) -> None:
        self._given: dict[str, Way] = {}
        self._allow_references = allow_references
        self._own: set[str] = set()  # URLs named by this program
        self._lanes_of_urls: dict[str, str] = {}  # cache: lane of each URL as the caller wrote it, after its checks
        self._elsewhere = elsewhere
        self._lock = Lock()
        forks.renew_in_child(self, type(self)._after_fork)
        if not isinstance(given, Mapping):
            raise errors.UsageError(f"ways: a mapping of lanes to ways, not {type(given).__name__}")
        for name, way in given.items():
            self.give(name, way)

    def _after_fork(self) -> None:
        """Replace the lock, which a thread of the parent process may hold."""
        self._lock = Lock()

    def give(self, name: str, way: Via | Transport) -> None:
        """Set the transport of a lane in this process. Raises UsageError, InvalidUrl."""
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise errors.UsageError(
                f"a lane's name is made of letters, digits, - _ and dots, unlike {safely_shown(name)}"
            )
        if way is None:
            raise errors.UsageError(
                f"lane {safely_shown(name)}: a URL, a profile, a route, a server, a session or a pool"
            )
        found = _route(way) if isinstance(way, str | Route | Server) else _transport(way)
        with self._lock:
            self._given[name] = found

    def lane(self, via: Via | Transport) -> str:
        """Name of the lane for an argument `via`. Raises UsageError and InvalidUrl, before anything is stored."""
        return self._lane_and_way(via)[0]

    def lane_and_signer(self, via: Via | Transport) -> tuple[str, Signer | None]:
        """Name of the lane for a put, and what signs its mails now; None where they are signed when they leave, or not.

        Names that workers elsewhere know are signed there. Raises UsageError and InvalidUrl, as `lane`, and for a key
        that cannot be read.
        """
        lane, way = self._lane_and_way(via)
        if way is None or isinstance(way, Route):
            return lane, None if way is None else signer_for_put(way)
        from courriel.delivery.dkim.signed import Signed

        return lane, way.signer if isinstance(way, Signed) else None

    def destination_and_signer(self, via: Via | Transport) -> tuple[str, DomainTable[str] | None, Signer | None]:
        """The lane and the table of `destination`, and what signs the mails now.

        The parts of a mail by domain leave by ways of which each signs by itself, when they leave.
        """
        lane, table = self.destination(via)
        if table is not None:
            return lane, table, None
        return lane, None, self.lane_and_signer(via)[1]

    def destination(self, via: Via | Transport) -> tuple[str, DomainTable[str] | None]:
        """The lane for an argument `via`; and a table of lanes by domain where it means one, for the rows of each mail.

        Raises UsageError and InvalidUrl, before anything is stored.
        """
        found: object = via
        if via is None or isinstance(via, str):
            name = DEFAULT if via is None else via
            found = self._given.get(name)
            if found is None and _NAME.fullmatch(name):
                route = self._profile(name)
                return name, self._table_of(dict(route.table), name) if route and route.table else None
        if isinstance(found, Route) and found.table:
            lane = self.lane(via)
            return lane, self._table_of(dict(found.table), lane)
        table = _table_in(found)
        if table is None:
            return self.lane(via), None
        domains, default = table.given
        return "", self._table_of(domains, None if default is None else self.lane(default))

    def way(self, lane: str) -> Way:
        """Route or transport of a lane now. Raises UsageError when this process knows none."""
        found = self._given.get(lane)
        captured = profiles.capture()
        if found is not None:
            # In development mode nothing is sent, neither by an open session nor by a URL.
            leaves = not isinstance(found, Route) or found.leaves
            if captured is not None and leaves:
                return captured
            way = _opened(found)
            if leaves and not isinstance(way, Route):
                refuse_unruled(way)
            return way
        if lane.startswith("session:"):
            raise errors.UsageError(f"lane {lane}: this is a session of another process, which may have ended")
        if _NAME.fullmatch(lane):
            return _opened(profiles.resolve(None if lane == DEFAULT else lane))
        return _opened(self._read(lane))

    def known(self, lane: str) -> str:
        """Name of a lane that has a transport here. Raises UsageError, InvalidUrl."""
        if not self._is_name(lane):
            lane = self.named(lane)
            self._own.add(lane)
        self.way(lane)
        return lane

    def named(self, lane: str) -> str:
        """Name of a lane as it is stored; a URL is normalised as by `put`. Raises UsageError, InvalidUrl."""
        if not isinstance(lane, str):
            raise errors.UsageError(f"lane: the name of a lane, or its URL, not {type(lane).__name__}")
        return lane if self._is_name(lane) else _written(Route.parse(lane))

    # The steps.

    def _lane_and_way(self, via: Via | Transport) -> tuple[str, Way | None]:
        """Name of the lane for a put, and where it leads, as far as that is known here and may sign."""
        if isinstance(via, Route | Server):
            route = Route.of(via)
            return self._put_by(route), route
        if via is not None and not isinstance(via, str):
            return self._lane_of_live(via), via
        name = DEFAULT if via is None else via
        if name in self._given:
            return name, self._given[name]
        if _NAME.fullmatch(name):
            return name, None if self._elsewhere else profiles.resolve(None if name == DEFAULT else name)
        lane = self._lanes_of_urls.get(name) or self._lane_of_url(name)
        return lane, Route.parse(lane) if "dkim=" in lane else None

    def _table_of(self, domains: Mapping[str, Via | Transport], default: str | None) -> DomainTable[str]:
        from courriel.delivery.routing.domain_table import DomainTable

        return DomainTable({domain: self.lane(way) for domain, way in domains.items()}, default)

    def _profile(self, name: str) -> Route | None:
        """The route of a profile; None for one that only a worker elsewhere knows, and while all mail is kept here."""
        try:
            return profiles.resolve(None if name == DEFAULT else name)
        except errors.UsageError:
            if not self._elsewhere:
                raise
            return None

    def _is_name(self, lane: str) -> bool:
        return lane in self._given or bool(_NAME.fullmatch(lane)) or lane.startswith("session:")

    def _lane_of_url(self, url: str) -> str:
        """Parse and check a URL once; the cache holds no URL with a secret, because those are refused here."""
        route = Route.parse(url)
        lane = self._put_by(route)
        if not _depends_on_folder(route):
            with self._lock:
                if len(self._lanes_of_urls) >= _URLS_KEPT:
                    self._lanes_of_urls.clear()
                self._lanes_of_urls[url] = lane
        return lane

    def _put_by(self, route: Route) -> str:
        """Lane of a route for a put; after it this program's own workers may use the URL."""
        lane = _written(route)
        if not self._allow_references and self._elsewhere:
            _check_secret(route)
        self._own.add(lane)
        return lane

    def _read(self, lane: str) -> Route:
        """Route of a URL that was read from a row."""
        route = Route.parse(lane)
        _check_stored(route)
        if not self._allow_references and lane not in self._own:
            _check_secret(route)
        return profiles.resolve(route)

    def _lane_of_live(self, way: Transport) -> str:
        with self._lock:
            for name, known in self._given.items():
                if known is way:
                    return name
            _transport(way)
            plain = name = f"session:{way.name}"
            number = 1
            while name in self._given:
                number += 1
                name = f"{plain}:{number}"
            self._given[name] = way
            return name


def shown(lane: str) -> str:
    """Name of a lane for a log: without the user name of a URL."""
    if lane.startswith(("failover(", "roundrobin(")):
        try:
            return Route.parse(lane).name
        except errors.InvalidUrl:
            return f"{lane.partition('(')[0]}(…)"
    scheme, colon, rest = lane.partition("://")
    return f"{scheme}{colon}{rest.partition('?')[0].rpartition('@')[2]}" if colon else lane


# The steps.


def _table_in(way: object) -> DomainTable[Via | Transport] | None:
    """The table of a ByDomain, without importing it for those who have none."""
    table: DomainTable[Via | Transport] | None = getattr(way, "table", None)
    return table if type(table).__name__ == "DomainTable" else None


def _transport(way: object) -> Transport:
    """Check a transport of this program. Raises UsageError for other types, and for an async one."""
    if not is_transport(way):
        raise errors.UsageError(
            "via: a URL, a profile, a route, a server, or a Transport such as an SmtpSession or an SmtpPool, not "
            f"{type(way).__name__}"
        )
    return check_transport(way)


def _route(way: str | Route | Server) -> Route:
    return profiles.resolve(way) if isinstance(way, str) else Route.of(way)


def _opened(way: Way) -> Way:
    """The transport itself, where a setting names one of a program; the route otherwise."""
    if isinstance(way, Route) and way.ways:
        from courriel.delivery.routing.shared import shared_group

        return shared_group(way)
    return signed_by(way, provided(way)) if isinstance(way, Route) and way.kind == "python" else way


def _depends_on_folder(route: Route) -> bool:
    """Whether the same URL may mean another lane later: a relative path counts from the working directory."""
    if route.ways:
        return any(map(_depends_on_folder, route.ways))
    server = route.server
    return server is not None and bool(server.trust.files or server.client_certificate)


def _written(route: Route) -> str:
    """URL of a route for disk and log. Raises InvalidUrl for one with a secret or a command."""
    _check_stored(route)
    return route.reveal_url()


_PROGRAMS = {
    "password=cmd:": "command",
    "proxy_password=cmd:": "command",
    "python:": "transport of a program",
}


def _check_stored(route: Route) -> None:
    """Raise InvalidUrl for a URL that no row may contain, both when it is written and when it is read."""
    what = _PROGRAMS.get(program_run(route), "")
    if _has_password(route):
        what = "password"
    if what:
        raise _refused(f"no {what} is written into an outbox, and none is taken from one")


def _has_password(route: Route) -> bool:
    """Whether a password stands in a URL, or in one of its ways."""
    own = any(each is not None and each.kind == "plain" for each in (route.password, route.proxy_password))
    return own or any(map(_has_password, route.ways))


def _check_secret(route: Route) -> None:
    """Raise InvalidUrl for a URL from a row that would send a secret of this machine to the server it names."""
    taken = secret_taken(route)
    if taken:
        raise _refused(
            f"{taken} in the URL of a mail: whoever can write into this outbox would choose the server that gets the"
            " secret (Outbox(…, allow_secret_references=True) and --allow-secret-references permit it)"
        )


def _refused(sentence: str) -> errors.InvalidUrl:
    return errors.InvalidUrl(
        f'{sentence}: put it into a profile (courriel.toml: password = "env:MAIL_PASSWORD"), or give it a name by'
        " ways=, and say that name",
        stage="compose",
        hint_id="SECRET-IN-OUTBOX",
    )
