"""Dates of arrival: INTERNALDATE in responses and in APPEND (RFC 9051, date-time)."""

from __future__ import annotations

import datetime as dt

from courriel._lazy_re import expression

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = expression(rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d)(?: ([+-])(\d\d)(\d\d))?\s*")


def read_date(said: bytes | None) -> dt.datetime | None:
    """A date of arrival with its zone, UTC where it has none; None for one that is no date."""
    found = _DATE.fullmatch(said) if said else None
    if found is None:
        return None
    try:
        month = _MONTHS.index(found[2].decode("ascii").lower()) + 1
        hours, minutes = int(found[8] or 0), int(found[9] or 0)
        if hours > 23 or minutes > 59:
            return None
        offset = dt.timedelta(hours=hours, minutes=minutes) * (-1 if found[7] == b"-" else 1)
        zone = dt.timezone(offset) if offset else dt.UTC
        day, hour, minute, second = (int(found[each]) for each in (1, 4, 5, 6))
        return dt.datetime(int(found[3]), month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def written(moment: dt.datetime) -> bytes:
    """A moment with its zone as an argument of APPEND."""
    offset = moment.utcoffset() or dt.timedelta()
    minutes = int(offset.total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    month = _MONTHS[moment.month - 1].capitalize()
    return (
        f'"{moment.day:02}-{month}-{moment.year:04} {moment.hour:02}:{moment.minute:02}:{moment.second:02} '
        f'{sign}{minutes // 60:02}{minutes % 60:02}"'
    ).encode("ascii")
