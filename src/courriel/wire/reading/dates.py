"""Dates as they come: today's form, those of the last century, and the one that programs in C write (RFC 5322 4.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from courriel.expressions import expression

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZONES = {"EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8, "CET": 1, "CEST": 2}

_TIME = r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?"
_WRITTEN = expression(
    rf"(?:[^\d,]{{1,20}},?)?\s*(\d{{1,2}})[\s-]+([A-Za-z]{{3}})[a-z.]*[\s-]+(\d{{2,4}}),?\s+{_TIME}\s*(.*)"
)
_AS_IN_C = expression(rf"[A-Za-z]{{3}}\s+([A-Za-z]{{3}})\s+(\d{{1,2}})\s+{_TIME}\s+(?:([A-Z]{{1,5}})\s+)?(\d{{4}})(.*)")
_OFFSET = expression(r"([+-])(\d{2}):?(\d{2})")


def moment_of(value: str) -> datetime | None:
    """The moment that a Date field names, with a time zone; UTC when it names none that is known, None for no date."""
    text = value.strip()[:100]
    try:
        if found := _WRITTEN.match(text):
            day, month, year, hour, minute, second, zone = found.groups()
        elif found := _AS_IN_C.match(text):
            month, day, hour, minute, second, named, year, zone = found.groups()
            zone = named or zone
        else:
            return _with_zone(datetime.fromisoformat(text))
        return datetime(
            _year(year),
            _MONTHS.index(month.lower()) + 1,
            int(day),
            int(hour),
            int(minute),
            min(int(second or 0), 59),  # a leap second has no place in a datetime
            tzinfo=_zone(zone),
        )
    except ValueError:
        return None


# The steps.


def _year(digits: str) -> int:
    """Two digits belong to 1950 to 2049, three to 1900 and more: those of a program that was surprised by 2000."""
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + 2000 if len(digits) == 2 and year < 50 else year + 1900


def _zone(text: str) -> timezone:
    """An offset, or one of the names that mails have; unknown ones say nothing (RFC 5322 4.3)."""
    if found := _OFFSET.match(text.strip()):
        minutes = int(found[2]) * 60 + int(found[3])
        return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
    return timezone(timedelta(hours=_ZONES.get(text.strip(" ()").upper()[:4].strip(), 0)))


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
