"""Proxy through which a mail server is reached: SOCKS5 (RFC 1928, RFC 1929) or HTTP CONNECT (RFC 9110 9.3.6)."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass, field, replace
from courriel._lazy_re import expression
from courriel.model.checks.shown import safely_shown
from courriel.model.checks.text import described, text_of
from courriel.model.servers.host import checked_host

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

ProxyScheme: TypeAlias = "Literal['socks5h', 'socks5', 'http', 'environment']"

SCHEMES: tuple[ProxyScheme, ...] = ("socks5h", "socks5", "http")
"""Schemes of a proxy's URL: who resolves the mail server's name (the proxy with "socks5h" and "http"), and how it is
asked."""
ENVIRONMENT = "environment"
"""What stands in place of a URL: the proxy that the environment names, if any."""

_SOCKS_PORT = 1080
_LONGEST_SOCKS = 255  # octets of a user name or a password (RFC 1929 2)
_LONGEST = 1024  # octets of a user name or a password in an HTTP header
_LONGEST_URL = 8192  # characters
_MASK = "***"  # as in the masked URLs of routes
_URL = expression(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^@/?#]*)@)?(\[[^\]@/?#]*\]|[^:@/?#\[\]]*)(?::([0-9]*))?/?")
_STRAY = expression(r"%(?![0-9A-Fa-f]{2})")
_SPACE = expression("[\x00-\x20\x7f]")
_PORT = expression(r"[1-9][0-9]{0,4}")
_ELSEWHERE = {
    "https": "a proxy that is itself reached by TLS is not supported: http:// asks the proxy in clear, and the mail"
    " server's TLS passes through it unread",
    "socks": "this means SOCKS4 to some and SOCKS5 to others: write socks5h://",
    "socks4": "SOCKS4 knows neither IPv6 nor a password: write socks5h://, where the proxy speaks it",
    "socks4a": "SOCKS4 knows neither IPv6 nor a password: write socks5h://, where the proxy speaks it",
}
_FORM = "a proxy is written socks5h://proxy.example.org:1080 or http://user@proxy.example.org:3128"
_ENCODE = "what is # / ? @ : or % in its user name or password is written %23 %2F %3F %40 %3A %25"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: how it is asked, where it is, and its login; the repr shows no password.

        server = Server("smtp.example.org", proxy=Proxy("socks5h", "proxy.example.org"))
        print(server.proxy.port)  # 1080

    With `scheme` "socks5h" the proxy resolves the name of the mail server, and no query for it leaves this machine;
    with "socks5" this machine resolves it. "http" asks an HTTP proxy by CONNECT. `port` is 1080 for SOCKS unless given;
    an HTTP proxy has no usual port. Raises InvalidServer for a value of a wrong kind, and for a login that the
    proxy's protocol cannot carry.
    """

    scheme: ProxyScheme
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.scheme == ENVIRONMENT:
            if self.host or self.port or self.user or self.password:
                raise errors.InvalidServer("proxy: environment stands alone, and its variables name the proxy")
            return
        if self.scheme not in SCHEMES:
            raise _unknown_scheme(self.scheme)
        host = checked_host(self.host)
        if host.startswith("/"):
            raise errors.InvalidServer("proxy: a name or an address, and not the path of a socket")
        object.__setattr__(self, "host", host)
        if self.port == 0 and not isinstance(self.port, bool):
            if self.scheme == "http":
                raise errors.InvalidServer("proxy: an HTTP proxy has no usual port: 3128, 8080, 80 … stands behind it")
            object.__setattr__(self, "port", _SOCKS_PORT)
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 0 < self.port < 65536:
            raise errors.InvalidServer(f"proxy: port {safely_shown(self.port)}: a port is a number from 1 to 65535")
        for name in ("user", "password"):
            object.__setattr__(self, name, self._checked_login(name, getattr(self, name)))
        if self.password and not self.user:
            raise errors.InvalidServer("proxy: a password without a user name")
        if self.scheme == "http" and ":" in self.user:
            raise errors.InvalidServer("proxy: no user name with a colon can be sent to an HTTP proxy (RFC 7617 2)")

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Parse the URL of a proxy, "socks5h://user:password@host:1080", or "environment".

        Raises InvalidServer, which quotes nothing that may be a password.
        """
        text = text_of(url)
        if text is None:
            raise errors.InvalidServer(f"proxy: {_FORM}, not {type(url).__name__}")
        if text == ENVIRONMENT:
            return cls.environment()
        if len(text) > _LONGEST_URL:
            raise errors.InvalidServer(f"proxy: a URL of {len(text)} characters: {_LONGEST_URL} are the most")
        if _SPACE.search(text):
            raise errors.InvalidServer("proxy: no space and no control character stands in a URL")
        if "://" not in text:
            raise errors.InvalidServer(f"proxy: {_FORM}")
        word = text.partition("://")[0].lower()
        scheme: ProxyScheme | None = next((each for each in SCHEMES if each == word), None)
        if scheme is None:
            raise _unknown_scheme(word)
        whole = _URL.fullmatch(text)
        if whole is None:
            raise errors.InvalidServer(f"proxy: {_FORM}; {_ENCODE}")
        user, colon, password = (whole[2] or "").partition(":")
        if (colon and not (user and password)) or whole[2] == "":
            raise errors.InvalidServer("proxy: a user name or a password before the @ is empty")
        if password == _MASK:
            raise errors.InvalidServer("proxy: its password has been masked (***): this was made for people to look at")
        return cls(scheme, whole[3].lower(), _port(whole[4]), _decoded(user), _decoded(password))

    @classmethod
    def environment(cls) -> Proxy:
        """The proxy that ALL_PROXY, or else HTTPS_PROXY, names when a connection is opened, for servers that NO_PROXY
        does not name; none when neither variable is set."""
        return cls("environment")

    @property
    def by_environment(self) -> bool:
        """Whether the environment names the proxy."""
        return self.scheme == ENVIRONMENT

    @property
    def name(self) -> str:
        """The proxy for display, without its login: "socks5h://proxy.example.org:1080"."""
        if self.by_environment:
            return ENVIRONMENT
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def with_password(self, password: str) -> Proxy:
        """Return the same proxy with a password."""
        return replace(self, password=password)

    def __str__(self) -> str:
        return self.name

    # The steps.

    def _checked_login(self, name: str, given: object) -> str:
        """User name or password as plain text; an error shows neither."""
        text = text_of(given)
        if text is None:
            raise errors.InvalidServer(f"proxy: the {name} is text, not {described(given)}")
        try:
            octets = len(text.encode())
        except UnicodeEncodeError:
            raise errors.InvalidServer(f"proxy: the {name} holds half a character (a lone surrogate)") from None
        most = _LONGEST if self.scheme == "http" else _LONGEST_SOCKS
        if octets > most:
            raise errors.InvalidServer(f"proxy: the {name} has {octets} octets, and {self.scheme} takes {most}")
        if name == "user" and not text.isprintable():
            raise errors.InvalidServer("proxy: the user name holds a control or an invisible character")
        return text


def _unknown_scheme(scheme: object) -> errors.InvalidServer:
    known = ", ".join(f"{each}://" for each in SCHEMES)
    if isinstance(scheme, str) and scheme.lower() in _ELSEWHERE:
        return errors.InvalidServer(f"proxy: {scheme.lower()}://: {_ELSEWHERE[scheme.lower()]}")
    return errors.InvalidServer(f"proxy: one of {known} begins it, or the word {ENVIRONMENT} stands in its place")


def _port(text: str | None) -> int:
    if text is None:
        return 0
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise errors.InvalidServer(f"proxy: what follows the host is not a port, a number from 1 to 65535; {_ENCODE}")
    return int(text)


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - few logins need it

    if _STRAY.search(text):
        raise errors.InvalidServer("proxy: a % that two hexadecimal digits do not follow; % itself is written %25")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise errors.InvalidServer("proxy: what is percent-encoded in its login is not text in UTF-8") from None
