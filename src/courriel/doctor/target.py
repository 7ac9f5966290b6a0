"""Meaning of what is to be examined: a URL, the name of a profile, a mail address, or a host."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel._lazy_re import expression
from courriel.delivery.settings import locations, profiles
from courriel.delivery.settings.profile import DEFAULT
from courriel.delivery.urls import providers
from courriel.delivery.urls.route import Route
from courriel.model.address import Address
from courriel.model.checks.shown import is_like_url
from courriel.model.servers.server import Security, Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADDRESS = expression(r"[^\s:/@]+@[^\s:/@]+")
_SCHEME = expression(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?!\d+$).*",
)
_HOST = expression(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@?#]+)(?::(\d{1,5}))?")
_PROFILE = expression(r"[A-Za-z0-9_.-]+")

DOORS = ((587, Security.STARTTLS), (465, Security.TLS), (25, Security.STARTTLS))
"""Ports of a host of which nothing else is known, the best for programs first."""
_AT_ONCE = (465, 993, 995)


@dataclass(frozen=True, slots=True)
class Target:
    """Target of an examination: a route to a server, or an address whose servers nobody knows.

    `shown` is for display, without a secret. `doors` are further servers of the same host, to be tried when the first
    does not answer: of a bare host no port is known. `profile` is the name of the profile it came from.
    """

    shown: str
    route: Route | None = None
    doors: Sequence[Server] = ()
    address: Address | None = None
    profile: str = ""
    found: str = ""
    """Where the servers of an address were found, for display."""
    foreign: bool = False
    """Whether the domain's records name a server outside the domain: a password given for the address is not sent."""


def read(text: str | Route | Server | None) -> Target:
    """Find out what is meant; None is the default setting.

    Raises InvalidUrl, UsageError; for an address also what `discover` raises.
    """
    if isinstance(text, Route | Server):
        route = Route.of(text)
        return Target(route.url if isinstance(text, Route) else route.name, _with_server(route))
    if text is None:
        route = _with_server(profiles.resolve(None))
        return Target(route.url, route, profile=DEFAULT if route.source.endswith(".toml") else "")
    if not isinstance(text, str):
        raise errors.UsageError(f"target: a URL, a profile, an address or a host, not {type(text).__name__}")
    text = text.strip()
    if _ADDRESS.fullmatch(text):
        return _of_address(text)
    if _PROFILE.fullmatch(text) and (_is_profile(text) or not ("." in text or text == "localhost")):
        return _of_route(text, text)
    if is_like_url(text) or _SCHEME.fullmatch(text):
        return _of_route(text, "")
    return _of_host(text)


def reading_route(setting: str | Route | Server) -> Route:
    """The route to a mailbox by IMAP, from a URL, the name of a profile, a Route or a Server.

    Raises InvalidUrl, UsageError.
    """
    if isinstance(setting, str):
        route = profiles.resolve(setting) if _PROFILE.fullmatch(setting) else Route.parse(setting)
    else:
        route = Route.of(setting)
    if route.kind != "imap" or route.server is None:
        raise errors.UsageError(
            f"read: {route.name} is no mailbox by IMAP: write imaps://ada%40gmail.com@imap.gmail.com"
        )
    return route


# The steps.


def _of_route(text: str, profile: str) -> Target:
    route = profiles.resolve(text) if profile else Route.parse(text)
    route = _with_server(route)
    return Target(profile or route.url, route, profile=profile)


def _with_server(route: Route) -> Route:
    if route.server is None and not route.ways:
        raise errors.UsageError(f"{route.name} is no server: there is nothing to examine")
    return route


def _is_profile(name: str) -> bool:
    return any(name in location().profiles for location in locations.LOCATIONS)


def _of_address(text: str) -> Target:
    from courriel.delivery.discovery.discover import discover

    address = Address.parse(text)
    found = discover(address)
    if found is None:
        return Target(address.spec, address=address)
    route = Route.parse(found.sending)
    if route.sender is None:
        route = replace(route, sender=address)
    foreign = route.server is not None and route.server.host in found.foreign
    return Target(address.spec, route, address=address, found=found.detail, foreign=foreign)


def _of_host(text: str) -> Target:
    given = _HOST.fullmatch(text)
    if given is None:
        raise errors.InvalidServer(
            f"{text!r} is neither a URL, nor a profile, nor an address, nor a host", stage="compose",
            hint_id="HOST-MALFORMED",
        )  # fmt: skip
    host, port = given[1], int(given[2] or 0)
    if port:
        mode = Security.TLS if port in _AT_ONCE else Security.STARTTLS
        return Target(text, Route("smtp", server=Server(host, port, mode)))
    if known := providers.by_server(host):
        return Target(text, Route("smtp", server=Server(known.host, known.port, known.security)))
    first, *others = (Server(host, number, mode) for number, mode in DOORS)
    return Target(text, Route("smtp", server=first), tuple(others))
