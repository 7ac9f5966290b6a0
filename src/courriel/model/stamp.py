"""What tells one message from all others, and when it was written: Message-ID and Date."""

from __future__ import annotations

import os
from functools import lru_cache, partial
from itertools import count

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# A Message-ID is unlike any other by two parts: chance, drawn anew each second, and a counter that never goes back.
_COUNTER = count(1)


class _Second:
    """What all mails of one second share: a bulk mailing asks for the zone, and draws its chance, once a second."""

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
    """A Message-ID in the sender's own domain: no name of this machine is looked up, and none is given away."""
    return stamped(domain)[0]


def now() -> datetime:
    """This moment, to the second, with the time zone of this machine."""
    return stamped("")[1]


def stamped(domain: str) -> tuple[str, datetime]:
    """A new Message-ID and this moment, which is what a new message needs."""
    global _latest  # noqa: PLW0603 - the one thing here that changes
    second = _latest
    if second is None or not second.begin <= second.clock() < second.end:
        second = _latest = _Second()  # threads see the old one or the new one, and never a mixture
    return f"<{second.chance}.{next(_COUNTER):x}@{domain}>", second.here


def written(moment: datetime) -> str:
    """Write a date with a time zone as a header says it (RFC 5322 3.3), whatever language the machine speaks."""
    latest = _latest
    if latest is not None and moment is latest.here:
        return latest.written
    offset = moment.utcoffset()
    minutes = (offset.days * 86_400 + offset.seconds) // 60 if offset is not None else 0
    return _written(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, minutes)


# The steps.

_latest: _Second | None = None


def _forget() -> None:
    """A child process must not write the ids that its parent writes in the same second."""
    global _latest  # noqa: PLW0603 - see above
    _latest = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@lru_cache(maxsize=64)
def _written(year: int, month: int, day: int, hour: int, minute: int, second: int, offset: int) -> str:
    from datetime import date  # noqa: PLC0415 - see above

    weekday = _DAYS[date(year, month, day).weekday()]
    sign = "-" if offset < 0 else "+"
    zone = f"{sign}{abs(offset) // 60:02}{abs(offset) % 60:02}"
    return f"{weekday}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} {zone}"
