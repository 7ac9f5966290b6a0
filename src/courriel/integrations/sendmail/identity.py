"""Sender, way and places of a call: settings of the user and of the machine, never of a project's folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from courriel import Address, Route, errors
from courriel._dataclass import dataclass
from courriel.delivery.settings import files, locations
from courriel.delivery.settings.profile import DEFAULT
from courriel.delivery.settings.profiles import own_variable
from courriel.delivery.state_folder import own_folder

DROP = "/var/spool/courriel/drop"
"""The drop folder of the machine, where the service of the machine takes mails (COURRIEL_DROP names another)."""
MAILNAME, ALIASES = Path("/etc/mailname"), Path("/etc/aliases")


@dataclass(frozen=True, slots=True)
class Identity:
    """Settings of the caller. `route` is None where only the machine's service, or nobody, knows the way."""

    route: Route | None
    sender: str
    domain: str
    user: str


def identity(*, needs_way: bool = True) -> Identity:
    """Settings of this user: COURRIEL_URL, COURRIEL_CONFIG, the user's file, the machine's.

    Raises UsageError for settings that are wrong, unless the way is the service's matter: a broken file must not cost
    the mails of a whole machine.
    """
    try:
        route = _route()
    except errors.UsageError:
        if needs_way:
            raise
        route = None
    sender = route.sender.spec if route is not None and route.sender is not None else ""
    user = _user()
    domain = sender.partition("@")[2] if sender else _host_domain()
    return Identity(route, sender or f"{user}@{domain}", domain, user)


def has_outbox() -> bool:
    """Whether the user's own outbox is there already; users of services have none, nor a home to make it in."""
    place = outbox_place(make=False)
    return "://" in place or os.path.lexists(place)


def outbox_place(*, make: bool = True) -> str:
    """The user's own outbox: COURRIEL_OUTBOX, the user's file, else the data folder, which is made.

    Raises UsageError, OSError.
    """
    named = own_variable("COURRIEL_OUTBOX")
    if named is not None:
        return named[0]
    for location in _locations():
        settings = location()
        if settings.outbox:
            return settings.outbox
    folder = own_folder()
    if make:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(folder / "outbox.db")


def drop_folder() -> Path | None:
    """The drop folder, where the machine has one and the user has not named an outbox."""
    named = os.environ.get("COURRIEL_DROP", DROP)
    if not os.path.isabs(named) or os.environ.get("COURRIEL_OUTBOX"):  # noqa: PTH117 - "" and "0" mean none
        return None
    folder = Path(named)
    return folder if folder.is_dir() else None


def alias_files() -> list[Path]:
    """Files with aliases: the user's own, then the machine's."""
    try:
        return [locations.user_file().with_name("aliases"), ALIASES]
    except RuntimeError:  # an account without a home
        return [ALIASES]


# The steps.


def _locations() -> list[Callable[[], locations.Settings]]:
    named = [locations.project_settings] if files.named_file() is not None else []
    return [*named, _user_settings, _machine_settings]


def _user_settings() -> locations.Settings:
    """Settings of the user; none for an account without a home, as in containers."""
    try:
        return locations.user_settings()
    except RuntimeError:
        return locations.Settings()


def _machine_settings() -> locations.Settings:
    """Settings of the machine; none where its file is not for everybody's eyes, because it holds a password."""
    path = locations.machine_file()
    if path is None or not os.access(path, os.R_OK):
        return locations.Settings()
    return locations.machine_settings()


def _route() -> Route | None:
    url = own_variable("COURRIEL_URL")
    if url is not None:
        return Route.parse(url[0])
    for location in _locations():
        profile = location().profiles.get(DEFAULT)
        if profile is not None:
            return profile.route()
    return None


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid{os.getuid()}"  # an account without a name, as in containers


def _host_domain() -> str:
    try:
        named = MAILNAME.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        named = ""
    host = named or socket.gethostname() or "localhost"
    try:
        return Address.parse(f"x@{host}").domain
    except errors.InvalidAddress:
        return "localhost"
