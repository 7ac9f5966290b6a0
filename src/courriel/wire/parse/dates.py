"""Dates of received mail: the form of today, those of the last century, and those of C programs (RFC 5322 3.3, 4.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from courriel._lazy_re import expression

# Abbreviated months in the languages whose programs write them in mails; three letters are unique for most.
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene gen", "feb fev fév", "mar mär mrz mrt", "apr avr abr", "may mai mei mag", "jun juin giu",
            "jul juil lug", "aug aou aoû ago", "sep set", "oct okt ott out", "nov", "dec déc dez dic",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
# Zone names with a single offset. Others are ignored (RFC 5322 4.3).
_ZONES = {
    "EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8, "AKDT": -8, "AKST": -9,
    "HST": -10, "CET": 1, "CEST": 2, "MET": 1, "MEST": 2, "MEZ": 1, "MESZ": 2, "WEST": 1, "EET": 2, "EEST": 3, "MSK": 3,
    "JST": 9, "KST": 9, "HKT": 8, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip

# The form of today, which needs no interpretation (RFC 5322 3.3).
_USUAL = expression(
    r"(?:[A-Z][a-z]{2}, )?(\d\d?) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) "
    r"((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d) ([+-](?:[01]\d|2[0-3]))([0-5]\d)",
    re.ASCII,
)
_DIGITS = {
    "Jan": "01", "Feb": "02", "Mar": "03", "Apr": "04", "May": "05", "Jun": "06", "Jul": "07", "Aug": "08", "Sep": "09",
    "Oct": "10", "Nov": "11", "Dec": "12",
}  # fmt: skip
_COMMENT = expression(r"\([^()]{0,100}\)")
_TIME = expression(
    r"(?<![\d.])(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2}))?(?:[.,]\d{1,9})?(?:\s*([AP])\.?M\b\.?)?(?![\d.])",
    re.IGNORECASE | re.ASCII,
)
_COLONS = expression(
    r"(?<![\d:])(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:[.,]\d{1,9})?(?:\s*([AP])\.?M\b\.?)?(?![\d:])",
    re.IGNORECASE | re.ASCII,
)
_WORD = expression(r"[^\W\d_]+|\d+", re.UNICODE)
_OFFSET = expression(r"([+-])\s?(?:(\d{1,2}):(\d{2})|(\d{1,2})(\d{2})|(\d{1,2}))(?!\d)", re.ASCII)
_YEAR = expression(r"(?<![\d+-])\d{4}(?!\d)", re.ASCII)
_ISO = expression(r"\d{4}-\d\d?-\d\d?[ T]", re.ASCII)


def moment_of(value: str) -> datetime | None:
    """Parse a Date field as a datetime with time zone; UTC when it has no known zone, None when it is no date.

    Day and month in either order, 24 hours or AM and PM, a date without a time (its midnight).
    """
    text = value.strip()[:100]
    if usual := _USUAL.fullmatch(text):
        return _of_today(*usual.groups())
    while "(" in text and (less := _COMMENT.sub(" ", text)) != text:
        text = less
    try:
        return _iso(text) if _ISO.match(text) else _written(text)
    except (ValueError, OverflowError):
        return None


# The steps.


def _of_today(day: str, month: str, year: str, time: str, hours: str, minutes: str) -> datetime | None:
    """Moment of a date in the usual form, read by the standard library's C; None when there is no such day."""
    try:
        return datetime.fromisoformat(f"{year}-{_DIGITS[month]}-{day:0>2}T{time}{hours}:{minutes}")
    except ValueError:
        return None


def _iso(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return _written(text.replace("T", " ", 1))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _written(text: str) -> datetime:
    time = _COLONS.search(text) or _TIME.search(text)
    before, after = (text[: time.start()], text[time.end() :]) if time else (text, "")
    hour, minute, second = (int(part or 0) for part in time.groups()[:3]) if time else (0, 0, 0)
    half = (time[4] or "").upper() if time else ""
    if half and hour <= 12:
        hour = hour % 12 + 12 * (half == "P")
    words: list[str] = _WORD.findall(before)
    if not any(word.isdigit() for word in words):
        before, after = after, ""  # the time stands before the date
        words = _WORD.findall(before)
        if offset := _OFFSET.search(before):
            after = offset[0]
            words = _WORD.findall(before[: offset.start()])
    elif sum(word.isdigit() for word in words) == 1 and (later := _YEAR.search(after)):
        words.append(later[0])  # as C writes it, the year behind the time
        after = after[: later.start()] + after[later.end() :]
    year, month, day = _day(words, american=bool(half))
    # A datetime cannot hold a leap second.
    return datetime(year, month, day, hour, minute, min(second, 59) if second <= 60 else second, tzinfo=_zone(after))


def _day(words: list[str], *, american: bool) -> tuple[int, int, int]:
    """Year, month and day from words and numbers. The last month name counts: French "mar." is Tuesday or March."""
    named = [month for word in words if not word.isdigit() and (month := _month(word))]
    numbers = [word for word in words if word.isdigit() and word.isascii()]
    if named and len(numbers) == 2:
        first, last = numbers
        day, year = (last, first) if len(first) > 2 else (first, last)
        return _year(year), named[-1], int(day)
    if named or len(numbers) != 3:
        raise ValueError
    if len(numbers[0]) == 4:
        return int(numbers[0]), int(numbers[1]), int(numbers[2])
    first_number, second_number = int(numbers[0]), int(numbers[1])
    # Two numbers below 13 are ambiguous, except with AM or PM, which stand with the month first.
    if second_number > 12 or (american and first_number <= 12):
        return _year(numbers[2]), first_number, second_number
    if first_number > 12 or first_number == second_number:
        return _year(numbers[2]), second_number, first_number
    raise ValueError


def _month(word: str) -> int | None:
    lower = word.lower()
    return _MONTHS.get(lower[:4]) or _MONTHS.get(lower[:3])


def _year(digits: str) -> int:
    """Two digits are 1950 to 2049, three are added to 1900: the year of programs that were not ready for 2000."""
    year = int(digits)
    if len(digits) >= 4:
        return year
    return year + 2000 if len(digits) == 2 and year < 50 else year + 1900


def _zone(text: str) -> timezone:
    """Parse an offset, also of one, two or three digits or after `GMT`, or a zone name used in mails."""
    if found := _OFFSET.search(text):
        hours, minutes = found[2] or found[4] or found[6], found[3] or found[5] or "0"
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if found[1] == "-" else offset)
    named = next((word.upper() for word in _WORD.findall(text) if not word.isdigit()), "")
    return timezone(timedelta(hours=_ZONES.get(named, 0)))
