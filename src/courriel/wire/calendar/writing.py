"""Event of an invitation as iCalendar text, with the rules of its time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from courriel.wire.calendar.library import icalendar_library
from courriel.wire.calendar.zones import written_zone

if TYPE_CHECKING:
    from courriel.model.address import Address

PRODUCT = "-//courriel//courriel//EN"


def calendar_text(
    *,
    method: str,
    uid: str,
    sequence: int,
    stamp: datetime,
    summary: str,
    start: date,
    end: date,
    organizer: Address,
    required: Sequence[Address],
    optional: Sequence[Address],
    location: str,
    description: str,
    url: str,
    reminder: timedelta | None,
) -> str:
    """iCalendar text of one event; values are known to be valid. Raises MissingExtra."""
    library = icalendar_library()
    calendar = library.Calendar()
    for name, value in (("version", "2.0"), ("prodid", PRODUCT), ("calscale", "GREGORIAN"), ("method", method)):
        calendar.add(name, value)
    event = library.Event()
    event.add("uid", uid)
    event.add("sequence", sequence)
    event.add("dtstamp", stamp.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", written_moment(start))
    event.add("dtend", written_moment(end))
    event.add("summary", summary)
    for name, text in (("location", location), ("description", description)):
        if text:
            event.add(name, text)
    if url:
        event.add("url", url)
    event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event["organizer"] = _person(library, organizer)
    for role, people in (("REQ-PARTICIPANT", required), ("OPT-PARTICIPANT", optional)):
        for each in people:
            event.add("attendee", _attendee(library, each, role), encode=0)
    if reminder is not None and method == "REQUEST":
        alarm = library.Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", summary)
        alarm.add("trigger", -reminder)
        event.add_component(alarm)
    for key, zone in _zones(start, end).items():
        calendar.add_component(written_zone(library, key, zone, start, end))  # type: ignore[arg-type]
    calendar.add_component(event)
    return str(calendar.to_ical().decode())


def written_moment(moment: date) -> date:
    """The moment as iCalendar can say it: in a zone with a name, else in UTC.

    A zone without a name (a fixed offset) has no rules to write, and the second of two hours of the same name, when
    clocks are set back, has no other form than UTC (RFC 5545 3.3.5).
    """
    if not isinstance(moment, datetime):
        return moment
    key = getattr(moment.tzinfo, "key", None)
    if not isinstance(key, str) or key in ("UTC", "Etc/UTC") or moment.fold:
        return moment.astimezone(UTC)
    return moment


# The steps.


def _zones(start: date, end: date) -> dict[str, tzinfo]:
    """Zones that the event is written in, by name; an event of datetimes has them, one of whole days has none."""
    written = [each for each in map(written_moment, (start, end)) if isinstance(each, datetime)]
    zones = {getattr(each.tzinfo, "key", None): each.tzinfo for each in written}
    return {key: zone for key, zone in zones.items() if key is not None and zone is not None}


def _person(library: Any, address: Address) -> Any:
    person = library.vCalAddress(f"mailto:{address.wire(True)}")
    if address.name:
        person.params["CN"] = address.name
    return person


def _attendee(library: Any, address: Address, role: str) -> Any:
    person = _person(library, address)
    # A CN always: Outlook shows an attendee without one as nobody.
    person.params.setdefault("CN", address.spec)
    person.params.update({"CUTYPE": "INDIVIDUAL", "ROLE": role, "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"})
    return person
