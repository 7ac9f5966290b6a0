"""
Settings files of the project, the user and the machine: locations and contents.

    # courriel.toml, or [tool.courriel] in pyproject.toml
    url = "smtps://ada@smtp.example.org"        # the default route; or a table [default]
    password = "keyring"
    from = "Ada <ada@example.org>"
    outbox = "outbox.db"                        # location of the outbox; relative to this file

    [bridge]                                    # user names of `courriel oauth-bridge`, with one URL or several
    ada = "smtp+starttls://ada@smtp.example.org?auth=xoauth2&password=login:ada"

    [profiles.billing]
    url = "orange:billing@orange.fr"
    password = "env:BILLING_PASSWORD"           # in a project's file only with consent
    dkim = "example"                            # as ?dkim=example in the URL

    [dkim.example]                              # how mail is signed (`courriel.delivery.dkim`)
    domain = "example.org"
    selector = "s1"                             # or ["s1", "e1"], and as many keys
    key = "file:/etc/courriel/s1.pem"
    when = "put"                                # in an outbox: when it is put, or "leave"

1. the file that COURRIEL_CONFIG names; else the nearest project's file, from the current folder upwards, up to the
   home folder, or to the root where the current folder is not in the home folder
2. the user's file: ~/.config/courriel/courriel.toml, or the system's usual place
3. the machine's file: /etc/courriel/courriel.toml (not on Windows, where any user may make that folder)

A file that another user may have written is an error (`files` has the rules). A project's file is used with
limits: no secret by `file:`, `env:` or `cmd:`, no DKIM key, no client certificate and no transport by `python:`,
because the author of the project would choose the server that gets it, or the program that runs; no outbox and no mail
folder outside the project. Consent lifts the limits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from courriel import errors
from courriel._dataclass import dataclass, field, replace
from courriel._lazy_re import expression
from courriel.delivery.percent import nearest, refusal
from courriel.delivery.secrets import SecretReference
from courriel.delivery.settings import files
from courriel.delivery.settings.dkim_tables import DkimTable, dkim_tables
from courriel.delivery.settings.files import SettingsFile, wrong
from courriel.delivery.settings.resource_limits import inside, program_run, secret_taken
from courriel.delivery.urls.route import Route
from courriel.model.address import Address
from courriel.model.checks.shown import is_like_url

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.model.proxy import Proxy

DEFAULT = "default"
KEYS = ("url", "password", "from", "proxy", "proxy_password", "dkim")
_AT_TOP = tuple(key for key in KEYS if key != "dkim")  # there `dkim` holds the tables: ?dkim= in the url says which
_NAME = expression(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Profile:
    """A named route in a settings file.

    `project` is the folder to which the profile is limited; None where the file is the user's, the machine's, or one
    with consent. `readable`: other users may read the file.
    """

    name: str
    url: str
    password: SecretReference | None
    sender: str
    source: str
    project: Path | None
    readable: bool = False
    proxy: Proxy | None = None
    proxy_password: SecretReference | None = None
    dkim: str = ""

    def route(self) -> Route:
        """The route of this profile. Raises InvalidUrl, naming file and profile."""
        try:
            route = Route.parse(self.url)
            if self.password:
                if route.password:
                    raise refusal("the password stands twice, in url and in password")
                route = replace(route, password=self.password)
            route = self._with_proxy(route)
            if self.dkim:
                if route.dkim:
                    raise refusal("dkim stands twice, in url and in dkim")
                route = replace(route, dkim=self.dkim)
            if self.sender:
                # The sender in the URL may come from a provider's short name; the explicit one has priority.
                route = replace(route, sender=Address.parse(self.sender))
            if self.project is not None:
                _check_limits(route, self.project)
        except errors.UsageError as mistake:
            raise refusal(f"{self.source}, {self.name}: {mistake}", mistake.hint_id) from mistake
        if self.readable and any(each and each.kind == "plain" for each in (route.password, route.proxy_password)):
            note = f"{self.source} holds a password, and other users may read it: chmod 600 {self.source}"
            return replace(route, notes=(*route.notes, note))
        return route

    def _with_proxy(self, route: Route) -> Route:
        if self.proxy is not None:
            if route.server is None or route.server.proxy is not None:
                raise refusal("a proxy stands beside a url that has one, or that leads to no server")
            route = replace(route, server=replace(route.server, proxy=self.proxy))
        if self.proxy_password is not None:
            if route.proxy_password is not None:
                raise refusal("the password of the proxy stands twice")
            route = replace(route, proxy_password=self.proxy_password)
        return route


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one file; empty when there is no such file."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    outbox: str = ""
    source: str = ""
    bridge: dict[str, tuple[Profile, ...]] = field(default_factory=dict)
    dkim: dict[str, DkimTable] = field(default_factory=dict)
    consent: str = ""
    """Source of the consent to use the file ("COURRIEL_TRUST"); empty where none was needed or given."""


def project_settings() -> Settings:
    """Settings of the file in COURRIEL_CONFIG, else of the nearest project's file. Raises UsageError."""
    named = files.named_file()
    if named is not None:
        found = _settings(named, limited=True)
        if found is None:
            raise wrong(
                named, "COURRIEL_CONFIG (or --config) names this file, and it is not there or holds no settings of ours"
            )
        return found
    for path in project_files():
        found = _settings(path, limited=True)
        if found is not None:
            return found
    return Settings()


def project_file(path: Path) -> Settings:
    """Settings of one project's file. Raises UsageError."""
    return _settings(path, limited=True) or Settings()


def user_settings() -> Settings:
    """Settings of the user's file. Raises UsageError."""
    return _settings(user_file(), limited=False) or Settings()


def machine_settings() -> Settings:
    """Settings of the machine's file. Raises UsageError."""
    path = machine_file()
    return (_settings(path, limited=False) if path is not None else None) or Settings()


LOCATIONS = (project_settings, user_settings, machine_settings)
"""Settings files by priority; a later one is not opened when an earlier one has the value."""


def named_outbox() -> tuple[str, str] | None:
    """The outbox set in a file, the project's before the user's, and that file; a path is relative to it.

    Raises UsageError for an invalid file.
    """
    for location in LOCATIONS:
        found = location()
        if found.outbox:
            return found.outbox, found.source
    return None


def bridge_routes() -> dict[str, list[Route]]:
    """User names of `courriel oauth-bridge` and their routes, of the first file with some. Raises UsageError."""
    for location in LOCATIONS:
        found = location()
        if found.bridge:
            return {name: [each.route() for each in ways] for name, ways in found.bridge.items()}
    return {}


def dkim_table(name: str) -> DkimTable:
    """The table [dkim.NAME] of the first file that has one. Raises UsageError."""
    known: set[str] = set()
    for location in LOCATIONS:
        tables = location().dkim
        if name in tables:
            return tables[name]
        known |= set(tables)
    names = f"known are {', '.join(sorted(known))}" if known else "none is known"
    raise errors.UsageError(
        f"dkim={name}: no settings file has a table [dkim.{name}]{nearest(name, sorted(known))}: {names}",
        stage="compose",
    )


def machine_file() -> Path | None:
    """Path of the settings for all users of this machine; None where any user may create it."""
    return None if files.WINDOWS else Path("/etc/courriel/courriel.toml")


def approvals_file() -> Path:
    """Path of the approvals of `courriel config trust`: beside the user's settings."""
    return user_file().with_name("trusted.json")


def user_file(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> Path:
    """Path of the user's settings, by the conventions of the platform."""
    if platform == "win32":
        folder = Path(environment.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        configured = Path(environment.get("XDG_CONFIG_HOME") or "")
        # The specification says to ignore a relative path.
        folder = configured if configured.is_absolute() else Path.home() / ".config"
    return folder / "courriel" / "courriel.toml"


def searched() -> list[Path]:
    """Folders searched for a project's file, nearest first."""
    here = Path.cwd()
    home = Path.home()
    folders = [here, *here.parents]
    return folders[: folders.index(home) + 1] if home in folders else folders


def project_files() -> Iterator[Path]:
    """Paths searched for a project's file, nearest first."""
    for folder in searched():
        for name in ("courriel.toml", "pyproject.toml"):
            yield folder / name


def holds_settings(path: Path) -> SettingsFile | None:
    """The file, if it exists and has settings of ours; trust is not checked here.

    A pyproject.toml is parsed only to see whether it has [tool.courriel]. Raises UsageError.
    """
    file = files.read(path)
    if file is None or path.name != "pyproject.toml":
        return file
    ours = b"courriel" in file.raw and _section(_parsed(path, file.raw)) is not None
    return file if ours else None


# The steps.


def _settings(path: Path, *, limited: bool) -> Settings | None:
    """The settings of a file; None when it is missing, or has no settings of ours."""
    file = holds_settings(path)
    if file is None:
        return None
    consent = _check_trust(file, project=limited)
    table = _parsed(path, file.raw)
    if path.name == "pyproject.toml":
        table = _table(path, "tool.courriel", _section(table))
    project = path.parent if limited and not consent else None
    profiles = _profiles(file, table, project)
    signing = dkim_tables(path, _table(path, "dkim", table.get("dkim", {})), project)
    return Settings(profiles, _outbox(path, table, project), str(path), _bridge(file, table, project), signing, consent)


def _section(table: Mapping[str, object]) -> object:
    tool = table.get("tool")
    return tool.get("courriel") if isinstance(tool, dict) else None


def _check_trust(file: SettingsFile, *, project: bool) -> str:
    """Source of the consent to use a file. Raises UsageError without consent, if another user may have written it."""
    consent = files.consent(file, approvals_file())
    if consent or (files.WINDOWS and not project):
        return consent
    reason = files.own_objection(file)
    if not reason:
        return ""
    if not project:
        raise wrong(
            file.path,
            f"{reason}, and it says where mail goes: nobody else should be able to change it (with sudo, HOME may still"
            f" be another user's: sudo -H); COURRIEL_TRUST={file.path} agrees to it as it is",
        )
    changed = str(file.path) in files.approved(approvals_file())
    raise wrong(
        file.path,
        f"{reason}, and it would say where mail goes, so it is not used{_CHANGED if changed else ''}. If it is to be:"
        f" courriel config trust {file.path} (as it is now), COURRIEL_TRUST={file.path}, or --config {file.path};"
        " otherwise remove it, or name another one by COURRIEL_CONFIG",
    )


_CHANGED = " (it was approved once, and has been changed since)"


def _check_limits(route: Route, project: Path) -> None:
    """Check what a project's file may set without consent. Raises InvalidUrl."""
    run = program_run(route)
    taken = run or secret_taken(route)
    if taken:
        chosen = "the program that runs" if run else "the server that gets it"
        raise refusal(
            f"{taken} is not taken from a project's file, because whoever wrote the project would choose {chosen};"
            f" {_LIMITED}",
            hint_id="PROJECT-FILE-LIMITED",
        )
    if route.folder and not inside(route.folder, project):
        raise refusal(f"the folder {route.folder} is outside the project; {_LIMITED}", hint_id="PROJECT-FILE-LIMITED")


_APPROVE = "approve the file (courriel config trust)"
_LIMITED = f"put it into your own courriel.toml or COURRIEL_URL, or {_APPROVE}"


def _outbox(path: Path, table: Mapping[str, object], project: Path | None) -> str:
    outbox = table.get("outbox", "")
    if not isinstance(outbox, str) or "\0" in outbox:
        raise wrong(path, "outbox is a text in quotes: a path, or a postgresql:// URL")
    resolved = outbox if not outbox or is_like_url(outbox, whole_paths=True) else str(path.parent / outbox)
    if resolved and project is not None and (is_like_url(resolved, whole_paths=True) or not inside(resolved, project)):
        raise wrong(
            path,
            "outbox: a project's file cannot name one outside the project, because whoever wrote the project would get"
            f" the mail; use COURRIEL_OUTBOX, or {_APPROVE}",
        )
    return resolved


def _parsed(path: Path, raw: bytes) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as broken:
        raise wrong(path, f"it is not TOML ({broken})") from None
    except UnicodeDecodeError:
        raise wrong(path, "it is not UTF-8") from None
    except (ValueError, RecursionError) as broken:  # a number of 5,000 digits, brackets a thousand deep
        raise wrong(path, f"it cannot be read ({type(broken).__name__})") from None


def _bridge(file: SettingsFile, table: dict[str, object], project: Path | None) -> dict[str, tuple[Profile, ...]]:
    """The user names of the bridge, each with its ways to the provider."""
    found: dict[str, tuple[Profile, ...]] = {}
    for name, given in _table(file.path, "bridge", table.get("bridge", {})).items():
        urls = [given] if isinstance(given, str) else given
        if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
            raise wrong(file.path, f"bridge.{name} is a URL in quotes, or a list of them")
        found[name] = tuple(_profile(file, f"bridge.{name}", {"url": url}, project) for url in urls)
    return found


def _profiles(file: SettingsFile, table: dict[str, object], project: Path | None) -> dict[str, Profile]:
    path = file.path
    _check_keys(path, "", table, (*_AT_TOP, DEFAULT, "profiles", "outbox", "bridge", "dkim"))
    found: dict[str, Profile] = {}
    own = {key: table[key] for key in _AT_TOP if key in table}
    if own and DEFAULT in table:
        raise wrong(path, "url, password or from at the top and [default] as well: one of the two")
    if own or DEFAULT in table:
        found[DEFAULT] = _profile(file, DEFAULT, own or _table(path, DEFAULT, table[DEFAULT]), project)
    named = _table(path, "profiles", table.get("profiles", {}))
    for name, entry in named.items():
        if not _NAME.fullmatch(name) or name == DEFAULT:
            raise wrong(
                path, f"profiles.{name}: a name is made of letters, digits, - _ and dots, and is not {DEFAULT!r}"
            )
        found[name] = _profile(file, name, _table(path, f"profiles.{name}", entry), project)
    return found


def _profile(file: SettingsFile, name: str, entry: Mapping[str, object], project: Path | None) -> Profile:
    path = file.path
    _check_keys(path, name, entry, KEYS)
    texts: dict[str, str] = {}
    for key, value in entry.items():
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
    )


def _proxy(url: str) -> Proxy:
    from courriel.model.proxy import Proxy  # few profiles have one

    return Proxy.parse(url)


def _table(path: Path, name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise wrong(path, f"{name} is a table: [{name}]")
    return {str(key): entry for key, entry in value.items()}


def _check_keys(path: Path, name: str, table: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            where = f"{name}: " if name else ""
            raise wrong(path, f"{where}{key!r} is not a setting{nearest(key, list(known))}: {', '.join(known)}")
