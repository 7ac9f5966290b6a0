"""
Selection of the route: the argument, else the environment, else the file of the project, the user, the machine.

1. the argument: a URL, or the name of a profile
2. COURRIEL_URL, or the file that COURRIEL_URL_FILE names; then variables of other programs (`foreign`)
3. the file that COURRIEL_CONFIG names; else courriel.toml or [tool.courriel] in pyproject.toml, here or in a folder
   above
4. the user's courriel.toml
5. /etc/courriel/courriel.toml
6. none of them: an error that names the settings

A file that another user may have written is an error, and not skipped (`settings_files`).

COURRIEL_REDIRECT_TO and COURRIEL_ALLOWLIST say who gets mail at all (`courriel.model.recipient_rule`).

COURRIEL_CAPTURE=1 keeps in memory all mail that would leave, COURRIEL_CAPTURE=/folder in files: nothing is sent during
development.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel._lazy_re import expression
from courriel.delivery.percent import LONGEST_URL, nearest, refusal
from courriel.delivery.urls.route import Route
from courriel.model.checks.shown import is_like_url, safely_shown

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("", "0", "false", "no", "off")
_ARGUMENT = "argument"
_PROFILE = expression(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting for display: its value with secrets masked, and its source."""

    name: str
    value: str
    source: str


def resolve(via: str | Route | None = None) -> Route:
    """The route for `via`. Raises InvalidUrl or UsageError, naming the source of the error."""
    captured = capture()
    if captured is None:
        route, source = _found_route(via)
        return route if source == _ARGUMENT else replace(route, source=source)
    try:
        route = _found_route(via)[0]
    except NothingSet:
        return captured
    return replace(captured, sender=route.sender) if route.leaves else route


def capture() -> Route | None:
    """The route that replaces every server, and every program's transport, when COURRIEL_CAPTURE is set; logged once.

    Raises UsageError for a value that is neither 1, 0 nor an absolute path.
    """
    word = os.environ.get("COURRIEL_CAPTURE", "").strip()
    if word.lower() in _FALSE:
        return None
    if word.lower() in _TRUE:
        route = Route("memory")
    elif os.path.isabs(word) and not is_like_url(word, whole_paths=True):  # noqa: PTH117 - pathlib would be imported for this alone
        route = Route("file", folder=word)
    else:
        raise errors.UsageError(
            f"COURRIEL_CAPTURE={safely_shown(word)}: 1, 0 or the whole path of a folder", stage="compose"
        )
    log_captured(route)
    return route


def explain() -> list[Setting]:
    """All settings and their sources: first the effective ones, then the profiles."""
    rows = [Setting("COURRIEL_CAPTURE", os.environ["COURRIEL_CAPTURE"], "environment")] \
        if os.environ.get("COURRIEL_CAPTURE") else []  # fmt: skip
    rows += [
        Setting(name, os.environ[name], "environment")
        for name in ("COURRIEL_REDIRECT_TO", "COURRIEL_ALLOWLIST")
        if name in os.environ
    ]
    try:
        route, source = _found_route(None)
    except errors.UsageError as wrong:
        rows.append(Setting("url", f"({wrong})", "nowhere" if isinstance(wrong, NothingSet) else "error"))
    else:
        rows.append(Setting("url", route.url, source))
        rows += [Setting("warning", sentence, source) for sentence in route.warnings]
    return [*rows, *_explained_outbox(), *_explained_profiles()]


class NothingSet(errors.UsageError):
    """No route is configured anywhere."""


def own_variable(name: str) -> tuple[str, str] | None:
    """The value of a variable, or of the file in NAME_FILE (Docker and Kubernetes secrets), and its source."""
    value, file = os.environ.get(name), os.environ.get(f"{name}_FILE")
    if value and file:
        raise errors.UsageError(f"{name} and {name}_FILE are both set, and only one can be meant")
    if value:
        return value, name
    if not file:
        return None
    try:
        with open(file, encoding="utf-8") as lines:  # noqa: PTH123 - pathlib would be imported for this alone
            text = lines.read(LONGEST_URL + 2)
    except (OSError, UnicodeDecodeError) as broken:
        reason = broken.strerror if isinstance(broken, OSError) else "it is not UTF-8"
        raise errors.UsageError(
            f"{name}_FILE={file}: {reason}", stage="compose", hint_id="PASSWORD-NOT-FOUND"
        ) from None
    return text.removesuffix("\n"), f"{name}_FILE={file}"


# The steps.


def _found_route(via: str | Route | None) -> tuple[Route, str]:
    if isinstance(via, Route):
        return via, _ARGUMENT
    if via is None:
        return _by_environment() or _by_files("default") or _refuse_missing_setting()
    if not isinstance(via, str):
        raise errors.UsageError(f"via: a URL, the name of a profile, a Route or a Server, not {type(via).__name__}")
    if _PROFILE.fullmatch(via):
        return _by_files(via) or _refuse_unknown_profile(via)
    return Route.parse(via), _ARGUMENT


def _by_environment() -> tuple[Route, str] | None:
    named = own_variable("COURRIEL_URL")
    if named:
        url, source = named
        try:
            return Route.parse(url), source
        except errors.InvalidUrl as wrong:
            raise refusal(f"{source}: {wrong}", wrong.hint_id) from wrong
    from courriel.delivery.urls import foreign

    return foreign.find(os.environ)


def _by_files(name: str) -> tuple[Route, str] | None:
    from courriel.delivery.settings import locations

    for location in locations.LOCATIONS:
        profile = location().profiles.get(name)
        if profile:
            return profile.route(), profile.source
    return None


def _refuse_unknown_profile(name: str) -> tuple[Route, str]:
    from courriel.delivery.settings import locations

    known = sorted({profile for location in locations.LOCATIONS for profile in location().profiles})
    if "." in name or name == "localhost":
        # A name with dots is probably a host name.
        also = f"; if it is a server, write smtps://{name}, or imaps://{name} to read"
    else:
        also = nearest(name, known)
    known_names = (
        f"known are {', '.join(known)}" if known else "none is known (they are [profiles.name] in courriel.toml)"
    )
    raise errors.UsageError(f"no profile has the name {name!r}{also}: {known_names}", stage="compose")


def _refuse_missing_setting() -> tuple[Route, str]:
    from courriel.delivery.settings import locations

    raise NothingSet(
        "nothing says where mail goes: give via= (--via), set COURRIEL_URL=smtps://ada@smtp.example.org?password=prompt,"
        f' or write url = "…" into courriel.toml, here or as {locations.user_file()}; memory: and console: are for'
        " trying",
        stage="compose",
        hint_id="NO-SERVER-SET",
    )


def _explained_outbox() -> Iterator[Setting]:
    from courriel.delivery.settings import locations

    try:
        found = own_variable("COURRIEL_OUTBOX") or locations.named_outbox()
    except errors.UsageError as wrong:
        yield Setting("outbox", f"({wrong})", "error")
        return
    if found is not None:
        location, source = found
        # A database URL may contain a password.
        yield Setting("outbox", f"{location.partition('://')[0]}://…" if "://" in location else location, source)


def _explained_profiles() -> Iterator[Setting]:
    from courriel.delivery.settings import locations

    seen: set[str] = set()
    for location in locations.LOCATIONS:
        try:
            found = location()
        except errors.UsageError as wrong:
            yield Setting("file", f"({wrong})", "error")
            continue
        if found.consent:
            yield Setting("file", found.source, f"trusted by {found.consent}")
        for name, profile in found.profiles.items():
            hidden = " (hidden by a nearer file)" if name in seen else ""
            seen.add(name)
            try:
                route = profile.route()
            except errors.UsageError as wrong:
                yield Setting(f"profiles.{name}", f"({wrong})", profile.source + hidden)
                continue
            yield Setting(f"profiles.{name}", route.url, profile.source + hidden)
            yield from (Setting("warning", note, profile.source) for note in route.notes)


@cache
def log_captured(route: Route) -> None:
    import logging

    logging.getLogger("courriel.delivery").warning(
        "COURRIEL_CAPTURE is set: no mail goes to a server, everything is kept in %s",
        route.name,
        extra={"action": "capture"},
    )
