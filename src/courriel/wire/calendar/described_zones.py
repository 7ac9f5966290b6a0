"""
Time zones that a received calendar describes (VTIMEZONE): read apart, and never remembered.

The library keeps the first zone of a name for the life of the process: one mail could say what another mail's time is.
And a rule such as `FREQ=SECONDLY` would be computed for decades. So descriptions are taken out of the text, and only
plain ones are read, when the name says nothing to zoneinfo.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Any

from courriel.wire.calendar.library import icalendar_library

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What the library raises for malformed values."""
LONGEST = 20_000  # characters of one description; with each change of a century written apart it has 15,000
MOST_PARTS = 300

_ZONE = re.compile(r"(?ims)^BEGIN:VTIMEZONE[ \t]*\r?$(.*?)(?:^END:VTIMEZONE[ \t]*\r?\n?|\Z)")
_NAME = re.compile(r"(?im)^TZID[^:\r\n]{0,100}:([^\r\n]{1,200})")
_PART = re.compile(r"(?ims)^BEGIN:(STANDARD|DAYLIGHT)[ \t]*\r?$.*?^END:\1[ \t]*\r?$")
# A name behind a vendor's prefix: the library would guess, and warn.
_VENDOR = re.compile(r"(?i)(;TZID=\"?)/[^;:\"\r\n]{0,100}?/?([a-z_]{1,30}/[a-z_]{1,30})(?=[;:\"])")
# Rules as calendars write them: once a year.
_PLAIN_RULE = re.compile(
    r"(?i)RRULE:(?:(?:FREQ=YEARLY|INTERVAL=\d{1,2}|BYMONTH=\d{1,2}|BYDAY=[-+]?\d?[A-Z]{2}|WKST=[A-Z]{2}|COUNT=\d{1,3}"
    r"|BYMONTHDAY=-?\d{1,2}(?:,-?\d{1,2}){0,6}|UNTIL=[0-9TZ]{8,16})(?:;|$)){1,8}"
)


def without_zones(text: str) -> tuple[str, dict[str, str]]:
    """The calendar without its descriptions of zones, and these by name."""
    zones: dict[str, str] = {}
    for found in _ZONE.finditer(text):
        name = _NAME.search(found[1])
        if name is not None and len(zones) < 20:
            zones.setdefault(name[1].strip().strip("/"), found[1])
    return _VENDOR.sub(r"\1\2", _ZONE.sub("", text)), zones


def described_zone(description: str) -> tzinfo | None:
    """Time zone that a calendar describes; None when it is not plain, or there is none."""
    if not description or len(description) > LONGEST:
        return None
    rules = [line.strip() for line in description.splitlines() if line[:5].upper() == "RRULE"]
    if not all(_PLAIN_RULE.fullmatch(rule) for rule in rules):
        return None
    library = icalendar_library()
    zone: Any = library.Timezone()
    zone.add("tzid", "described")
    parts = list(_PART.finditer(description))
    for part in parts[:MOST_PARTS]:
        kind = library.TimezoneStandard if part[1].upper() == "STANDARD" else library.TimezoneDaylight
        zone.add_component(kind.from_ical(part[0] + "\r\n"))
    made = zone.to_tz(lookup_tzid=False) if parts else None
    return made if isinstance(made, tzinfo) else None
