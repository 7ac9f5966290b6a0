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
    failover(smtps://… smtps://…)   roundrobin(smtps://… smtps://…)   several of them

`Route.parse` parses a URL (see `courriel.delivery.urls.url_parser`), `route.url` writes it back with the secret masked
and `route.reveal_url()` with everything: parsed again, that gives an equal route. A route has one spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from courriel import errors
from courriel._dataclass import dataclass, field, replace
from courriel.delivery.percent import quote, refusal
from courriel.delivery.secrets import MASK, SecretReference, keyring_is_there
from courriel.delivery.urls import schemes
from courriel.delivery.urls.url_writer import (
    host_part,
    http_place,
    proxy_options,
    scheme_of,
    server_options,
    written_seconds,
)  # fmt: skip
from courriel.model.address import Address
from courriel.model.servers.credentials import Credentials, External, Password, TokenSource
from courriel.model.servers.server import Dialect, Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from courriel.model.servers.proxy import Proxy

RouteKind: TypeAlias = """Literal[
    'smtp', 'lmtp', 'pop3', 'imap', 'graph', 'brevo', 'mailjet', 'memory', 'console', 'null', 'file', 'maildir',
    'python', 'failover', 'roundrobin', 'bydomain',
]"""

Via: TypeAlias = "str | Route | Server | None"
"""A URL, the name of a profile, a Route, a Server without a login; None for the configured default."""

_IN_QUERY = "/:@,+<>*"  # reserved characters without meaning in our query values, more readable unescaped


@dataclass(frozen=True, slots=True, repr=False)
class Route:
    """Server, login and options for sending or reading mail; or a local transport, or one of a program.

    `kind` is "smtp", "lmtp", "pop3" or "imap" with a `server`, or "graph", "brevo" or "mailjet" with one that speaks
    HTTPS; "file" or "maildir" with an absolute `folder`, "memory", "console", "null"; or "python" with a `target`
    ("shop.mail:transport"), which is imported when it is used.
    "failover" and "roundrobin" have several `ways`, and `retry`, the seconds for which one that failed rests at first;
    "bydomain" has one of them, for all domains that do not stand in its `table` (domain, and URL or profile).
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
    ways: tuple[Route, ...] = ()
    retry: float = 0.0
    table: tuple[tuple[str, str], ...] = ()
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
        if self.ways:
            more = [f"{domain}: …" for domain, _ in self.table]
            return f"{self.kind}({', '.join([*more, *(way.name for way in self.ways)])})"
        return str(self.server) if self.server else self._before_query()

    @property
    def leaves(self) -> bool:
        """Whether mail may leave this machine by it: to a server, or by a transport of a program."""
        if self.ways:
            return bool(self.table) or any(way.leaves for way in self.ways)
        return self.server is not None or self.kind == schemes.PROGRAM

    def changed(self, change: Callable[[Route], Route]) -> Route:
        """The route with a change made to each server route in it: to itself, or to its ways."""
        if not self.ways:
            return change(self)
        return replace(self, ways=tuple(way.changed(change) for way in self.ways))

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

        return (*warnings(self), *self.notes, *(each for way in self.ways for each in way.warnings))

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
        if self.ways:
            each = [way._written(reveal=reveal) for way in self.ways]  # noqa: SLF001 - of this class
            named = [f"{domain}={'…' if ':' in via else via}" for domain, via in self.table]
            return f"{self.kind}({' '.join([*named, *each])})"
        if self.server is None:
            return f"{self.kind}://{quote(self.folder, safe='/')}" if self.folder else f"{self.kind}:{self.target}"
        login = quote(self.user)
        if self.password and self.password.kind == "plain":
            login += ":" + (quote(self.password.place) if reveal else MASK)
        if self.by_http:
            return http_place(self.kind, self.server, login, quote(self.user, safe="@"))
        scheme = scheme_of(self.server)
        return f"{scheme}://{login}{'@' if login else ''}{host_part(self.server, scheme, bool(login))}"

    def _options(self, reveal: bool) -> Iterator[tuple[str, str]]:
        if self.server:
            yield from server_options(self.server, bool(self.user))
        if self.password and self.password.kind != "plain":
            yield "password", self.password.revealed if reveal else str(self.password)
        if self.server and self.server.proxy:
            yield from proxy_options(self.server.proxy, self.proxy_password, reveal=reveal)
        if self.retry:
            yield "retry", written_seconds(self.retry)
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
