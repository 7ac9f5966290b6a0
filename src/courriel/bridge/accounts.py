"""The accounts of a bridge: local user names, and the routes to their providers, checked before anything listens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.login_routes import usual_routes
from courriel.delivery.oauth import store
from courriel.delivery.settings.locations import bridge_routes
from courriel.delivery.urls.route import Route
from courriel.dialogue.relay.session import BridgeAccount
from courriel.model.servers.credentials import TokenSource
from courriel.model.servers.server import Dialect, Security, Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias

BridgeRoutes: TypeAlias = "str | Route | Iterable[str | Route]"
"""One route to a provider or several, one for each protocol."""

PROTOCOLS = (Dialect.SMTP, Dialect.POP3, Dialect.IMAP)
_OPENING = 60.0  # seconds for the provider's login, unless the URL sets a limit: clients wait for it at theirs


def found_accounts(*, logins: bool = True) -> dict[str, list[Route]]:
    """The accounts of the settings ([bridge] in courriel.toml); without any, those of the stored `logins`.

    A login at a provider's usual servers has its own name as user name. Raises UsageError.
    """
    configured = bridge_routes()
    if configured or not logins:
        return configured
    found = {name: usual_routes(store.load(name)) for name in store.names()}
    return {name: routes for name, routes in found.items() if routes}


def checked_accounts(given: Mapping[str, BridgeRoutes]) -> dict[Dialect, dict[str, BridgeAccount]]:
    """The accounts by protocol and user name; token sources are made now, tokens are asked for by the sessions.

    Raises UsageError for a route that is not for OAuth over verified TLS, and for two of one protocol.
    """
    found: dict[Dialect, dict[str, BridgeAccount]] = {}
    for user, ways in given.items():
        if not user or len(user) > 200 or not user.isprintable():
            raise errors.UsageError("a user name of the bridge is a mail address, or a short text", stage="compose")
        for way in [ways] if isinstance(ways, str | Route) else ways:
            account = _account(user, Route.of(way))
            of_protocol = found.setdefault(account.server.dialect, {})
            if user.lower() in of_protocol:
                raise errors.UsageError(
                    f"{user} has two routes for {account.server.dialect.value}, and one can be meant", stage="compose"
                )
            of_protocol[user.lower()] = account
    if not found:
        raise errors.UsageError(
            "the bridge has no account: courriel login makes one, and --as NAME=URL or [bridge] in courriel.toml names"
            " one",
            stage="compose",
            hint_id="LOGIN-NOT-FOUND",
        )
    return found


# The steps.


def _account(user: str, route: Route) -> BridgeAccount:
    server = route.server
    if server is None or server.dialect not in PROTOCOLS:
        raise errors.UsageError(f"{route.name}: the bridge leads to SMTP, POP3 or IMAP", stage="compose")
    if route.password is not None and route.password.kind == "plain":
        raise errors.UsageError(
            f"{route.name}: a token in a URL is seen by everybody who lists processes; password=login:NAME, or a"
            " reference as env: or cmd:",
            stage="compose",
            hint_id="PASSWORD-NOT-A-REFERENCE",
        )
    if server.security not in (Security.TLS, Security.STARTTLS) or not server.trust.checks_chain:
        raise errors.UsageError(f"{route.name}: the bridge talks to a provider over verified TLS only", stage="compose")
    route.say_warnings()
    credentials = route.credentials() if route.takes_token else None
    if not isinstance(credentials, TokenSource):
        raise errors.UsageError(
            f"{route.name}: the bridge logs in by OAuth: password=login:NAME, or auth=xoauth2 with a token by"
            " reference; a program that has a password needs no bridge",
            stage="compose",
        )
    return BridgeAccount(user, _in_time(route.server_to_reach()), credentials)


def _in_time(server: Server) -> Server:
    timeouts = server.timeouts
    return server if timeouts.opening else replace(server, timeouts=replace(timeouts, opening=_OPENING))
