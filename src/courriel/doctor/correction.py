"""Correction of a profile: the URL of its file with the port and mode that were found to work."""

from __future__ import annotations

from courriel._dataclass import dataclass, replace
from courriel.delivery.settings import locations
from courriel.delivery.urls.route import Route
from courriel.doctor.examination import Examination
from courriel.doctor.target import Target


@dataclass(frozen=True, slots=True)
class Correction:
    """The file of a profile, its URL before and after, for display with the secret masked; `revealed` with it."""

    file: str
    before: str
    after: str
    revealed: str

    def __repr__(self) -> str:
        return f"Correction({self.file!r}, {self.before!r}, {self.after!r})"


def correction_of(meant: Target, examination: Examination) -> Correction | None:
    """The correction of a profile; None when no other way works, or the profile is in no file."""
    working = next((each for each in examination.tried if each.works), None)
    profile = next(
        (found for location in locations.LOCATIONS if (found := location().profiles.get(meant.profile))), None
    )
    if working is None or profile is None:
        return None
    before = Route.parse(profile.url)
    if before.server is None:
        return None
    server = replace(before.server, port=working.server.port, security=working.server.security)
    after = replace(before, server=server)
    return Correction(profile.source, before.url, after.url, after.reveal_url())
