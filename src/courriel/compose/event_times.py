"""Beginning and end of an event: in a time zone, in the right order, and in hours that there are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from courriel.model.checks.header import refusal


def checked_times(start: date, end: date | None, duration: timedelta | None) -> tuple[date, date]:
    """Check the times of an event; return its start and end. Raises InvalidMessage.

    A naive datetime is refused, because a reader elsewhere could not tell when that is; so is an hour that clocks skip.
    """
    _check_moment("start", start)
    if end is not None and duration is not None:
        raise refusal("duration", "end is given too, and an event has one end")
    if end is None:
        if duration is None:
            if isinstance(start, datetime):
                raise refusal("end", "none was given; say end= or duration=")
            duration = timedelta(days=1)
        if not isinstance(duration, timedelta):
            raise refusal("duration", f"a timedelta, not {type(duration).__name__}")
        end = _later(start, duration)
    _check_moment("end", end)
    if isinstance(start, datetime) is not isinstance(end, datetime):
        raise refusal("end", "a date or a datetime, as the start is")
    if not _instant(start) < _instant(end):
        raise refusal("end", "it is not after the start")
    return start, end


def shown_times(start: date, end: date) -> str:
    """Time of an event, in figures: `2027-01-12 14:00 – 15:00 (Europe/Paris)`."""
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        last = end - timedelta(days=1)
        return f"{start}" if last == start else f"{start} – {last}"
    there = end.astimezone(start.tzinfo)
    until = f"{there:%H:%M}" if there.date() == start.date() else f"{there:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} – {until} ({getattr(start.tzinfo, 'key', None) or start.tzname()})"


# The steps.


def _check_moment(field: str, moment: object) -> None:
    if not isinstance(moment, date):
        raise refusal(field, f"a datetime with a time zone, or a date for whole days, not {type(moment).__name__}")
    if not 1970 <= moment.year <= 2200:
        raise refusal(field, "a year between 1970 and 2200")
    if not isinstance(moment, datetime):
        return
    if moment.utcoffset() is None:
        raise refusal(
            field,
            "it has no time zone, and a reader elsewhere could not tell when that is: tzinfo=ZoneInfo(…) adds one",
        )
    if moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise refusal(field, f"{moment:%Y-%m-%d %H:%M} is skipped there, when clocks are set forward")


def _later(start: date, duration: timedelta) -> date:
    """The end of an event of this length: elapsed time, also where clocks are set meanwhile."""
    if isinstance(start, datetime):
        return (start.astimezone(UTC) + duration).astimezone(start.tzinfo)
    if duration % timedelta(days=1):
        raise refusal("duration", "whole days, as the start is a date")
    return start + duration


def _instant(moment: date) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else float(moment.toordinal())
