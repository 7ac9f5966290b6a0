"""Message-ID and Date of a new message."""

from __future__ import annotations

import os
from functools import lru_cache, partial
from itertools import count

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# A Message-ID is unique by two parts: a random number, new each second, and a counter of this process.
_COUNTER = count(1)


class _Second:
    """Values shared by all messages of one second: time zone and random number, which are slow to get."""

    __slots__ = ("begin", "chance", "clock", "end", "here", "written")

    def __init__(self) -> None:
        from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - not before the first message

        self.clock = partial(datetime.now, UTC)
        self.begin = self.clock().replace(microsecond=0)
        self.end = self.begin + timedelta(seconds=1)
        self.here = self.begin.astimezone()
        self.written = written(self.here)
        self.chance = os.urandom(12).hex()


def new_id(domain: str) -> str:
    """New Message-ID in the sender's own domain: no host name of this machine is looked up or disclosed."""
    return stamped(domain)[0]


def now() -> datetime:
    """Current time in whole seconds, with the time zone of this machine."""
    return stamped("")[1]


def stamped(domain: str) -> tuple[str, datetime]:
    """New Message-ID and the current time, for a new message."""
    global _latest  # noqa: PLW0603 - the only state of this module
    second = _latest
    if second is None or not second.begin <= second.clock() < second.end:
        second = _latest = _Second()  # one assignment: threads see the old values or the new ones, never a mixture
    return f"<{second.chance}.{next(_COUNTER):x}@{domain}>", second.here


def written(moment: datetime) -> str:
    """Format a date with a time zone for a header (RFC 5322 3.3), independent of the locale."""
    latest = _latest
    if latest is not None and moment is latest.here:
        return latest.written
    offset = moment.utcoffset()
    minutes = (offset.days * 86_400 + offset.seconds) // 60 if offset is not None else 0
    return _id_text(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, minutes)


# The steps.

_latest: _Second | None = None


def _after_fork() -> None:
    """Drop the random number after a fork: the child would make the same ids as its parent in this second."""
    global _latest  # noqa: PLW0603 - see above
    _latest = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@lru_cache(maxsize=64)
def _id_text(year: int, month: int, day: int, hour: int, minute: int, second: int, offset: int) -> str:
    from datetime import date  # noqa: PLC0415 - see above

    weekday = _DAYS[date(year, month, day).weekday()]
    sign = "-" if offset < 0 else "+"
    zone = f"{sign}{abs(offset) // 60:02}{abs(offset) % 60:02}"
    return f"{weekday}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} {zone}"
