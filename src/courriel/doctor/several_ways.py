"""Examination of several ways out (failover, roundrobin, a table by domain): each by itself, and all as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.settings import profiles
from courriel.doctor.examination import Examination
from courriel.doctor.step import Step, in_both, with_error
from courriel.failures import Text

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.urls.route import Route


def all_examined(
    start: Examination, route: Route, examine_one: Callable[[Examination, Route], Examination]
) -> Examination:
    """The examination of a route with several ways; what one lacks (a password, a module) is a failed step of that one.

    Raises UsageError for a table that names a profile which is not there.
    """
    ways = tuple(_examined(way, examine_one) for way in dict.fromkeys(_ways_in(route)))
    ends = [way.certificate_ends for way in ways if way.certificate_ends is not None]
    return replace(
        start,
        url=route.url,
        server=route.name,
        ways=ways,
        certificate_ends=min(ends, default=None),
        token_refused=any(way.token_refused for way in ways),
        transcript=tuple(entry for way in ways for entry in way.transcript),
    )


# The steps.


def _examined(way: Route, examine_one: Callable[[Examination, Route], Examination]) -> Examination:
    start = Examination(way.url, way.url, way.name, "", ())
    if way.server is None:
        nothing = Text("aucun serveur : rien à examiner", "no server: nothing to examine")
        return replace(start, steps=(Step("name", "skipped", nothing),))
    try:
        return examine_one(start, way)
    except errors.UsageError as wrong:
        return replace(start, steps=(with_error(Step("login", "failed", in_both(wrong.detail)), wrong),))


def _ways_in(route: Route) -> Iterator[Route]:
    """The ways of a group and of the groups in it; those of a table by domain behind the one for all others."""
    if not route.ways:
        yield route
    for way in route.ways:
        yield from _ways_in(way)
    for _, via in route.table:
        yield from _ways_in(profiles.resolve(via))
