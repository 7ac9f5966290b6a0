"""Routes of a stored login: the servers of its provider, reached by its tokens."""

from __future__ import annotations

from courriel._dataclass import replace
from courriel.delivery.percent import quote
from courriel.delivery.secrets import SecretReference
from courriel.delivery.urls.route import Route

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.oauth.login import StoredLogin

USUAL_SERVERS = {
    "microsoft": (
        "smtp+starttls://smtp.office365.com",
        "imaps://outlook.office365.com",
        "pops://outlook.office365.com",
    ),
    "google": ("smtps://smtp.gmail.com", "imaps://imap.gmail.com", "pops://pop.gmail.com"),
}
"""Servers of each provider; the first one takes mail, the others give it."""


def usual_servers(login: StoredLogin) -> tuple[str, ...]:
    """URLs of the servers that the login is for, without the login itself."""
    return (f"graph:{quote(login.mailbox, safe='@')}",) if login.purpose == "graph" else USUAL_SERVERS[login.provider]


def route_of(login: StoredLogin, server: str) -> Route:
    """The route to this server by this login: the user, the mechanism, and the login's name."""
    route = Route.parse(server)
    assert route.server is not None
    if route.by_http:
        return replace(route, user=login.mailbox, password=SecretReference("login", login.name))
    local, _, domain = login.mailbox.rpartition("@")
    user = local if domain and "%" not in local else login.mailbox
    return replace(
        route,
        server=replace(route.server, auth=("xoauth2",)),
        user=user,
        password=SecretReference("login", login.name),
    )


def usual_routes(login: StoredLogin) -> list[Route]:
    """Routes to those servers of the provider that may get the login's tokens; none for a login of Graph."""
    routes = [route_of(login, each) for each in usual_servers(login)]
    return [route for route in routes if route.by_session and route.server and route.server.host in login.hosts]
