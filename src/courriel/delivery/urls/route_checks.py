"""Validation of routes: contradictions are errors, risky settings give warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from courriel import errors
from courriel._lazy_re import expression
from courriel.delivery.percent import refusal
from courriel.delivery.urls import schemes
from courriel.model.servers.server import Dialect, Security, Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.urls.route import Route


def check(route: Route) -> None:
    """Check a route for contradictions. Raises InvalidUrl."""
    if (route.server is not None) is not (route.kind in schemes.DIALECTS):
        raise refusal(f"{route.kind}: only {' and '.join(schemes.DIALECTS)} lead to a server, and they need one")
    if bool(route.folder) is not (route.kind in schemes.FOLDERS):
        raise refusal(f"{route.kind}: only file and maildir lead to a folder, and they need one")
    if (route.kind == schemes.PROGRAM) is not is_target(route.target):
        raise refusal(f"{route.kind}: target is a module and a name in it, as shop.mail:transport, for python: alone")
    _check_group(route)
    _check_pool(route)
    if route.dkim and route.ways:
        raise refusal(f"{route.kind}(…): dkim= stands in the URL of each way that signs")
    if route.dkim and route.by_http:
        raise refusal(f"dkim= makes no sense with {route.kind}: the provider changes the mail, and signs it itself")
    if route.dkim and (route.reads or not is_dkim_name(route.dkim)):
        raise refusal(
            f"dkim= makes no sense with {route.kind}: it signs mail that leaves"
            if route.reads
            else f"dkim={route.dkim!r:.80}: the name of a table in the settings, as dkim=example for [dkim.example]"
        )
    if route.ways and (route.user or route.password or route.proxy_password):
        raise refusal(f"{route.kind}(…): the login of each way stands in its own URL, as ?password=env:NAME")
    if route.server is None:
        if route.user or route.password or route.proxy_password:
            raise refusal(f"{route.kind}: nobody logs in here")
        return
    _check_proxy_login(route, route.server)
    if route.by_http:
        _check_http(route, route.server)
    else:
        _check_login(route, route.server)


def is_dkim_name(name: str) -> bool:
    """Whether a table of the settings can have this name: [dkim.NAME]."""
    return bool(_DKIM_NAME.fullmatch(name))


def is_target(target: str) -> bool:
    """Whether this names something in a module: package.module:name."""
    module, colon, name = target.partition(":")
    return bool(colon) and all(word.isidentifier() for word in (*module.split("."), *name.split(".")))


def warnings(route: Route) -> Iterator[str]:
    """Warnings to log before connecting."""
    server = route.server
    if server is None:
        return
    if not route.by_http:
        yield from _about_port(server)
    if server.trust.accepts_anything and server.security is not Security.NONE:
        yield (
            f"the certificate of {server.host} is not verified (verify=0): whoever stands on the road can read the mail"
            " and the password, and change both"
        )
    if route.user and server.security is Security.NONE and not server.local:
        yield f"the password of {route.user!r} goes to {server} in clear (allow_clear_credentials=1)"


# The steps.


_DKIM_NAME = expression(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def _check_group(route: Route) -> None:
    several = route.kind in schemes.GROUPS or route.kind == schemes.TABLE
    if bool(route.ways) is not several or bool(route.table) is not (route.kind == schemes.TABLE):
        raise refusal(f"{route.kind}: only failover and roundrobin have several ways, and they need one at least")
    if any(way.kind == schemes.TABLE or way.reads for way in route.ways):
        raise refusal(f"{route.kind}: its ways are for sending mail, and no tables of their own")
    if not 0 <= route.retry <= _LONGEST_REST or (route.retry and route.kind not in schemes.GROUPS):
        raise refusal(f"retry={route.retry:g}: seconds for which a way that failed rests, from 0.001 to 86400")


_LONGEST_REST = 86_400  # seconds
_MOST_SESSIONS = 1000  # at once; a process has some thousand descriptors


def _check_pool(route: Route) -> None:
    given = [name for name in schemes.POOL_OPTIONS if getattr(route, name)]
    if given and (route.server is None or route.reads or route.by_http):
        raise refusal(f"{given[0]}= makes no sense with {route.kind}: it is for sessions by which mail leaves")
    for name, maximum in (("pool", _MOST_SESSIONS), ("max_messages", 10**9)):
        number = getattr(route, name)
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= maximum:
            raise refusal(f"{name}={number!r}: a number from 1 to {maximum:,}")
    if route.rate:
        from courriel.session.pool.throttle import Rate

        try:
            Rate.parse(route.rate)
        except errors.UsageError as wrong:
            raise refusal(f"rate=: {wrong}") from None


def _check_login(route: Route, server: Server) -> None:
    external = "external" in server.auth
    if external and (len(server.auth) > 1 or route.password):
        raise refusal("auth=external: the client certificate logs in; no password and no other mechanism beside it")
    if external and server.client_certificate is None:
        raise refusal("auth=external needs client_cert=: the certificate is what logs in")
    if route.password and not route.user:
        raise refusal("a password without a user name: write the user before the @, or user=")
    if server.auth and not route.user and not external:
        raise refusal(f"auth={','.join(server.auth)} without a user name: nobody would log in")
    tokens = [name for name in server.auth if name in schemes.TOKEN_MECHANISMS]
    if tokens and len(tokens) < len(server.auth):
        raise refusal(f"auth={','.join(server.auth)}: a secret is a password or a token, and cannot be both")
    if route.password and route.password.kind == "login" and len(tokens) < len(server.auth):
        raise refusal(
            f"auth={','.join(server.auth)} with password=login: a stored login is a token, which xoauth2 and"
            " oauthbearer take"
        )
    if not route.user:
        return
    if server.security is Security.OPPORTUNISTIC:
        raise refusal(
            "tls=opportunistic never goes with a login: whoever stands on the road could take the STARTTLS offer away"
            " and read the password; leave tls= out, and STARTTLS is required"
        )
    if server.security is Security.NONE and not server.local and not server.allow_clear_credentials:
        raise refusal(
            f"the password of {route.user!r} would go to {server} in clear: leave tls=none out, or say"
            " allow_clear_credentials=1",
            hint_id="CLEAR-CREDENTIALS",
        )


def _check_http(route: Route, server: Server) -> None:
    """A provider by HTTPS: who sends is part of the address of a request, and the certificate is always verified."""
    if server.dialect is not Dialect.HTTPS or server.security is not Security.TLS:
        raise refusal(f"{route.kind}: this provider is spoken to by HTTPS")
    if not server.trust.checks_chain:
        raise refusal(f"{route.kind}: the certificate of {server.host} is always verified, so that its key is safe")
    if server.auth:
        raise refusal(f"{route.kind}: auth= makes no sense here, its secret is sent in one way")
    match route.kind:
        case "graph" if "@" not in route.user:
            raise refusal("graph: the address of the mailbox follows, as graph:ada@contoso.example")
        case "mailjet" if not route.user:
            raise refusal("mailjet: the public key follows, as mailjet:PUBLIC-KEY?password=env:MAILJET_SECRET")
        case "brevo" if route.user:
            raise refusal("brevo: there is no user, the key is all: brevo:?password=env:BREVO_KEY")
        case _:
            pass
    if route.kind != "graph" and route.password is not None and route.password.kind == "login":
        raise refusal(f"{route.kind}: a stored login is none of this provider; its key is a secret of its own")


def _check_proxy_login(route: Route, server: Server) -> None:
    if route.proxy_password is None:
        return
    if server.proxy is None or not server.proxy.user:
        raise refusal("proxy_password= without a user name: it stands in proxy=, before the @")
    if route.proxy_password.kind in ("prompt", "login"):
        raise refusal(
            f"proxy_password={route.proxy_password.kind}: a proxy's password is read by env:, file:, cmd: or keyring"
        )


def _about_port(server: Server) -> Iterator[str]:
    if server.dialect.value in schemes.READING_KINDS:
        yield from _about_reading_port(server)
    elif server.port in schemes.OTHER_PROTOCOLS:
        yield f"port {server.port} normally speaks {schemes.OTHER_PROTOCOLS[server.port]}, not mail to be sent"
    elif server.dialect is Dialect.LMTP:
        if server.port in schemes.SPOKEN:
            yield f"port {server.port} normally speaks SMTP; you asked for LMTP"
    else:
        yield from _about_security(server, schemes.ON_PORT)


def _about_reading_port(server: Server) -> Iterator[str]:
    spoken, asked = schemes.PROTOCOLS.get(server.port, ""), server.dialect.name
    if spoken not in ("", asked):
        yield f"port {server.port} normally speaks {spoken}; you asked for {asked}"
    else:
        yield from _about_security(server, schemes.ON_READING_PORT)


def _about_security(server: Server, usual: Mapping[int, tuple[Security, ...]]) -> Iterator[str]:
    if server.security not in usual.get(server.port, (server.security,)):
        yield (
            f"port {server.port} normally speaks {schemes.SPOKEN[server.port]}; you asked for"
            f" {schemes.WORDS[server.security]}"
        )
