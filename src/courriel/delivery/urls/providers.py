"""Mail providers by short name (`orange:`, `gmail:`): servers and form of the login (providers.toml)."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

from courriel._dataclass import dataclass, replace
from courriel._lazy_re import expression
from courriel.delivery.percent import refusal
from courriel.model.address import Address
from courriel.model.servers.server import Security

Login = Literal["full", "local", "any"]
_REGION = expression(r"[a-z]{2}(?:-[a-z]{2,12}){1,2}-[1-9]")


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """Published limits of a provider's smallest usual offer; 0 for those that are not known.

    `per_minute` is in messages, `per_hour` and `per_day` are in messages or, where `counted` says so, in recipients.
    """

    per_minute: int = 0
    per_hour: int = 0
    per_day: int = 0
    counted: Literal["messages", "recipients"] = "messages"
    per_message: int = 0
    """Most recipients of one message."""
    connections: int = 0
    """Most sessions at once."""
    note: tuple[str, str] = ("", "")
    """What holds for other offers, in French and in English."""

    def __bool__(self) -> bool:
        numbers = (self.per_minute, self.per_hour, self.per_day, self.per_message, self.connections)
        return any(numbers) or any(self.note)


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider; `login`: the user name is the full address, its local part, or any that it hands out.

    A `host` with {region} in it has a server in each region, which stands in the name: ses.eu-west-3.
    """

    name: str
    title: str
    domains: tuple[str, ...]
    host: str
    port: int
    security: Security
    login: Login
    accepts: tuple[str, ...]
    pop: str = ""
    """POP3 server (TLS, port 995); empty when there is none."""
    imap: str = ""
    """IMAP server (TLS, port 993); empty when there is none."""
    imap_login: Login = "full"
    mx: tuple[str, ...] = ()
    """Domains of its mail exchangers, which take mail for customers' own domains."""
    limits: SendingLimits = SendingLimits()
    app_password: str = ""
    """Page on which an app password is made; empty when unknown, or when there is none."""
    help: str = ""
    """Address of the provider's own help."""
    checked: str = ""
    """Day on which limits and help were looked up, "2026-11-30"; empty when they were not."""
    by_http: bool = False
    """Whether it is spoken to by HTTPS requests, and not by SMTP."""
    usage: str = ""
    """The URL to write, where it is not the name and an address."""
    fixed_sender: bool = True
    """Whether mail leaves only with a sender of the account: all of these providers check it, or replace it."""

    @property
    def regional(self) -> bool:
        """Whether the provider has a server in each region, which the name has to say."""
        return "{region}" in self.host

    @property
    def example(self) -> str:
        """An example address of its customers."""
        return f"ada@{self.domains[0] if self.domains else 'example.org'}"

    def place_of(self, scheme: str) -> str:
        """The server for this scheme, "pops" or "imaps"; empty when there is none."""
        return self.imap if scheme == "imaps" else self.pop

    def login_of(self, address: str, scheme: str = "") -> tuple[str, str]:
        """User name for an address, and the sender address that goes with it ("" when unknown).

        The user name for IMAP may differ from that for SMTP. Raises InvalidUrl where the full address is required and
        missing, and InvalidAddress.
        """
        form = self.imap_login if scheme == "imaps" else self.login
        if not address:
            return "", ""
        if form == "any":
            return address, ""
        if "@" in address:
            parsed = Address.parse(address)
            return (parsed.local if form == "local" else parsed.spec), parsed.spec
        if form == "full":
            raise refusal(
                f"{self.title} wants the whole address as login, as {self.name}:{self.example}, and not {address!r}"
            )
        return address, f"{address}@{self.domains[0]}" if len(self.domains) == 1 else ""

    def notes(self, *, tokens: bool, login: bool) -> tuple[str, ...]:
        """Warnings for its customers before a login that would fail."""
        if login and not tokens and set(self.accepts) == {"oauth2"}:
            sentence = (
                "takes OAuth 2 tokens and hardly any password: auth=xoauth2, and password= says where the token lies"
            )
            return (f"{self.title} {sentence}",)
        return ()


def by_name(name: str) -> Provider | None:
    """The provider of this short name, with the region that may stand in it; None when unknown."""
    found = _table().get(name)
    if found is not None or "." not in name:
        return found
    base, _, region = name.partition(".")
    regional = _table().get(base)
    if regional is None or not regional.regional or not _REGION.fullmatch(region):
        return None
    return replace(regional, name=name, host=regional.host.replace("{region}", region))


def by_server(host: str) -> Provider | None:
    """The provider with this server for sending or reading; None when unknown, the first one when there are several."""
    wanted = host.lower().rstrip(".")
    for each in all():
        if wanted in (each.host, each.pop, each.imap) and not each.by_http:
            return each
        before, _, behind = each.host.partition("{region}")
        if behind and wanted.startswith(before) and wanted.endswith(behind):
            return by_name(f"{each.name}.{wanted[len(before) : -len(behind)]}")
    return None


def by_exchanger(host: str) -> Provider | None:
    """The provider whose mail exchanger this is; None when unknown."""
    wanted = f".{host.lower().rstrip('.')}"
    return next((each for each in all() if any(wanted.endswith(f".{domain}") for domain in each.mx)), None)


def by_domain(domain: str) -> Provider | None:
    """The provider with customer addresses in this domain; None when unknown."""
    return next((each for each in all() if domain.lower() in each.domains), None)


def all() -> tuple[Provider, ...]:  # noqa: A001 - read as providers.all()
    """All providers."""
    return tuple(_table().values())


# The steps.


@cache
def _table() -> dict[str, Provider]:
    import tomllib

    text = resources.files("courriel.delivery.urls").joinpath("providers.toml").read_text("utf-8")
    return {name: _provider(name, entry) for name, entry in tomllib.loads(text).items()}


def _provider(name: str, entry: dict[str, object]) -> Provider:
    match entry:
        case {
            "title": str(title),
            "domains": list(domains),
            "host": str(host),
            "port": int(port),
            "security": str(security),
            "login": "full" | "local" | "any" as login,
            "accepts": list(accepts),
        }:
            form: Login = "full" if login == "full" else "any" if login == "any" else "local"
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
                "any" if imap_form == "any" else "local" if imap_form == "local" else "full",
                _texts(entry.get("mx")),
                _limits(entry),
                str(entry.get("app_password", "")),
                str(entry.get("help", "")),
                str(entry.get("checked", "")),
                bool(entry.get("http", False)),
                str(entry.get("url", "")),
            )
        case _:
            raise AssertionError(f"providers.toml: {name}")


def _limits(entry: dict[str, object]) -> SendingLimits:
    note = entry.get("note")
    numbers = {
        name: value
        for name in ("per_minute", "per_hour", "per_day", "per_message", "connections")
        if isinstance(value := entry.get(name), int)
    }
    return SendingLimits(
        **numbers,
        counted="recipients" if entry.get("counted") == "recipients" else "messages",
        note=(str(note["fr"]), str(note["en"])) if isinstance(note, dict) else ("", ""),
    )


def _texts(entry: object) -> tuple[str, ...]:
    return tuple(map(str, entry)) if isinstance(entry, list) else ()
