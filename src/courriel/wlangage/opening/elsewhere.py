"""Other servers in the place of those that a program names, to try it without reaching anyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.wlangage.problem import Impossible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from courriel import Route, Server, Signed, SmtpSession
    from courriel.types import Credentials
    from courriel.wlangage.opening.request import Request

_PROTOCOLS = {"smtp": "SMTP", "pop3": "POP3", "imap": "IMAP"}


class Elsewhere:
    """Servers by protocol; a session of a protocol that has none cannot be opened.

    A login of the program goes to a server of this machine; to others goes the login of their own URL, if any.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        """Take one route for each protocol: smtp, pop3, imap; and for smtp also several ways, or an HTTP provider.

        Raises UsageError for other kinds of routes.
        """
        from courriel import UsageError

        self._routes: dict[str, Route] = {}
        for route in routes:
            if route.ways or route.by_http:
                self._routes["SMTP"] = route
                continue
            protocol = _PROTOCOLS.get(route.kind)
            if protocol is None or route.server is None:
                raise UsageError(f"{route.name}: a URL of a server for SMTP, POP3 or IMAP is expected")
            self._routes[protocol] = route

    def route_to_send(self) -> Route | None:
        """The setting by which mail leaves, where it is several ways, or an HTTP provider."""
        route = self._routes.get("SMTP")
        return route if route is not None and (route.ways or route.by_http) else None

    def signed(self, session: SmtpSession) -> SmtpSession | Signed:
        """The transport by which mail leaves: the session, or one around it that signs. Raises UsageError."""
        from courriel import Signed
        from courriel.delivery.signing_routes import signed_by

        route = self._routes.get("SMTP")
        way = session if route is None else signed_by(route, session)
        return way if isinstance(way, Signed) else session

    def place_of(self, request: Request) -> tuple[Server, Credentials | None]:
        """The server and the login in the place of those of a request. Raises Impossible when there is none."""
        route = self._routes.get(request.protocol)
        if route is None:
            raise Impossible(
                f"aucun serveur {request.protocol} n'a été donné à la place de {request.host}.",
                f"no {request.protocol} server was given in the place of {request.host}.",
            )
        server = route.server_to_reach()
        if server is None:
            raise AssertionError(route)
        own = route.credentials()
        if own is not None or not server.loopback:
            return server, own
        return server, request.credentials
