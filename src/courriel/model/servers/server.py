"""Server settings: host and port, security, time limits."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from courriel import errors
from courriel._dataclass import dataclass, field, replace
from courriel._lazy_re import expression
from courriel.model.checks.shown import safely_shown
from courriel.model.servers.host import checked_host

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn, TypeVar

    AnyEnum = TypeVar("AnyEnum", bound=Enum)

    from courriel.model.address import Address
    from courriel.model.servers.proxy import Proxy
    from courriel.model.servers.trust import ClientCertificate, Trust


class Security(Enum):
    """Protection of the connection: one word, not two booleans. The first three are for general use."""

    TLS = "tls"  # encrypted from the first byte (465)
    STARTTLS = "starttls"  # upgraded before anything private is sent, or else closed (587)
    NONE = "none"  # in clear: for this machine, or a network that you trust
    OPPORTUNISTIC = "opportunistic"  # upgraded when offered; never with credentials (25)


class Dialect(Enum):
    """Protocol of the server."""

    SMTP = "smtp"
    LMTP = "lmtp"  # as SMTP, but with one reply per recipient after the message (RFC 2033)
    POP3 = "pop3"  # for reading: letters are fetched from one mailbox and deleted (RFC 1939)
    IMAP = "imap"  # for reading and filing: folders stay on the server (RFC 3501)
    HTTPS = "https"  # a provider's own interface for sending: one request, one mail


_PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25, Security.OPPORTUNISTIC: 25}
_POP_PORTS = {Security.TLS: 995, Security.STARTTLS: 110, Security.NONE: 110, Security.OPPORTUNISTIC: 110}
_IMAP_PORTS = {Security.TLS: 993, Security.STARTTLS: 143, Security.NONE: 143, Security.OPPORTUNISTIC: 143}
_EHLO = expression(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f.:]+\]|\[IPv6:[0-9A-Fa-f.:]+\]")
_LOOPBACK = expression(r"(?i)localhost\.?|127(?:\.\d{1,3}){3}|::1|/.*")


_DEADLINES = ("opening", "total")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds: the longest silence at each stage, and two deadlines, `opening` for everything until a
    session is open, from connecting to the login, and `total` for one whole call (None: no such limit).

        server = Server("smtp.example.org", timeouts=Timeouts(connect=5, total=20))

    A limit measures silence, not transfer: a large message on a slow connection does not fail while it advances. The
    defaults are those of RFC 5321 4.5.3.2, where it gives one; connecting and TLS, for which people wait, have 30.
    """

    connect: float = 30
    secure: float = 30
    greeting: float = 300
    hello: float = 300
    authenticate: float = 120  # enough for a server that asks a directory, or delays its reply to a wrong password
    sender: float = 300
    recipient: float = 300
    data: float = 180
    message: float = 600  # too short a limit here is the first cause of duplicate mail (RFC 1047)
    mailbox: float = 300  # listing a large mailbox takes long
    letter: float = 300
    goodbye: float = 5  # the mail is safe by then; a slow QUIT should not hold up the caller
    opening: float | None = None
    total: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            limit = getattr(self, name)
            if limit is None and name in _DEADLINES:
                continue
            if isinstance(limit, bool) or not (isinstance(limit, int | float) and 0 < limit < float("inf")):
                raise errors.InvalidServer(
                    f"time limit {name}: {safely_shown(limit)} is not a finite number of seconds above zero"
                )

    @classmethod
    def silence(cls, seconds: float, *, connect: float | None = None) -> Timeouts:
        """The same limit in seconds for every stage and for the whole opening; goodbye has at most 5.

        With a longer `connect` of its own, the opening deadline is the sum of both.
        """
        stages = {name: seconds for name in cls.__slots__ if name not in (*_DEADLINES, "goodbye", "connect")}
        opening = seconds + connect if connect and connect > seconds else seconds
        return cls(**stages, connect=connect or seconds, goodbye=min(seconds, 5), opening=opening)

    def of(self, stage: str) -> float:
        """Time limit of a stage, in seconds."""
        limit: float = getattr(self, stage)
        return limit


def _system() -> Trust:
    from courriel.model.servers.trust import Trust  # noqa: PLC0415 - not before there is a server

    return Trust.system()


@dataclass(frozen=True, slots=True)
class Server:
    """Mail server: its address, the security of the connection, and the limits and options of a session.

        server = Server("smtp.example.org", 587, "starttls")
        print(server)  # smtp.example.org:587

    `host` is a DNS name (any script), an IP address, or the path of a local socket for LMTP. `port` follows `security`
    unless given (465, 587, 25; for POP3 995, 110; for IMAP 993, 143). `tls_name` is the name the certificate must have
    when it is not `host`. `ehlo_name` is the client's name in EHLO: by default the machine's full name, else the
    address literal of the connection. `auth` restricts the mechanisms, in lower case and in order of preference; empty
    means the strongest offered. Credentials are never sent unencrypted to another machine unless
    `allow_clear_credentials` says so. With `binary` files are sent without base64 where the server offers BINARYMIME
    and CHUNKING (RFC 3030): a quarter fewer octets. With `chunking` messages are sent by BDAT where the server offers
    CHUNKING; without, always by DATA, for servers and proxies that offer it without supporting it. With `compress`
    an IMAP session is compressed where the server offers that (COMPRESS=DEFLATE, RFC 4978). `proxy` is what the server
    is reached through. For staging: with `redirect_to` every mail goes to this one address, with `allowlist` (addresses
    and domains) to these alone; with both, the mail of others goes to the one address. `security` and `dialect` may be
    given as words, "starttls". Raises InvalidServer for a value of a wrong type or kind.
    """

    host: str
    port: int = 0
    security: Security = Security.TLS
    trust: Trust = field(default_factory=_system)
    client_certificate: ClientCertificate | None = None
    tls_name: str = ""
    ehlo_name: str = ""
    timeouts: Timeouts = field(default_factory=Timeouts)  # a factory, so that an import makes no value
    auth: tuple[str, ...] = ()
    allow_clear_credentials: bool = False
    dialect: Dialect = Dialect.SMTP
    binary: bool = False
    chunking: bool = True
    compress: bool = False
    proxy: Proxy | None = None
    redirect_to: Address | None = None
    allowlist: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "host", checked_host(self.host))
        if not (isinstance(self.security, Security) and isinstance(self.dialect, Dialect)):
            object.__setattr__(self, "security", _word("security", Security, self.security))
            object.__setattr__(self, "dialect", _word("dialect", Dialect, self.dialect))
        self._check_kinds()
        if self.tls_name:
            object.__setattr__(self, "tls_name", checked_host(self.tls_name))
        if not self.port:
            object.__setattr__(self, "port", usual_port(self.dialect, self.security))
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 0 < self.port < 65536:
            raise errors.InvalidServer(f"port {safely_shown(self.port)}: a port is a number from 1 to 65535")
        if self.binary and not self.chunking:
            raise errors.InvalidServer("binary without chunking: files as they are leave by BDAT alone (RFC 3030 3)")
        if self.ehlo_name and not (isinstance(self.ehlo_name, str) and _EHLO.fullmatch(self.ehlo_name)):
            raise errors.InvalidServer(
                f"EHLO name {safely_shown(self.ehlo_name)}: a host name in ASCII, or an address as [192.0.2.1]"
            )

    def with_dialect(self, dialect: Dialect) -> Server:
        """Return the same server for another protocol: a default port changes with it, any other port stays."""
        usual = self.port == usual_port(self.dialect, self.security)
        return replace(self, dialect=dialect, port=0 if usual else self.port)

    def speaking(self, *_: object, **__: object) -> NoReturn:
        """Raise UsageError: a server is immutable; `with_dialect` returns one for another protocol."""
        raise errors.UsageError("Server.speaking(): a server does not change; write server = server.with_dialect(…)")

    def _check_kinds(self) -> None:
        """Check the types of the fields now, and not when the connection is opened."""
        from courriel.model.servers.trust import ClientCertificate, Trust  # noqa: PLC0415 - not before there is a server

        if not isinstance(self.trust, Trust):
            raise errors.InvalidServer(f"trust: Trust.system(), or Trust.file(path), not {type(self.trust).__name__}")
        if self.client_certificate is not None and not isinstance(self.client_certificate, ClientCertificate):
            raise errors.InvalidServer(
                f"client_certificate: a value of ClientCertificate, not {type(self.client_certificate).__name__}"
            )
        if not isinstance(self.timeouts, Timeouts):
            raise errors.InvalidServer(
                f"timeouts: Timeouts.silence(10), or Timeouts(connect=…), not {type(self.timeouts).__name__}"
            )
        if self.auth != ():
            object.__setattr__(self, "auth", _mechanisms(self.auth))
        if self.proxy is not None:
            self._check_proxy(self.proxy)
        if self.redirect_to is not None or self.allowlist is not None:
            self._check_recipients()
        for name in ("allow_clear_credentials", "binary", "compress"):
            if not isinstance(getattr(self, name), bool):
                raise errors.InvalidServer(f"{name}: True or False, not {safely_shown(getattr(self, name))}")

    def _check_recipients(self) -> None:
        from courriel.model.recipient_rule import RecipientRule  # noqa: PLC0415 - nearly no server has a rule

        rule = RecipientRule(self.redirect_to, self.allowlist)
        object.__setattr__(self, "redirect_to", rule.redirect_to)
        object.__setattr__(self, "allowlist", rule.allowlist)

    def _check_proxy(self, proxy: object) -> None:
        from courriel.model.servers.proxy import Proxy  # noqa: PLC0415 - most servers have none

        if not isinstance(proxy, Proxy):
            raise errors.InvalidServer(
                f'proxy: Proxy.parse("socks5h://…"), or Proxy("http", host, 3128), not {type(proxy).__name__}'
            )
        if self.host.startswith("/"):
            raise errors.InvalidServer("proxy: a local socket is not reached through one")

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine itself, by its name or address; with a proxy it is the proxy's machine."""
        return _LOOPBACK.fullmatch(self.host) is not None

    @property
    def local(self) -> bool:
        """Whether the connection stays on this machine: with a proxy of its own it does not, wherever the proxy is."""
        return self.loopback and (self.proxy is None or self.proxy.by_environment)

    @property
    def expected_name(self) -> str:
        """The name that the server's certificate must have."""
        return self.tls_name or self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def usual_port(dialect: Dialect, security: Security) -> int:
    """Default port of a protocol (RFC 8314, RFC 1939)."""
    match dialect:
        case Dialect.LMTP:
            return 24
        case Dialect.POP3:
            return _POP_PORTS[security]
        case Dialect.IMAP:
            return _IMAP_PORTS[security]
        case Dialect.SMTP:
            return _PORTS[security]
        case Dialect.HTTPS:
            return 443


def _word(field: str, kind: type[AnyEnum], given: object) -> AnyEnum:
    """Member of an enumeration from itself or from its word in any case; the error lists the words."""
    if isinstance(given, kind):
        return given
    for member in kind:
        if isinstance(given, str) and given.lower() in (str(member.value), member.name.lower()):
            return member
    words = ", ".join(f'"{member.value}"' for member in kind)
    raise errors.InvalidServer(f"{field}: one of {words}, or of courriel.{kind.__name__}, not {safely_shown(given)}")


def _mechanisms(given: object) -> tuple[str, ...]:
    """Mechanisms that may be used: one word, or several, in lower case."""
    listed = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else (None,)
    words: list[str] = []
    for each in listed:
        if not isinstance(each, str) or not each:
            raise errors.InvalidServer(f'auth: mechanisms such as ("plain", "login"), not {safely_shown(given)}')
        words.append(each.lower())
    return tuple(words)
