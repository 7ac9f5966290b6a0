"""
Routes to providers that take mail by HTTPS requests: Microsoft Graph, Brevo, Mailjet.

    graph:ada@contoso.example?password=login:ada@contoso.example
    mailjet:PUBLIC-KEY?password=env:MAILJET_SECRET
    brevo:?password=env:BREVO_KEY
    graph://ada%40contoso.example@graph.microsoft.us?password=login:…      another host, as that of a national cloud
"""

from __future__ import annotations

from courriel.delivery.percent import refusal, unquote
from courriel.delivery.secrets import FORMS, SecretReference
from courriel.delivery.urls import option_values, proxies, schemes
from courriel.delivery.urls.route import Route, RouteKind
from courriel.delivery.urls.url_parts import UrlParts, parse_host, parse_login, parse_options
from courriel.model.address import Address
from courriel.model.servers.server import Dialect, Server

_KINDS: dict[str, RouteKind] = {"graph": "graph", "brevo": "brevo", "mailjet": "mailjet"}


def http_route(parts: UrlParts) -> Route:
    """The route of a URL that names an HTTP provider. Raises InvalidUrl."""
    options = parse_options(parts, schemes.HTTP_OPTIONS)
    user, password, host, port = _place(parts)
    if user and "user" in options:
        raise refusal("the user stands twice, in front and in user=")
    if password and "password" in options:
        raise refusal("the password stands twice, before the @ and in password=")
    if "password" in options:
        password = SecretReference.parse(option_values.single(options, "password"))
    user = user or option_values.single(options, "user")
    proxy, proxy_password = proxies.read(options, SecretReference.parse) if _has_proxy(options) else (None, None)
    server = Server(
        host,
        port or 443,
        trust=option_values.trust(options),
        tls_name=option_values.single(options, "name").lower(),
        timeouts=option_values.timeouts(options),
        dialect=Dialect.HTTPS,
        proxy=proxy,
        redirect_to=option_values.redirect_to(options),
        allowlist=option_values.allowlist(options),
    )
    kind = _KINDS[parts.scheme]
    sender = option_values.sender(options)
    if sender is None and kind == "graph" and "@" in user:
        sender = Address.parse(user)
    return Route(kind, server, user, password, sender, proxy_password=proxy_password)


# The steps.


def _place(parts: UrlParts) -> tuple[str, SecretReference | None, str, int]:
    """User, password, host and port: the short form has the provider's own host."""
    if parts.authority is None:
        user = unquote(parts.path, "the user")
        if ":" in user or "/" in user:
            raise refusal(
                f"{parts.scheme}: no password stands here as itself; add ?password= with {FORMS}",
                hint_id="PASSWORD-NOT-A-REFERENCE",
            )
        return user, None, schemes.HTTP[parts.scheme], 443
    written, at, host_port = parts.authority.rpartition("@")
    user, password = parse_login(written) if at else ("", None)
    host, port = parse_host(parts, host_port)
    return user, password, host, port


def _has_proxy(options: option_values.Options) -> bool:
    return "proxy" in options or "proxy_password" in options
