"""Text of a route's URL: scheme, host and options of a server, the inverse of the parser (`url_parser`)."""

from __future__ import annotations

from collections.abc import Iterator

from courriel._dataclass import replace
from courriel.delivery.percent import quote, refusal
from courriel.delivery.secrets import MASK, SecretReference
from courriel.delivery.urls import schemes
from courriel.model.servers.server import Dialect, Security, Server, Timeouts, usual_port

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.model.servers.proxy import Proxy


def scheme_of(server: Server) -> str:
    """The scheme of a server's URL."""
    if server.dialect is Dialect.LMTP:
        return "lmtp"
    spellings = {Dialect.POP3: ("pops", "pop3+starttls", "pop"), Dialect.IMAP: ("imaps", "imap+starttls", "imap")}
    at_once, upgraded, clear = spellings.get(server.dialect, ("smtps", "smtp+starttls", "smtp"))
    match server.security:
        case Security.TLS:
            return at_once
        case Security.STARTTLS:
            return upgraded
        case Security.NONE | Security.OPPORTUNISTIC:
            return clear


def default_port(scheme: str, *, login: bool) -> int:
    """The default port of a scheme; for `smtp://` 587 with a login, 25 without."""
    known = schemes.SERVERS[scheme]
    if known.dialect is Dialect.SMTP and known.security is None and not login:
        return 25
    return usual_port(known.dialect, known.security or Security.STARTTLS)


def default_security(scheme: str, *, local: bool) -> Security:
    """TLS mode without `tls=`: STARTTLS at least, except on this machine."""
    return schemes.SERVERS[scheme].security or (Security.NONE if local else Security.STARTTLS)


def host_part(server: Server, scheme: str, login: bool) -> str:
    """Host and port of a server's URL; the default port of the scheme is left out."""
    if server.host.startswith("/"):
        return quote(server.host, safe="/")
    host = f"[{server.host.replace('%', '%25')}]" if ":" in server.host else server.host
    return host if server.port == default_port(scheme, login=login) else f"{host}:{server.port}"


def http_place(kind: str, server: Server, login: str, user: str) -> str:
    """An HTTP provider in its short form, where that says all: at its usual host, without a password in the login."""
    if (server.host, server.port) == (schemes.HTTP[kind], 443) and ":" not in login:
        return f"{kind}:{user}"
    host = f"[{server.host.replace('%', '%25')}]" if ":" in server.host else server.host
    return f"{kind}://{login}{'@' if login else ''}{host}{'' if server.port == 443 else f':{server.port}'}"


def server_options(server: Server, login: bool) -> Iterator[tuple[str, str]]:
    """Options of a server's URL, where they differ from the defaults. Raises InvalidUrl for what no URL can say."""
    if server.dialect is not Dialect.HTTPS:
        scheme = scheme_of(server)
        if server.security is not default_security(scheme, local=server.local):
            yield "tls", _tls_word(server)
    if server.trust.accepts_anything:
        yield "verify", "0"
    elif server.trust != type(server.trust).system():
        for word in server.trust.words():
            yield ("pin" if word.startswith("sha256:") else "ca"), word
    if server.client_certificate:
        if server.client_certificate.password:
            raise refusal("the password of a client certificate's key cannot be written in a URL")
        yield "client_cert", server.client_certificate.certificate
        if server.client_certificate.key:
            yield "client_key", server.client_certificate.key
    if server.tls_name:
        yield "name", server.tls_name
    yield from _timeouts(server.timeouts)
    if server.ehlo_name:
        yield "ehlo", server.ehlo_name
    if server.auth:
        yield "auth", ",".join(server.auth)
    if server.allow_clear_credentials and login:
        yield "allow_clear_credentials", "1"
    if server.binary:
        yield "binary", "1"
    if not server.chunking:
        yield "chunking", "0"
    if server.compress and server.dialect is Dialect.IMAP:
        yield "compress", "1"


def proxy_options(proxy: Proxy, password: SecretReference | None, *, reveal: bool) -> Iterator[tuple[str, str]]:
    """The options that stand for a proxy; its URL is an option's value, which is percent-encoded once more."""
    login = quote(proxy.user)
    if password is not None and password.kind == "plain":
        login += ":" + (quote(password.place) if reveal else MASK)
    scheme, slashes, place = proxy.name.partition("://")
    yield "proxy", f"{scheme}{slashes}{login}{'@' if login else ''}{place}"
    if password is not None and password.kind != "plain":
        yield "proxy_password", password.revealed if reveal else str(password)


def written_seconds(seconds: float) -> str:
    """Seconds with up to three decimals, without trailing zeros."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


# The steps.


def _tls_word(server: Server) -> str:
    match server.security:
        case Security.NONE:
            return "none"
        case Security.OPPORTUNISTIC:
            return "opportunistic"
        case Security.STARTTLS:
            return "required"
        case Security.TLS:
            raise refusal("LMTP with TLS from the first byte has no URL")


def _timeouts(timeouts: Timeouts) -> Iterator[tuple[str, str]]:
    yield from _silences(replace(timeouts, total=None))
    if timeouts.total is not None:
        yield "total", written_seconds(timeouts.total)


def _silences(timeouts: Timeouts) -> Iterator[tuple[str, str]]:
    usual = Timeouts()
    if timeouts == usual:
        return
    if timeouts == Timeouts(connect=timeouts.connect):
        yield "connect_timeout", written_seconds(timeouts.connect)
        return
    if timeouts != Timeouts.silence(timeouts.greeting, connect=timeouts.connect):
        raise refusal("time limits that differ from stage to stage cannot be written in a URL")
    yield "timeout", written_seconds(timeouts.greeting)
    if timeouts.connect != timeouts.greeting:
        yield "connect_timeout", written_seconds(timeouts.connect)
