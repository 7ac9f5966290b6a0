"""Profile: a named route in a settings file, and what a project's file may set in one without consent."""

from __future__ import annotations

from pathlib import Path

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel._lazy_re import expression
from courriel.delivery.percent import refusal
from courriel.delivery.secrets import SecretReference
from courriel.delivery.settings.resource_limits import inside, program_run, secret_taken
from courriel.delivery.urls.route import Route
from courriel.model.address import Address
from courriel.model.checks.shown import is_like_url

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator

    from courriel.model.servers.proxy import Proxy

DEFAULT = "default"
"""Name of the profile that stands at the top of a file."""
PROFILE_NAME = expression(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
APPROVE = "approve the file (courriel config trust)"
"""Advice to whoever trusts a project's file."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A named route in a settings file.

    `project` is the folder to which the profile is limited; None where the file is the user's, the machine's, or one
    with consent. `readable`: other users may read the file.
    """

    name: str
    url: str
    password: SecretReference | None
    sender: str
    source: str
    project: Path | None
    readable: bool = False
    proxy: Proxy | None = None
    proxy_password: SecretReference | None = None
    dkim: str = ""
    by_domain: tuple[tuple[str, str], ...] = ()

    def route(self) -> Route:
        """The route of this profile. Raises InvalidUrl, naming file and profile."""
        try:
            route = Route.parse(self.url)
            if self.password:
                if route.password:
                    raise refusal("the password stands twice, in url and in password")
                route = replace(route, password=self.password)
            route = self._with_proxy(route)
            if self.dkim:
                route = _signing(route, self.dkim)
            if self.sender:
                # The sender in the URL may come from a provider's short name; the explicit one has priority.
                route = replace(route, sender=Address.parse(self.sender))
            if self.project is not None:
                _check_limits(route, self.project)
            if self.by_domain:
                route = self._with_table(route)
        except errors.UsageError as mistake:
            raise refusal(f"{self.source}, {self.name}: {mistake}", mistake.hint_id) from mistake
        if self.readable and any(each and each.kind == "plain" for each in (route.password, route.proxy_password)):
            note = f"{self.source} holds a password, and other users may read it: chmod 600 {self.source}"
            return replace(route, notes=(*route.notes, note))
        return route

    def _with_proxy(self, route: Route) -> Route:
        if self.proxy is not None:
            if route.server is None or route.server.proxy is not None:
                raise refusal("a proxy stands beside a url that has one, or that leads to no server")
            route = replace(route, server=replace(route.server, proxy=self.proxy))
        if self.proxy_password is not None:
            if route.proxy_password is not None:
                raise refusal("the password of the proxy stands twice")
            route = replace(route, proxy_password=self.proxy_password)
        return route

    def _with_table(self, route: Route) -> Route:
        """The route with its table of ways by domain; each URL in it is checked as the profile's own."""
        for domain, via in self.by_domain:
            if not is_like_url(via) and PROFILE_NAME.fullmatch(via):
                continue
            try:
                way = Route.parse(via)
                if self.project is not None:
                    _check_limits(way, self.project)
            except errors.UsageError as mistake:
                raise refusal(f"by_domain, {domain}: {mistake}", mistake.hint_id) from mistake
        return Route("bydomain", ways=(route,), table=self.by_domain, sender=route.sender, notes=route.notes)


# The steps.


def _signing(route: Route, name: str) -> Route:
    """The route, or each way of several, with the table by which it signs; HTTP providers sign by themselves."""
    if route.ways:
        ways = tuple(way if way.by_http else _signing(way, name) for way in route.ways)
        if ways == route.ways:
            raise refusal(f"dkim makes no sense with {route.name}: its providers sign mail themselves")
        return replace(route, ways=ways)
    if route.dkim:
        raise refusal("dkim stands twice, in url and in dkim")
    return replace(route, dkim=name)


def _check_limits(route: Route, project: Path) -> None:
    """Check what a project's file may set without consent. Raises InvalidUrl."""
    run = program_run(route)
    taken = run or secret_taken(route)
    if taken:
        chosen = "the program that runs" if run else "the server that gets it"
        raise refusal(
            f"{taken} is not taken from a project's file, because whoever wrote the project would choose {chosen};"
            f" {_LIMITED}",
            hint_id="PROJECT-FILE-LIMITED",
        )
    for folder in (each for each in _folders(route) if not inside(each, project)):
        raise refusal(f"the folder {folder} is outside the project; {_LIMITED}", hint_id="PROJECT-FILE-LIMITED")


def _folders(route: Route) -> Iterator[str]:
    """Folders of a route and of all its ways, however deep they stand."""
    if route.folder:
        yield route.folder
    for way in route.ways:
        yield from _folders(way)


_LIMITED = f"put it into your own courriel.toml or COURRIEL_URL, or {APPROVE}"
