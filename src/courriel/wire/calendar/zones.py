"""Rules of a time zone around an event (VTIMEZONE, RFC 5545 3.6.5): each change of the clocks, as zoneinfo knows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

_AROUND = timedelta(days=400)
"""Before and after the event: more than a year, so that its season and the one before are there."""
_DAY = timedelta(days=1)


def written_zone(library: Any, key: str, zone: tzinfo, first: datetime, last: datetime) -> Any:
    """Time zone as a component of a calendar.

    Changes are written one by one, so that a rule that changed is no rule of before.
    `icalendar` could write it as well, but names the hour of a change by the clock after it, where the RFC wants the
    clock before it (RFC 5545 3.6.5, TZOFFSETFROM): the hour after clocks are set forward would be another one.
    """
    begin, end = first.astimezone(UTC) - _AROUND, last.astimezone(UTC) + _AROUND
    component = library.Timezone()
    component.add("tzid", key)
    offset = _offset(zone, begin)
    component.add_component(_observance(library, zone, begin, offset))
    for moment in _changes(zone, begin, end):
        component.add_component(_observance(library, zone, moment, _offset(zone, moment - timedelta(seconds=1))))
    return component


# The steps.


def _observance(library: Any, zone: tzinfo, moment: datetime, before: timedelta) -> Any:
    """The time that holds from this moment on, until the next change; `before` is the offset that held until then."""
    local = moment.astimezone(zone)
    part = library.TimezoneDaylight() if local.dst() else library.TimezoneStandard()
    part.add("dtstart", (moment + before).replace(tzinfo=None))
    part.add("tzoffsetfrom", before)
    part.add("tzoffsetto", _offset(zone, moment))
    if name := local.tzname():
        part.add("tzname", name)
    return part


def _changes(zone: tzinfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Moments at which the offset changes, to the second."""
    day, offset = begin, _offset(zone, begin)
    while day < end:
        following = day + _DAY
        if _offset(zone, following) != offset:
            low, high = day, following
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=1) // 2)
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            yield high
            offset = _offset(zone, following)
        day = following


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
