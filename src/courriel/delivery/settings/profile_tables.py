"""Tables of profiles in a settings file: read into `Profile` values, each key and value checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from courriel import errors
from courriel.delivery.percent import nearest
from courriel.delivery.secrets import SecretReference
from courriel.delivery.settings import files
from courriel.delivery.settings.files import SettingsFile, wrong
from courriel.delivery.settings.profile import DEFAULT, PROFILE_NAME, Profile
from courriel.model.address import Address

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.model.servers.proxy import Proxy

KEYS = ("url", "password", "from", "proxy", "proxy_password", "dkim", "by_domain")
_AT_TOP = tuple(key for key in KEYS if key != "dkim")  # there `dkim` holds the tables: ?dkim= in the url says which


def profiles_in(file: SettingsFile, table: dict[str, object], project: Path | None) -> dict[str, Profile]:
    """The default profile and the named ones. Raises UsageError for an unknown key, or a wrong value."""
    path = file.path
    _check_keys(path, "", table, (*_AT_TOP, DEFAULT, "profiles", "outbox", "bridge", "dkim"))
    found: dict[str, Profile] = {}
    own = {key: table[key] for key in _AT_TOP if key in table}
    if own and DEFAULT in table:
        raise wrong(path, "url, password or from at the top and [default] as well: one of the two")
    if own or DEFAULT in table:
        found[DEFAULT] = _profile(file, DEFAULT, own or table_of(path, DEFAULT, table[DEFAULT]), project)
    named = table_of(path, "profiles", table.get("profiles", {}))
    for name, entry in named.items():
        if not PROFILE_NAME.fullmatch(name) or name == DEFAULT:
            raise wrong(
                path, f"profiles.{name}: a name is made of letters, digits, - _ and dots, and is not {DEFAULT!r}"
            )
        found[name] = _profile(file, name, table_of(path, f"profiles.{name}", entry), project)
    return found


def bridge_profiles(
    file: SettingsFile, table: dict[str, object], project: Path | None
) -> dict[str, tuple[Profile, ...]]:
    """The user names of the bridge, each with its ways to the provider."""
    found: dict[str, tuple[Profile, ...]] = {}
    for name, given in table_of(file.path, "bridge", table.get("bridge", {})).items():
        urls = [given] if isinstance(given, str) else given
        if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
            raise wrong(file.path, f"bridge.{name} is a URL in quotes, or a list of them")
        found[name] = tuple(_profile(file, f"bridge.{name}", {"url": url}, project) for url in urls)
    return found


def table_of(path: Path, name: str, value: object) -> dict[str, object]:
    """The value as a table. Raises UsageError when it is none."""
    if not isinstance(value, dict):
        raise wrong(path, f"{name} is a table: [{name}]")
    return {str(key): entry for key, entry in value.items()}


# The steps.


def _profile(file: SettingsFile, name: str, entry: Mapping[str, object], project: Path | None) -> Profile:
    path = file.path
    _check_keys(path, name, entry, KEYS)
    texts: dict[str, str] = {}
    by_domain: tuple[tuple[str, str], ...] = ()
    for key, value in entry.items():
        if key == "by_domain":
            by_domain = _by_domain(path, name, value)
            continue
        if not isinstance(value, str) or not value:
            raise wrong(path, f"{name}: {key} is a text in quotes, and not empty")
        texts[key] = value
    if "url" not in texts and name == DEFAULT:
        raise wrong(
            path,
            'the settings at its top need a url as well, as url = "smtps://ada@smtp.example.org"; those of one profile'
            " stand below its [profiles.name]",
        )
    if "url" not in texts:
        raise wrong(path, f'{name}: url is missing, as url = "smtps://ada@smtp.example.org"')
    try:
        password = SecretReference.parse(texts["password"]) if "password" in texts else None
        proxy_password = SecretReference.parse(texts["proxy_password"]) if "proxy_password" in texts else None
        proxy = _proxy(texts["proxy"]) if "proxy" in texts else None
    except (errors.InvalidUrl, errors.InvalidServer) as mistake:
        raise wrong(path, f"{name}: {mistake}") from None
    readable = files.readable_by_others(file)
    sender = texts.get("from", "")
    return Profile(
        name,
        texts["url"],
        password,
        sender,
        str(path),
        project,
        readable,
        proxy,
        proxy_password,
        texts.get("dkim", ""),
        by_domain,
    )


def _by_domain(path: Path, name: str, value: object) -> tuple[tuple[str, str], ...]:
    """The table of ways by domain: of each domain a profile or a URL."""
    table = table_of(path, f"{name}.by_domain", value)
    for domain, via in table.items():
        try:
            Address("somebody", domain)
        except errors.InvalidAddress as mistake:
            raise wrong(path, f"{name}: by_domain: {domain!r:.80} is no domain: {mistake}") from None
        if not isinstance(via, str) or not via:
            raise wrong(path, f"{name}: by_domain, {domain}: the name of a profile or a URL, in quotes")
    if not table:
        raise wrong(path, f"{name}: by_domain is empty: leave it out, or name a domain")
    return tuple((domain, str(via)) for domain, via in table.items())


def _proxy(url: str) -> Proxy:
    from courriel.model.servers.proxy import Proxy  # few profiles have one

    return Proxy.parse(url)


def _check_keys(path: Path, name: str, table: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            where = f"{name}: " if name else ""
            raise wrong(path, f"{where}{key!r} is not a setting{nearest(key, list(known))}: {', '.join(known)}")
