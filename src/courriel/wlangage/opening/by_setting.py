"""
Sessions for sending by a setting: a profile that a program names in the place of a server, or the URL of `--via`.

    EmailOuvreSessionSMTP("ada", "profil:billing")

So a program sends by whatever way the profile means: a server, several of them, an HTTP provider. It names a profile
and never a URL, because a URL may fetch a secret or run a command, and a program is text that may come from anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel._lazy_re import expression
from courriel.wlangage.problem import ErreurWLangage, Impossible
from courriel.wlangage.program_state import OpenSession
from courriel.wlangage.spool import SpooledSession, lane_of
from courriel.wlangage.structures.constants import SessionOption

if TYPE_CHECKING:
    from courriel import Route
    from courriel.wlangage.opening.request import Request

_PROFILE = expression(r"(?is)\s*profile?:(.*)")
_USUAL_PORT = 25


def profile_of(host: str) -> str | None:
    """The name of the profile in the place of a server ("profil:billing", "profile:billing"); None for a server."""
    found = _PROFILE.fullmatch(host)
    return None if found is None else found[1].strip()


def open_by_profile(request: Request, name: str) -> OpenSession:
    """Open the way of a profile. Raises ErreurWLangage for what the profile says itself, UsageError without it."""
    from courriel.delivery.settings import profiles
    from courriel.delivery.settings.profile import DEFAULT, PROFILE_NAME

    if not PROFILE_NAME.fullmatch(name):
        raise ErreurWLangage(
            "après profil: vient le nom d'un profil de courriel.toml : des lettres, des chiffres, - _ et des points",
            "after profile: stands the name of a profile of courriel.toml: letters, digits, - _ and dots",
        )
    if request.credentials is not None or request.port != _USUAL_PORT or request.option is not SessionOption.DÉFAUT:
        raise ErreurWLangage(
            "avec un profil, ni mot de passe, ni port, ni option : le profil les donne",
            "with a profile neither password nor port nor option: the profile gives them",
        )
    return open_by_route(request, profiles.resolve(None if name == DEFAULT else name), name)


def open_by_route(request: Request, route: Route, lane: str = "") -> OpenSession:
    """Open the way of a setting: a session at once; several ways, a pool and an HTTP provider by their first mail.

    `lane` is the name of its mails in the outbox, by default that of the session. Raises Impossible for a setting for
    reading mail, and for a table of ways by domain in the asynchronous mode.
    """
    from courriel import Signed, SmtpSession
    from courriel import connect as transport_of

    if route.reads:
        raise Impossible(
            f"{route.name} sert à lire du courrier, et rien n'en part.",
            f"{route.name} is for reading mail, and none leaves by it.",
        )
    if request.asynchronous and route.table:
        raise Impossible(
            "Ce profil a une voie par domaine : en mode asynchrone, ouvrez une session pour le profil de chaque voie.",
            "This profile has a way for each domain: in the asynchronous mode open a session for the profile of each.",
        )
    way = transport_of(route)
    inside = way.transport if isinstance(way, Signed) else way
    session = inside if isinstance(inside, SmtpSession) else None
    try:
        if session is not None:
            _ = session.open()
        if request.asynchronous:
            return SpooledSession(session, way, lane or lane_of(request.name or route.name))
    except BaseException:
        way.close()
        raise
    return OpenSession(session, way)
