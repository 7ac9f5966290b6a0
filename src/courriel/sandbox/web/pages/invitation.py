"""Invitation in a mail (text/calendar, RFC 5545): what, when, where, who; enough to recognise it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST = 200_000  # octets that are read
_FOLD = re.compile(r"\r?\n[ \t]")
_FIELD = re.compile(r"([A-Za-z-]{1,40})((?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?):(.*)")
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?")


@dataclass(frozen=True)
class InvitationView:
    """One event of a calendar file; times are as written, with their zone."""

    method: str
    summary: str
    begins: str
    ends: str
    place: str
    organizer: str
    attendees: tuple[str, ...]


def invitation_of(data: bytes) -> InvitationView | None:
    """Read the first event of a calendar file; None when there is none."""
    text = _FOLD.sub("", data[:_LONGEST].decode("utf-8", "replace"))
    _before, begin, event = text.partition("BEGIN:VEVENT")
    if not begin:
        return None
    method = _values(_before).get("METHOD", [""])[0]
    values = _values(event.partition("END:VEVENT")[0])

    def first(name: str) -> str:
        return values.get(name, [""])[0]

    return InvitationView(
        method, first("SUMMARY"), _readable(first("DTSTART")), _readable(first("DTEND")), first("LOCATION"),
        _person(first("ORGANIZER")), tuple(_person(each) for each in values.get("ATTENDEE", [])[:50]),
    )  # fmt: skip


# The steps.


def _values(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines()[:2000]:
        matched = _FIELD.fullmatch(line[:2000])
        if matched:
            value = matched[3].replace("\\n", " ").replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\")
            zone = re.search(r"TZID=([^;:]{1,60})", matched[2])
            found.setdefault(matched[1].upper(), []).append(f"{value} {zone[1]}" if zone else value)
    return found


def _readable(value: str) -> str:
    found = _MOMENT.match(value)
    if found is None:
        return value
    day = f"{found[1]}-{found[2]}-{found[3]}"
    zone = "UTC" if found[7] else value[found.end() :].strip()
    return f"{day} {found[4]}:{found[5]} {zone}".strip() if found[4] else day


def _person(value: str) -> str:
    return value.removeprefix("mailto:").removeprefix("MAILTO:")
