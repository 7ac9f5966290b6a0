"""
Where settings lie: the project's file, the user's file, and what may stand in them.

    # courriel.toml, or [tool.courriel] in pyproject.toml
    url = "smtps://ada@smtp.example.org"        # used when nothing else is said; or a table [default]
    password = "env:MAIL_PASSWORD"
    from = "Ada <ada@example.org>"
    outbox = "/var/lib/shop/outbox.db"          # where mail waits for a worker

    [profiles.billing]
    url = "orange:billing@orange.fr"
    password = "keyring"

The project's file is looked for in the current folder and upwards, to the home folder or the root. It is read only when
it belongs to somebody we have reason to trust, and it cannot name a command: whoever wrote the project would choose
what runs here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from courriel import errors
from courriel.delivery.quoting import nearest, refusal
from courriel.delivery.route import Route
from courriel.delivery.secrets import SecretReference
from courriel.expressions import expression
from courriel.model.address import Address
from courriel.model.shown import is_like_url
from courriel.values import dataclass, field, replace

LARGEST_FILE = 1024 * 1024  # octets
DEFAULT = "default"
KEYS = ("url", "password", "from")
_NAME = expression(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Profile:
    """A way out with a name, as a file has it. Made at run time it is a plain `Route`: both are equal (scar 45)."""

    name: str
    url: str
    password: SecretReference | None
    sender: str
    source: str
    commands: bool
    """Whether its file may say which program to run for a secret."""

    def route(self) -> Route:
        """The route it means. Raises InvalidUrl, naming the file and the profile."""
        try:
            route = Route.parse(self.url)
            if self.password:
                if route.password:
                    raise refusal("the password stands twice, in url and in password")
                route = replace(route, password=self.password)
            if self.sender:
                # The one in the URL may have come from a provider's short name; what is said by itself goes before it.
                route = replace(route, sender=Address.parse(self.sender))
        except errors.UsageError as wrong:
            raise refusal(f"{self.source}, {self.name}: {wrong}", wrong.hint_id) from wrong
        if route.password and route.password.kind == "cmd" and not self.commands:
            raise refusal(
                f"{self.source}, {self.name}: password=cmd: is not taken from a project's file, because whoever wrote"
                f" the project would choose the program; put it into {user_file()} or COURRIEL_URL"
            )
        return route


def project_profiles() -> dict[str, Profile]:
    """The profiles of the nearest project file, none when there is no file. Raises UsageError for a wrong one."""
    return _project().profiles


def user_profiles() -> dict[str, Profile]:
    """The profiles of the user's own file, none when there is no file. Raises UsageError for a wrong one."""
    return _user().profiles


def named_outbox() -> tuple[str, str] | None:
    """The outbox that a file names, the project's before the user's, and which file it was; a path counts from there.

    Raises UsageError for a wrong file.
    """
    for found in (_project(), _user()):
        if found.outbox:
            return found.outbox, found.source
    return None


def user_file(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the user's own settings lie, by the habits of the machine."""
    if platform == "win32":
        folder = Path(environment.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        configured = Path(environment.get("XDG_CONFIG_HOME") or "")
        # A relative path is invalid there, by the specification, and to be passed over.
        folder = configured if configured.is_absolute() else Path.home() / ".config"
    return folder / "courriel" / "courriel.toml"


def searched() -> list[Path]:
    """The folders in which a project's file is looked for, nearest first."""
    here = Path.cwd()
    home = Path.home()
    folders = [here, *here.parents]
    return folders[: folders.index(home) + 1] if home in folders else folders


# The steps.


@dataclass(frozen=True, slots=True)
class _File:
    """What one file says."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    outbox: str = ""
    source: str = ""


def _project() -> _File:
    for path in _project_files():
        found = _read(path, commands=False)
        if found is not None:
            return found
    return _File()


def _user() -> _File:
    path = user_file()
    return (_read(path, commands=True) or _File()) if path.is_file() else _File()


def _project_files() -> Iterator[Path]:
    for folder in searched():
        for name in ("courriel.toml", "pyproject.toml"):
            path = folder / name
            if path.is_file():
                yield path


def _read(path: Path, *, commands: bool) -> _File | None:
    """What a file says, or None when there is nothing of ours in it."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
            owner = os.fstat(file.fileno()).st_uid
    except OSError as broken:
        raise _wrong(path, broken.strerror or type(broken).__name__) from broken
    if len(raw) > LARGEST_FILE:
        raise _wrong(path, f"it is larger than {LARGEST_FILE} octets")
    ours = path.name != "pyproject.toml"
    if not ours and b"courriel" not in raw:
        return None
    table = _parsed(path, raw)
    if not ours:
        tool = table.get("tool")
        section = tool.get("courriel") if isinstance(tool, dict) else None
        if section is None:
            return None
        table = _table(path, "tool.courriel", section)
    if not commands:
        _check_owner(path, owner)
    return _File(_profiles(path, table, commands), _outbox(path, table), str(path))


def _outbox(path: Path, table: Mapping[str, object]) -> str:
    place = table.get("outbox", "")
    if not isinstance(place, str):
        raise _wrong(path, "outbox is a text in quotes: a path, or a postgresql:// URL")
    return place if not place or is_like_url(place, whole_paths=True) else str(path.parent / place)


def _parsed(path: Path, raw: bytes) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as broken:
        raise _wrong(path, f"it is not TOML ({broken})") from None
    except UnicodeDecodeError:
        raise _wrong(path, "it is not UTF-8") from None


def _check_owner(path: Path, owner: int) -> None:
    """Refuse a file that a stranger may have put into a folder above ours (/tmp is above many).

    Trusted are ourselves, root, and whoever owns the folder we stand in: a program often runs as somebody else than the
    person who installed it.
    """
    if os.name == "nt" or owner in (os.geteuid(), 0, Path.cwd().stat().st_uid):
        return
    raise _wrong(
        path, f"it belongs to user {owner}, who is neither you nor the owner of this folder; set COURRIEL_URL instead"
    )


def _profiles(path: Path, table: dict[str, object], commands: bool) -> dict[str, Profile]:
    _check_keys(path, "", table, (*KEYS, DEFAULT, "profiles", "outbox"))
    found: dict[str, Profile] = {}
    own = {key: table[key] for key in KEYS if key in table}
    if own and DEFAULT in table:
        raise _wrong(path, "url, password or from at the top and [default] as well: one of the two")
    if own or DEFAULT in table:
        found[DEFAULT] = _profile(path, DEFAULT, own or _table(path, DEFAULT, table[DEFAULT]), commands)
    named = _table(path, "profiles", table.get("profiles", {}))
    for name, entry in named.items():
        if not _NAME.fullmatch(name) or name == DEFAULT:
            raise _wrong(
                path, f"profiles.{name}: a name is made of letters, digits, - _ and dots, and is not {DEFAULT!r}"
            )
        found[name] = _profile(path, name, _table(path, f"profiles.{name}", entry), commands)
    return found


def _profile(path: Path, name: str, entry: Mapping[str, object], commands: bool) -> Profile:
    _check_keys(path, name, entry, KEYS)
    texts: dict[str, str] = {}
    for key, value in entry.items():
        if not isinstance(value, str) or not value:
            raise _wrong(path, f"{name}: {key} is a text in quotes, and not empty")
        texts[key] = value
    if "url" not in texts:
        raise _wrong(path, f'{name}: url is missing, as url = "smtps://ada@smtp.example.org"')
    try:
        password = SecretReference.parse(texts["password"]) if "password" in texts else None
    except errors.InvalidUrl as wrong:
        raise _wrong(path, f"{name}: {wrong}") from None
    return Profile(name, texts["url"], password, texts.get("from", ""), str(path), commands)


def _table(path: Path, name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _wrong(path, f"{name} is a table: [{name}]")
    return {str(key): entry for key, entry in value.items()}


def _check_keys(path: Path, name: str, table: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            where = f"{name}: " if name else ""
            raise _wrong(path, f"{where}{key!r} is not a setting{nearest(key, list(known))}: {', '.join(known)}")


def _wrong(path: Path, reason: str) -> errors.UsageError:
    return errors.UsageError(f"{path}: {reason}", stage="compose")
