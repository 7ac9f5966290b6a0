"""
Lanes and where they lead: a lane is a name on disk, and a way out is found for it when somebody sends.

    "default"                        what the settings say when nothing is said (COURRIEL_URL, courriel.toml)
    "billing"                        a profile, or a name that the program has given a way to
    "smtps://ada@smtp.example.org"   a URL without a secret
    "session:smtp.example.org:465"   an open session of this process; no other one can send by it
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TypeAlias

from courriel import errors
from courriel.delivery import profiles
from courriel.delivery.route import Route
from courriel.expressions import expression
from courriel.model.server import Server
from courriel.model.shown import safely_shown
from courriel.session.pool import SmtpPool
from courriel.session.smtp import SmtpSession

DEFAULT = "default"

Live: TypeAlias = "SmtpSession | SmtpPool"
Way: TypeAlias = "Route | Live"
Via: TypeAlias = "str | Route | Server | Live | None"
"""A URL without a secret, a profile, an open session or pool; None is what the settings say."""

_NAME = expression(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Ways:
    """Which ways this process knows. With `elsewhere`, names that it does not know are taken: another one sends."""

    def __init__(self, given: Mapping[str, Via], *, elsewhere: bool = False) -> None:
        self._given: dict[str, Way] = {}
        self._elsewhere = elsewhere
        self._lock = Lock()
        for name, way in given.items():
            self.give(name, way)

    def give(self, name: str, way: Via) -> None:
        """From now on this lane leads there, for this process. Raises UsageError, InvalidUrl."""
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise errors.UsageError(
                f"a lane's name is made of letters, digits, - _ and dots, unlike {safely_shown(name)}"
            )
        if way is None:
            raise errors.UsageError(
                f"lane {safely_shown(name)}: a URL, a profile, a route, a server, a session or a pool"
            )
        found = way if isinstance(way, SmtpSession | SmtpPool) else _route(way)
        with self._lock:
            self._given[name] = found

    def lane(self, via: Via) -> str:
        """The name of the lane that is meant. Raises UsageError and InvalidUrl, before anything is written."""
        if isinstance(via, SmtpSession | SmtpPool):
            return self._lane_of_live(via)
        if isinstance(via, Route | Server):
            return _written(Route.of(via))
        if via is not None and not isinstance(via, str):
            raise errors.UsageError(
                f"via: a URL, a profile, a route, a server, an SmtpSession or an SmtpPool, not {type(via).__name__}"
            )
        name = DEFAULT if via is None else via
        if name in self._given:
            return name
        if _NAME.fullmatch(name):
            if not self._elsewhere:
                profiles.resolve(None if name == DEFAULT else name)
            return name
        return _written(Route.parse(name))

    def way(self, lane: str) -> Way:
        """Where a lane leads, now. Raises UsageError when this process does not know."""
        found = self._given.get(lane)
        captured = profiles.capture()
        if found is not None:
            # While developing nothing leaves, by an open session no more than by a URL.
            leaves = not isinstance(found, Route) or found.server is not None
            return captured if captured is not None and leaves else found
        if lane.startswith("session:"):
            raise errors.UsageError(f"lane {lane}: this is a session of another process, which may have ended")
        return profiles.resolve(None if lane == DEFAULT else lane)

    # The steps.

    def _lane_of_live(self, way: Live) -> str:
        with self._lock:
            for name, known in self._given.items():
                if known is way:
                    return name
            plain = name = f"session:{way.server}"
            number = 1
            while name in self._given:
                number += 1
                name = f"{plain}:{number}"
            self._given[name] = way
            return name


def shown(lane: str) -> str:
    """A lane as it may stand in a log: without whoever logs in."""
    scheme, colon, rest = lane.partition("://")
    return f"{scheme}{colon}{rest.partition('?')[0].rpartition('@')[2]}" if colon else lane


# The steps.


def _route(way: str | Route | Server) -> Route:
    return profiles.resolve(way) if isinstance(way, str) else Route.of(way)


def _written(route: Route) -> str:
    """The route as it may stand on a disk and in a log. Raises InvalidUrl where a secret would."""
    secret = route.password
    if secret is not None and (secret.kind == "plain" or (secret.kind == "cmd" and " " in secret.place)):
        raise errors.InvalidUrl(
            "no password, and no command with arguments, is written into an outbox: name it by reference"
            " (?password=env:MAIL_PASSWORD), or put the URL into a profile and give the profile's name",
            stage="compose",
            hint_id="URL-MALFORMED",
        )
    return route.reveal_url()
