"""Routes to mail servers: from the parts of a URL to one checked `Route`."""

from __future__ import annotations

from courriel.delivery.percent import nearest, refusal
from courriel.delivery.secrets import SecretReference
from courriel.delivery.urls import option_values, schemes
from courriel.delivery.urls.option_values import Options
from courriel.delivery.urls.route import Route, kind_of
from courriel.delivery.urls.url_parts import UrlParts, parse_host, parse_login, parse_options
from courriel.delivery.urls.url_writer import default_port, default_security
from courriel.model.servers.server import Dialect, Security, Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.model.servers.proxy import Proxy

_CLEAR = {Dialect.POP3: "pop", Dialect.IMAP: "imap"}


def server_route(parts: UrlParts) -> Route:
    """The route of a URL that names a server. Raises InvalidUrl."""
    written, at, host_port = (parts.authority or "").rpartition("@")
    user, password = parse_login(written) if at else ("", None)
    host, port = parse_host(parts, host_port)
    options = parse_options(parts, schemes.usable_options(schemes.SERVERS[parts.scheme].dialect))
    return assembled(parts.scheme, host, port, user, password, options)


def assembled(
    scheme: str,
    host: str,
    port: int,
    user: str,
    password: SecretReference | None,
    options: Options,
    notes: tuple[str, ...] = (),
) -> Route:
    """Build the route; all option names have been checked."""
    user, password = _merged_login(user, password, options)
    proxy, proxy_password = _proxy(options)
    local = Server(host, proxy=proxy).local
    security = _security(scheme, option_values.single(options, "tls"), local=local)
    if security is Security.NONE:
        _refuse_tls_options(scheme, options, local)
    dialect = schemes.SERVERS[scheme].dialect
    auth = option_values.mechanisms(
        options, user, schemes.POP_MECHANISMS if dialect is Dialect.POP3 else schemes.MECHANISMS
    )
    clear = option_values.flag(options, "allow_clear_credentials", "1")
    if clear and (security is not Security.NONE or not user):
        raise refusal("allow_clear_credentials=1 makes no sense here: no password goes over a clear line")
    server = Server(
        host,
        0 if host.startswith("/") else port or default_port(scheme, login=bool(user)),
        security,
        trust=option_values.trust(options),
        client_certificate=option_values.client_certificate(options),
        tls_name=option_values.single(options, "name").lower(),
        ehlo_name=option_values.single(options, "ehlo"),
        timeouts=option_values.timeouts(options),
        auth=auth,
        allow_clear_credentials=clear,
        dialect=dialect,
        binary=option_values.flag(options, "binary", "1"),
        chunking=not option_values.flag(options, "chunking", "0"),
        compress=option_values.flag(options, "compress", "1"),
        proxy=proxy,
        redirect_to=option_values.redirect_to(options),
        allowlist=option_values.allowlist(options),
    )
    return Route(
        kind_of(dialect),
        server,
        user,
        password,
        option_values.sender(options),
        notes=notes,
        pool=option_values.number(options, "pool"),
        rate=option_values.single(options, "rate"),
        max_messages=option_values.number(options, "max_messages"),
        proxy_password=proxy_password,
        dkim=option_values.single(options, "dkim"),
    )


# The steps.


def _proxy(options: Options) -> tuple[Proxy | None, SecretReference | None]:
    if "proxy" not in options and "proxy_password" not in options:
        return None, None
    from courriel.delivery.urls import proxies

    return proxies.read(options, SecretReference.parse)


def _merged_login(user: str, password: SecretReference | None, options: Options) -> tuple[str, SecretReference | None]:
    """User and password, each before the @ or in an option; both at once are refused."""
    if user and "user" in options:
        raise refusal("the user stands twice, before the @ and in user=")
    if password and "password" in options:
        raise refusal("the password stands twice, before the @ and in password=")
    if "password" in options:
        password = SecretReference.parse(option_values.single(options, "password"))
    return user or option_values.single(options, "user"), password


def _security(scheme: str, word: str, *, local: bool) -> Security:
    fixed = schemes.SERVERS[scheme].security
    match word:
        case "":
            return default_security(scheme, local=local)
        case "required":
            return fixed or Security.STARTTLS
        case "none" | "opportunistic" if fixed:
            raise refusal(
                f"tls={word} contradicts {scheme}://, which says {schemes.WORDS[fixed]}; write"
                f" {_CLEAR.get(schemes.SERVERS[scheme].dialect, 'smtp')}://…?tls={word}"
            )
        case "none":
            return Security.NONE
        case "opportunistic":
            return Security.OPPORTUNISTIC
        case _:
            known = ["required", "opportunistic", "none"]
            raise refusal(f"tls={word!r} is not known{nearest(word, known)}: {', '.join(known)}")


def _refuse_tls_options(scheme: str, options: Options, local: bool) -> None:
    given = [name for name in schemes.TLS_OPTIONS if name in options]
    if given:
        # A trust option on a connection without TLS would have no effect (hazard H27).
        clear = f"{scheme}:// to this machine" if local and "tls" not in options else "tls=none"
        raise refusal(
            f"{given[0]}= is for TLS, and {clear} speaks in clear: add tls=required, or leave {given[0]}= out"
        )
