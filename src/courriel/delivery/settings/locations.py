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
    by_domain."gmail.com" = "google"            # a profile or a URL for this domain; `url` is for all others
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
from courriel._dataclass import dataclass, field
from courriel.delivery.percent import nearest
from courriel.delivery.settings import files
from courriel.delivery.settings.dkim_tables import DkimTable, dkim_tables
from courriel.delivery.settings.files import SettingsFile, wrong
from courriel.delivery.settings.profile import APPROVE, Profile
from courriel.delivery.settings.profile_tables import bridge_profiles, profiles_in, table_of
from courriel.delivery.settings.resource_limits import inside
from courriel.delivery.urls.route import Route
from courriel.model.checks.shown import is_like_url

TYPE_CHECKING = False


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
        table = table_of(path, "tool.courriel", _section(table))
    project = path.parent if limited and not consent else None
    profiles = profiles_in(file, table, project)
    signing = dkim_tables(path, table_of(path, "dkim", table.get("dkim", {})), project)
    return Settings(
        profiles, _outbox(path, table, project), str(path), bridge_profiles(file, table, project), signing, consent
    )


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


def _outbox(path: Path, table: Mapping[str, object], project: Path | None) -> str:
    outbox = table.get("outbox", "")
    if not isinstance(outbox, str) or "\0" in outbox:
        raise wrong(path, "outbox is a text in quotes: a path, or a postgresql:// URL")
    resolved = outbox if not outbox or is_like_url(outbox, whole_paths=True) else str(path.parent / outbox)
    if resolved and project is not None and (is_like_url(resolved, whole_paths=True) or not inside(resolved, project)):
        raise wrong(
            path,
            "outbox: a project's file cannot name one outside the project, because whoever wrote the project would get"
            f" the mail; use COURRIEL_OUTBOX, or {APPROVE}",
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
