"""Invitations in received letters: any octets are read as far as they can be, in linear time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from courriel._dataclass import replace
from courriel.model.received.invitation import ReceivedAttendee, ReceivedInvitation
from courriel.wire.calendar.described_zones import UNREADABLE, described_zone, without_zones
from courriel.wire.calendar.library import icalendar_library
from courriel.wire.calendar.remarks import CalendarPart, remarks_of
from courriel.wire.parse.charsets.decoding import decoded

if TYPE_CHECKING:
    from courriel.wire.parse.letter import Letter
    from courriel.wire.parse.parts import Leaf

LARGEST = 1_000_000
"""Octets of a calendar that is read; one event with hundreds of attendees has 100 kB."""
MOST_LINES = 20_000
MOST_ATTENDEES = 1_000

_TYPES = ("text/calendar", "application/ics")
_FOLD = re.compile(rb"\r?\n[ \t]")
_FOLD_OF_TEXT = re.compile(r"\r?\n[ \t]")
_METHOD = re.compile(rb"(?is)content-type[ \t]*:[ \t]*(?:text/calendar|application/ics)\b([^:]{0,600})")
_METHOD_OF = re.compile(rb"(?i);\s{0,10}method\s{0,10}=\s{0,10}\"?([a-z]{1,30})")


def invitation_in(
    letter: Letter, data: bytes, leaves: Sequence[Leaf], report_defect: Callable[[str], None]
) -> ReceivedInvitation | None:
    """The first readable event of a letter: the form of its text before attached files. Raises MissingExtra."""
    found = [leaf for leaf in leaves if leaf.label.content_type in _TYPES]
    if not found:
        return None
    found.sort(key=lambda leaf: (leaf.label.content_type != "text/calendar", not leaf.alternative))
    library = icalendar_library()
    by_type: dict[str, Iterator[bytes]] = {
        kind: iter([file.content for file in letter.attachments if file.content_type == kind]) for kind in _TYPES
    }
    in_order = {
        id(leaf): next(by_type[leaf.label.content_type], b"") for leaf in leaves if leaf.label.content_type in _TYPES
    }
    for leaf in found:
        parsed = _parsed(library, in_order[id(leaf)], leaf.label.charset, report_defect)
        events = parsed[0].walk("VEVENT") if parsed is not None else []
        if parsed is not None and events:
            part = CalendarPart(_said_method(data, leaf), leaf.label.charset, bool(leaf.alternative))
            return _invitation(parsed[0], events[0], parsed[1], part, letter)
    report_defect("its calendar cannot be read")
    return None


# The steps.


def _parsed(
    library: Any, content: bytes, charset: str, report_defect: Callable[[str], None]
) -> tuple[Any, Mapping[str, str]] | None:
    """The calendar and the zones that it describes; None when it is none."""
    if len(content) > LARGEST or content.count(b"\n") > MOST_LINES:
        report_defect("its calendar is too large to be read")
        return None
    text, zones = without_zones(_unfolded(content, charset, report_defect))
    try:
        return library.Calendar.from_ical(text), zones
    except UNREADABLE:
        return None


def _unfolded(content: bytes, charset: str, report_defect: Callable[[str], None]) -> str:
    """The text in one piece for each line: a fold may stand in the middle of a character of UTF-8 (RFC 5545 3.1)."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or charset[:6].lower() in ("utf-16", "utf-32"):
        return _FOLD_OF_TEXT.sub("", decoded(content, charset, report_defect).replace("\0", ""))
    return decoded(_FOLD.sub(b"", content.replace(b"\0", b"")), charset, report_defect)


def _invitation(
    calendar: Any, event: Any, zones: Mapping[str, str], part: CalendarPart, letter: Letter
) -> ReceivedInvitation:
    """The values of an event; what cannot be read is empty."""
    attendees = _listed(event, "attendee")[:MOST_ATTENDEES]
    method = _text(calendar, "method").upper() or part.method
    read = ReceivedInvitation(
        method=method,
        uid=_text(event, "uid"),
        sequence=_number(event),
        summary=_text(event, "summary"),
        start=_moment(event, "start", zones),
        end=_moment(event, "end", zones),
        location=_text(event, "location"),
        organizer=_address(_listed(event, "organizer")[0]) if _listed(event, "organizer") else "",
        attendees=tuple(_attendee(each) for each in attendees),
        remarks=(),
    )
    written = _text(calendar, "method").upper()
    return replace(read, remarks=remarks_of(read, part, written, "DTSTAMP" in event, letter))


def _said_method(data: bytes, leaf: Leaf) -> str:
    """Method that the part's Content-Type names."""
    header = data[max(0, leaf.start - 4_000) : leaf.start]
    fields = _METHOD.findall(header)
    named = _METHOD_OF.search(fields[-1]) if fields else None
    return named[1].decode("ascii").upper() if named else ""


def _listed(event: Any, name: str) -> list[Any]:
    value = event.get(name, [])
    return value if isinstance(value, list) else [value]


def _text(component: Any, name: str) -> str:
    listed = _listed(component, name)
    return " ".join(str(listed[0]).split())[:2_000] if listed else ""


def _number(event: Any) -> int:
    try:
        return max(0, int(_text(event, "sequence") or 0))
    except ValueError:
        return 0


def _moment(event: Any, name: str, zones: Mapping[str, str]) -> date | None:
    """Start or end, in the zone that the calendar describes where its name says nothing; the end may be a duration."""
    try:
        value = getattr(event, name)
        if isinstance(value, datetime) and value.tzinfo is None:
            named = event["DTEND" if name == "end" and "DTEND" in event else "DTSTART"].params.get("TZID", "")
            value = value.replace(tzinfo=described_zone(zones.get(str(named).strip("/"), "")))
    except UNREADABLE:
        return None
    return value if isinstance(value, date) else None


def _address(person: Any) -> str:
    text = " ".join(str(person).split())[:1_000]
    return text[7:] if text[:7].lower() == "mailto:" else text


def _attendee(person: Any) -> ReceivedAttendee:
    params = getattr(person, "params", {})
    return ReceivedAttendee(
        _address(person),
        " ".join(str(params.get("CN", "")).split())[:500],
        str(params.get("PARTSTAT", "NEEDS-ACTION")).upper()[:30],
        str(params.get("ROLE", "")).upper() == "OPT-PARTICIPANT",
    )
