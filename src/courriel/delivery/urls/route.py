"""
Route: a frozen value with server, login and TLS mode, for sending or reading mail.

    smtps://ada@smtp.example.org?password=env:MAIL_PASSWORD      TLS from the first byte, port 465
    smtp+starttls://smtp.example.org                             STARTTLS required, port 587
    smtp://localhost:2525                                        without TLS, because it never leaves this machine
    orange:ada@orange.fr?password=keyring                        a provider's short name, with the user name it needs
    pops://ada@pop.example.org   pop3+starttls://…   pop://…      for reading: 995, 110
    imaps://ada@imap.example.org   imap+starttls://…   imap://…   for reading and filing: 993, 143
    orange+pop:ada@orange.fr   orange+imap:ada@orange.fr         the same by a provider's short name
    lmtp:///run/dovecot/lmtp   memory:   console:   null:   file:///folder   maildir:///folder
    python:shop.mail:transport                                   a Transport that a program provides
    graph:ada@contoso.example?password=login:ada@contoso.example   a provider's own interface, by HTTPS requests
    brevo:?password=env:BREVO_KEY   mailjet:PUBLIC-KEY?password=env:MAILJET_SECRET

`Route.parse` parses a URL (see `courriel.delivery.urls.url_parser`), `route.url` writes it back with the secret masked
and `route.reveal_url()` with everything: parsed again, that gives an equal route. A route has one spelling.
"""

from __future__ import annotations

from collections.abc import Iterator

from courriel import errors
from courriel._dataclass import dataclass, field, replace
from courriel.delivery.percent import quote, refusal
from courriel.delivery.secrets import MASK, SecretReference, keyring_is_there
from courriel.delivery.urls import schemes
from courriel.model.address import Address
from courriel.model.credentials import Credentials, External, Password, TokenSource
from courriel.model.server import Dialect, Security, Server, Timeouts, usual_port

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from courriel.model.proxy import Proxy

RouteKind: TypeAlias = (
    "Literal['smtp', 'lmtp', 'pop3', 'imap', 'graph', 'brevo', 'mailjet',"
    " 'memory', 'console', 'null', 'file', 'maildir', 'python']"
)

Via: TypeAlias = "str | Route | Server | None"
"""A URL, the name of a profile, a Route, a Server without a login; None for the configured default."""

_IN_QUERY = "/:@,+<>*"  # reserved characters without meaning in our query values, more readable unescaped


@dataclass(frozen=True, slots=True, repr=False)
class Route:
    """Server, login and options for sending or reading mail; or a local transport, or one of a program.

    `kind` is "smtp", "lmtp", "pop3" or "imap" with a `server`, or "graph", "brevo" or "mailjet" with one that speaks
    HTTPS; "file" or "maildir" with an absolute `folder`, "memory", "console", "null"; or "python" with a `target`
    ("shop.mail:transport"), which is imported when it is used.
    `password` is a reference to the secret, which is read by each call of `credentials()`; `proxy_password` is that of
    the server's proxy, which `server` here does not hold, and `server_to_reach()` does.
    `sender` is for messages without one. `pool` is the most sessions at once, `rate` ("30/m") the most messages per
    time, `max_messages` the most in one session; 0 and "" set no limit here. `dkim` is the table of the settings by
    which mail is signed ("example" for [dkim.example]). `notes` are warnings logged before the
    route is used; they do not count in comparisons. Raises InvalidUrl for an invalid combination.
    """

    kind: RouteKind
    server: Server | None = None
    user: str = ""
    password: SecretReference | None = None
    sender: Address | None = None
    folder: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)
    pool: int = 0
    rate: str = ""
    max_messages: int = 0
    target: str = ""
    proxy_password: SecretReference | None = None
    dkim: str = ""
    source: str = field(default="", compare=False)
    """The variable or file it came from; "" when it came from an argument."""

    def __post_init__(self) -> None:
        from courriel.delivery.urls.route_checks import check

        if self.server is not None and self.server.proxy is not None:
            self._part_proxy_from_password(self.server, self.server.proxy)
        check(self)

    @classmethod
    def parse(cls, url: str) -> Route:
        """Parse a URL. Raises InvalidUrl, which quotes the invalid part, but never what may be a secret."""
        from courriel.delivery.urls.url_parser import read

        return read(url)

    @classmethod
    def of(cls, way: str | Route | Server) -> Route:
        """A route from a URL or a Server (without a login); a Route is returned as it is."""
        if isinstance(way, Route):
            return way
        if isinstance(way, Server):
            return cls(kind_of(way.dialect), server=way)
        return cls.parse(way)

    @property
    def name(self) -> str:
        """Destination for display: "smtp.example.org:587", "memory:", "file:///folder"."""
        return str(self.server) if self.server else self._before_query()

    @property
    def leaves(self) -> bool:
        """Whether mail may leave this machine by it: to a server, or by a transport of a program."""
        return self.server is not None or self.kind == schemes.PROGRAM

    @property
    def by_session(self) -> bool:
        """Whether it leads to a server with which there is a conversation (SMTP, LMTP, POP3, IMAP)."""
        return self.server is not None and not self.by_http

    @property
    def pooled(self) -> bool:
        """Whether all sends by this route share a pool: it has `pool=` or `rate=`."""
        return bool(self.pool or self.rate)

    @property
    def reads(self) -> bool:
        """Whether it is for reading mail (POP3, IMAP)."""
        return self.kind in schemes.READING_KINDS

    @property
    def by_http(self) -> bool:
        """Whether mail leaves by HTTPS requests to a provider, and not in a session."""
        return self.kind in schemes.HTTP

    @property
    def takes_token(self) -> bool:
        """Whether the secret is an OAuth access token: Graph and `auth` take no other, or it is a stored login."""
        if self.kind == "graph" or (self.password is not None and self.password.kind == "login"):
            return True
        mechanisms = self.server.auth if self.server else ()
        return bool(mechanisms) and set(mechanisms) <= set(schemes.TOKEN_MECHANISMS)

    def credentials(self) -> Credentials | None:
        """The credentials; None without a login. A password is read now.

        A token is read each time the session asks for it instead. Raises UsageError or MissingExtra when the secret
        cannot be read, or when the server may not get the token of a stored login.
        """
        if self.server is None:
            return None
        if "external" in self.server.auth:
            return External(self.user)
        if self.kind == "brevo":
            return Password("api-key", self.read_secret())
        if not self.user:
            return None
        if self.password is not None and self.password.kind == "login":
            from courriel.delivery.oauth.sources import stored

            source = stored(self.password.place, self.user)
            source.check_server(self.server)
            return source
        if self.takes_token:
            return TokenSource(self.user, self.read_secret)
        return Password(self.user, self.read_secret())

    def server_to_reach(self) -> Server:
        """The server with the proxy as it is now: with its password, or as the environment names it.

        Raises UsageError or MissingExtra when the password cannot be read; InvalidServer for a wrong variable.
        """
        assert self.server is not None
        if self.server.proxy is None:
            return self.server
        from courriel.network.connecting.proxy.environment import proxy_of

        proxy = proxy_of(self.server)
        if proxy is not None and proxy is self.server.proxy and proxy.user:
            proxy = proxy.with_password(self._read_proxy_password(proxy))
        return replace(self.server, proxy=proxy)

    def read_secret(self) -> str:
        """Read the password or token now, from the keyring when the route has no reference to it."""
        host = self.server.host if self.server else ""
        if self.password is None and not keyring_is_there():
            raise errors.UsageError(
                f"{self.user or self.kind!r} is to log in on {host}, and nothing says where the password lies: add"
                " ?password=env:NAME to the URL (or file:/path, prompt, cmd:program; the keyring is asked by itself"
                ' when it is there: pip install "courriel[keyring]")',
                stage="authenticate",
                hint_id="PASSWORD-NOT-FOUND",
            )
        return (self.password or SecretReference("keyring")).read(user=self.user, host=host)

    def _read_proxy_password(self, proxy: Proxy) -> str:
        if self.proxy_password is None and not keyring_is_there():
            raise errors.UsageError(
                f"{proxy.user!r} is to log in to the proxy {proxy}, and nothing says where the password lies: add"
                " proxy_password=env:NAME (or file:/path, cmd:program; the keyring is asked by itself when it is there:"
                ' pip install "courriel[keyring]")',
                stage="authenticate",
                hint_id="PASSWORD-NOT-FOUND",
            )
        return (self.proxy_password or SecretReference("keyring")).read(user=proxy.user, host=proxy.host)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings before connecting: an unusual port, a disabled check."""
        from courriel.delivery.urls.route_checks import warnings

        return (*warnings(self), *self.notes)

    def blame(self, error: errors.CourrielError) -> None:
        """Add a note to an error that names the variable or file from which this route came."""
        if self.source:
            error.add_note(f"This way out ({self.name}) was set by {self.source}.")

    def say_warnings(self) -> None:
        """Log the warnings, on each use of the route."""
        sentences = self.warnings
        if sentences:
            import logging

            logger = logging.getLogger("courriel.delivery")
            for sentence in sentences:
                logger.warning("%s", sentence, extra={"action": "route_warning", "server": self.name})

    # Writing the URL.

    @property
    def url(self) -> str:
        """The route as a URL with the secret masked, for display and logs."""
        return self._written(reveal=False)

    def reveal_url(self) -> str:
        """The route as a URL, including a plain password; `parse` returns an equal route."""
        return self._written(reveal=True)

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        try:
            return f"Route({self.url!r})"
        except errors.InvalidUrl:
            return f"Route(<{self.name}>)"  # a Server with options that have no URL form

    def _part_proxy_from_password(self, server: Server, proxy: Proxy) -> None:
        """Keep the password of a proxy as a reference, as that of the server."""
        if proxy.password:
            if self.proxy_password is not None:
                raise refusal("the password of the proxy stands twice, in proxy= and in proxy_password=")
            object.__setattr__(self, "proxy_password", SecretReference("plain", proxy.password))
            object.__setattr__(self, "server", replace(server, proxy=proxy.with_password("")))

    def _written(self, *, reveal: bool) -> str:
        options = "&".join(f"{name}={quote(value, safe=_IN_QUERY)}" for name, value in self._options(reveal))
        return f"{self._before_query(reveal=reveal)}{'?' if options else ''}{options}"

    def _before_query(self, *, reveal: bool = False) -> str:
        if self.server is None:
            return f"{self.kind}://{quote(self.folder, safe='/')}" if self.folder else f"{self.kind}:{self.target}"
        login = quote(self.user)
        if self.password and self.password.kind == "plain":
            login += ":" + (quote(self.password.place) if reveal else MASK)
        if self.by_http:
            return _http_place(self.kind, self.server, login, quote(self.user, safe="@"))
        scheme = _scheme(self.server)
        return f"{scheme}://{login}{'@' if login else ''}{_host_part(self.server, scheme, bool(login))}"

    def _options(self, reveal: bool) -> Iterator[tuple[str, str]]:
        if self.server:
            yield from _server_options(self.server, bool(self.user))
        if self.password and self.password.kind != "plain":
            yield "password", self.password.revealed if reveal else str(self.password)
        if self.server and self.server.proxy:
            yield from _proxy_options(self.server.proxy, self.proxy_password, reveal=reveal)
        if self.sender:
            yield "from", str(self.sender)
        if self.pool:
            yield "pool", str(self.pool)
        if self.rate:
            yield "rate", self.rate
        if self.max_messages:
            yield "max_messages", str(self.max_messages)
        if self.dkim:
            yield "dkim", self.dkim
        if self.server and self.server.redirect_to:
            yield "redirect_to", self.server.redirect_to.spec
        if self.server and self.server.allowlist:
            yield "allowlist", ",".join(self.server.allowlist)


# The steps.


def kind_of(dialect: Dialect) -> RouteKind:
    """The kind of the routes to a server of this protocol. Raises InvalidUrl for an HTTP provider, which has a name."""
    match dialect:
        case Dialect.SMTP:
            return "smtp"
        case Dialect.LMTP:
            return "lmtp"
        case Dialect.POP3:
            return "pop3"
        case Dialect.IMAP:
            return "imap"
        case Dialect.HTTPS:
            raise refusal(f"a server that speaks HTTPS belongs to a provider: {', '.join(schemes.HTTP)}, by a URL")


def _scheme(server: Server) -> str:
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


def _host_part(server: Server, scheme: str, login: bool) -> str:
    if server.host.startswith("/"):
        return quote(server.host, safe="/")
    host = f"[{server.host.replace('%', '%25')}]" if ":" in server.host else server.host
    return host if server.port == default_port(scheme, login=login) else f"{host}:{server.port}"


def _http_place(kind: str, server: Server, login: str, user: str) -> str:
    """An HTTP provider in its short form, where that says all: at its usual host, without a password in the login."""
    if (server.host, server.port) == (schemes.HTTP[kind], 443) and ":" not in login:
        return f"{kind}:{user}"
    host = f"[{server.host.replace('%', '%25')}]" if ":" in server.host else server.host
    return f"{kind}://{login}{'@' if login else ''}{host}{'' if server.port == 443 else f':{server.port}'}"


def _server_options(server: Server, login: bool) -> Iterator[tuple[str, str]]:
    if server.dialect is not Dialect.HTTPS:
        scheme = _scheme(server)
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


def _proxy_options(proxy: Proxy, password: SecretReference | None, *, reveal: bool) -> Iterator[tuple[str, str]]:
    """The options that stand for a proxy; its URL is an option's value, which is percent-encoded once more."""
    login = quote(proxy.user)
    if password is not None and password.kind == "plain":
        login += ":" + (quote(password.place) if reveal else MASK)
    scheme, slashes, place = proxy.name.partition("://")
    yield "proxy", f"{scheme}{slashes}{login}{'@' if login else ''}{place}"
    if password is not None and password.kind != "plain":
        yield "proxy_password", password.revealed if reveal else str(password)


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


def written_seconds(seconds: float) -> str:
    """Seconds with up to three decimals, without trailing zeros."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
