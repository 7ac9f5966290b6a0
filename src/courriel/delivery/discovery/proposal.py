"""Servers found for a mail address, as a proposal that is shown before anything is sent to them."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.delivery.percent import quote
from courriel.model.address import Address
from courriel.model.servers.server import Dialect, Security, Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from courriel.delivery.urls.providers import Provider

Source: TypeAlias = "Literal['provider', 'mx', 'srv', 'autoconfig']"

_NAME = expression(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,20}[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)

_SCHEMES = {
    (Dialect.SMTP, Security.TLS): "smtps",
    (Dialect.SMTP, Security.STARTTLS): "smtp+starttls",
    (Dialect.IMAP, Security.TLS): "imaps",
    (Dialect.IMAP, Security.STARTTLS): "imap+starttls",
    (Dialect.POP3, Security.TLS): "pops",
    (Dialect.POP3, Security.STARTTLS): "pop3+starttls",
}
_USUAL_PORTS = {
    "smtps": 465,
    "smtp+starttls": 587,
    "imaps": 993,
    "imap+starttls": 143,
    "pops": 995,
    "pop3+starttls": 110,
}


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server for sending or reading with TLS, and the login there. Raises InvalidServer for a wrong name or port."""

    dialect: Dialect
    host: str
    port: int
    security: Security
    user: str
    tokens_only: bool = False
    """Whether it takes OAuth 2 tokens and no password."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.host):
            # Neither an address nor a socket of this machine: a stranger's record names it.
            raise errors.InvalidServer(f"{self.host!r} is no name of a server in the Internet")
        if not self.port:
            raise errors.InvalidServer("port 0 is no port")
        Server(self.host, self.port, self.security, dialect=self.dialect)

    @property
    def url(self) -> str:
        """The URL with the login, without a password."""
        scheme = _SCHEMES[self.dialect, self.security]
        port = "" if self.port == _USUAL_PORTS[scheme] else f":{self.port}"
        return f"{scheme}://{quote(self.user)}@{self.host}{port}{'?auth=xoauth2' if self.tokens_only else ''}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Servers for an address: `sending` is a URL, `reading` are URLs, the best first; `detail` is their place."""

    address: Address
    source: Source
    detail: str
    sending: str
    reading: tuple[str, ...] = ()
    provider: Provider | None = None
    foreign: tuple[str, ...] = ()
    """Hosts outside the domain of the address, which its own records name; empty for those of the provider table."""


def by_servers(address: Address, source: Source, detail: str, servers: list[FoundServer]) -> Proposal | None:
    """Make the proposal of found servers, in their order; None when there is none for sending."""
    sending = next((each for each in servers if each.dialect is Dialect.SMTP), None)
    if sending is None:
        return None
    reading = [each for each in servers if each.dialect is not Dialect.SMTP]
    chosen = [sending, *reading]
    domain = address.domain.lower()
    foreign = dict.fromkeys(each.host for each in chosen if not f".{each.host.lower()}".endswith(f".{domain}"))
    return Proposal(address, source, detail, sending.url, tuple(each.url for each in reading), foreign=tuple(foreign))


def by_provider(address: Address, source: Source, detail: str, provider: Provider) -> Proposal:
    """Make the proposal of a provider of the table, by its short name."""
    places = (("imap", provider.imap), ("pop", provider.pop))
    login = quote(address.spec, safe="@")
    reading = tuple(f"{provider.name}+{protocol}:{login}" for protocol, host in places if host)
    return Proposal(address, source, detail, f"{provider.name}:{login}", reading, provider)
