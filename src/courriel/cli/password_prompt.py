"""Password prompt: at a terminal only, and not with --no-input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import replace
from courriel.cli.i18n import say

if TYPE_CHECKING:
    from courriel import Route


def with_password(route: Route, *, ask: bool) -> Route:
    """The route with a password typed at the terminal, where one is needed; of several ways, for each.

    It is needed where the route says `prompt`, or has no password reference and no keyring is installed. Raises
    UsageError when `prompt` is set and there is no terminal.
    """
    if route.ways:
        return replace(route, ways=tuple(with_password(way, ask=ask) for way in route.ways))
    from courriel.delivery.secrets import keyring_is_there
    from courriel.types import SecretReference

    wanted = route.password is not None and route.password.kind == "prompt"
    missing = route.password is None and bool(route.user) and not keyring_is_there()
    if route.server is None or not (wanted or missing) or "external" in route.server.auth:
        return route
    if not ask or not _terminal():
        if not wanted:
            return route  # reading the secret raises the precise error
        raise errors.UsageError(
            say(
                f"le mot de passe de {route.user} serait à demander, et il n'y a personne à qui",
                f"the password of {route.user} would have to be asked for, and there is nobody to ask",
            ),
            stage="authenticate",
            hint_id="PASSWORD-NOT-FOUND",
        )
    from getpass import getpass

    host = route.server.host
    typed = getpass(say(f"Mot de passe de {route.user} sur {host} : ", f"Password of {route.user} on {host}: "))
    if not typed:
        raise errors.UsageError(
            say("aucun mot de passe n'a été donné", "no password was given"),
            stage="authenticate",
            hint_id="PASSWORD-NOT-FOUND",
        )
    return replace(route, password=SecretReference("plain", typed))


def _terminal() -> bool:
    """True when a terminal is there: standard error for the question, /dev/tty or standard input for the answer."""
    if not sys.stderr.isatty():
        return False
    try:
        with open("/dev/tty", "rb"):  # noqa: PTH123 - a device, whose only question is whether it is there
            return True
    except OSError:
        return sys.stdin is not None and sys.stdin.isatty()
