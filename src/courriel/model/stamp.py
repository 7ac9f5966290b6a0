"""What tells one message from all others, and when it was written: Message-ID and Date."""

from __future__ import annotations

import os
from datetime import date, datetime
from functools import lru_cache
from itertools import count

# A Message-ID is unlike any other by three parts: the process, a counter in it, and chance, which outlives a fork.
_PROCESS = os.urandom(5).hex()
_COUNTER = count(1)

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def new_id(domain: str) -> str:
    """A Message-ID in the sender's own domain: no name of this machine is looked up, and none is given away."""
    return f"<{_PROCESS}.{next(_COUNTER):x}.{os.urandom(8).hex()}@{domain}>"


def now() -> datetime:
    """This moment, with the time zone of this machine."""
    return datetime.now().astimezone()


def written(moment: datetime) -> str:
    """Write a date with a time zone as a header says it (RFC 5322 3.3), whatever language the machine speaks."""
    offset = moment.utcoffset()
    minutes = (offset.days * 86_400 + offset.seconds) // 60 if offset is not None else 0
    return _written(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, minutes)


# Mails of one second have one date; a bulk mailing writes it once a second.
@lru_cache(maxsize=64)
def _written(year: int, month: int, day: int, hour: int, minute: int, second: int, offset: int) -> str:
    weekday = _DAYS[date(year, month, day).weekday()]
    sign = "-" if offset < 0 else "+"
    zone = f"{sign}{abs(offset) // 60:02}{abs(offset) % 60:02}"
    return f"{weekday}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} {zone}"
