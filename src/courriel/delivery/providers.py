"""Mail providers by short name (`orange:`, `gmail:`): their server, and the login that they want (providers.toml)."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

from courriel.delivery.quoting import refusal
from courriel.model.address import Address
from courriel.model.server import Security
from courriel.values import dataclass

Login = Literal["full", "local"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider: `login` says whether it wants the whole address or what stands before the @."""

    name: str
    title: str
    domains: tuple[str, ...]
    host: str
    port: int
    security: Security
    login: Login
    accepts: tuple[str, ...]
    pop: str = ""
    """Where mail is read by POP3, by TLS at port 995; empty where it is not."""
    imap: str = ""
    """Where mail is read by IMAP, by TLS at port 993; empty where it is not."""
    imap_login: Login = "full"

    @property
    def example(self) -> str:
        """An address as its customers have them."""
        return f"ada@{self.domains[0] if self.domains else 'example.org'}"

    def place_of(self, scheme: str) -> str:
        """The server for reading by this scheme, "pops" or "imaps"; empty where there is none."""
        return self.imap if scheme == "imaps" else self.pop

    def login_of(self, address: str, scheme: str = "") -> tuple[str, str]:
        """The user name that this provider wants for an address, and the sender that goes with it ("" when unknown).

        By IMAP it may want another one, which is a trap of its own.

        Raises InvalidUrl where the whole address is wanted and something else stands, and InvalidAddress.
        """
        form = self.imap_login if scheme == "imaps" else self.login
        if not address:
            return "", ""
        if "@" in address:
            parsed = Address.parse(address)
            return (parsed.local if form == "local" else parsed.spec), parsed.spec
        if form == "full":
            raise refusal(
                f"{self.title} wants the whole address as login, as {self.name}:{self.example}, and not {address!r}"
            )
        return address, f"{address}@{self.domains[0]}" if len(self.domains) == 1 else ""

    def notes(self, *, tokens: bool, login: bool) -> tuple[str, ...]:
        """What its customers should hear before their password is refused."""
        if login and not tokens and set(self.accepts) == {"oauth2"}:
            sentence = (
                "takes OAuth 2 tokens and hardly any password: auth=xoauth2, and password= says where the token lies"
            )
            return (f"{self.title} {sentence}",)
        return ()


def by_name(name: str) -> Provider | None:
    """The provider of this short name."""
    return _table().get(name)


def by_domain(domain: str) -> Provider | None:
    """The provider whose customers have addresses in this domain."""
    return next((each for each in all() if domain.lower() in each.domains), None)


def all() -> tuple[Provider, ...]:  # noqa: A001 - read as providers.all()
    """Every provider that has a short name."""
    return tuple(_table().values())


# The steps.


@cache
def _table() -> dict[str, Provider]:
    import tomllib

    text = resources.files("courriel.delivery").joinpath("providers.toml").read_text("utf-8")
    return {name: _provider(name, entry) for name, entry in tomllib.loads(text).items()}


def _provider(name: str, entry: dict[str, object]) -> Provider:
    match entry:
        case {
            "title": str(title),
            "domains": list(domains),
            "host": str(host),
            "port": int(port),
            "security": str(security),
            "login": "full" | "local" as login,
            "accepts": list(accepts),
        }:
            form: Login = "full" if login == "full" else "local"
            names = tuple(map(str, domains))
            pop = str(entry.get("pop", ""))
            imap, imap_form = str(entry.get("imap", "")), entry.get("imap_login", form)
            return Provider(
                name,
                title,
                names,
                host,
                port,
                Security(security),
                form,
                tuple(map(str, accepts)),
                pop,
                imap,
                "local" if imap_form == "local" else "full",
            )
        case _:
            raise AssertionError(f"providers.toml: {name}")
