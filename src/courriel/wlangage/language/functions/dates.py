"""Functions on dates and times: texts YYYYMMDD and HHMMSSCC."""

from __future__ import annotations

import re
from datetime import datetime

from courriel.wlangage.language.functions.table import constant, function
from courriel.wlangage.language.values.operations import (
    DateText,
    DateTimeText,
    TimeText,
    as_date,
    moved,
    to_integer,
    to_text,
)
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.program_state import program_state

constant("JJ/MM/AAAA", "maskDateSystème", "maskDateSystem", "maskDate")
constant("HH:MM:SS", "maskHeureSystème", "maskTimeSystem")

_DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
           "décembre"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"),
}  # fmt: skip


@function("DateSys", "DateDuJour", "Today", "SysDate")
def today() -> DateText:
    """Date of today."""
    return DateText(datetime.now().astimezone().strftime("%Y%m%d"))


@function("HeureSys", "Maintenant", "TimeSys", "Now")
def now() -> TimeText:
    """Text of the time of day."""
    moment = datetime.now().astimezone()
    return TimeText(moment.strftime("%H%M%S") + f"{moment.microsecond // 10_000:02d}")


@function("DateHeureSys", "DateTimeSys")
def moment() -> DateTimeText:
    """Date and time of now."""
    now = datetime.now().astimezone()
    return DateTimeText(now.strftime("%Y%m%d%H%M%S") + f"{now.microsecond // 1000:03d}")


@function("DateVersChaîne", "DateToString")
def date_to_text(day: object = None, layout: object = "JJ/MM/AAAA") -> str:
    """Write a date: JJ, MM, AAAA (DD, YYYY), JJJ and JJJJ for the name of the day, MMM and MMMM for the month's."""
    if day is not None and not to_text(day):
        return ""
    date = as_date(today() if day is None else day)
    spoken = program_state.spoken
    day_name, month_name = _DAYS[spoken][date.weekday()], _MONTHS[spoken][date.month - 1]
    parts = {
        "J": (str(date.day), f"{date.day:02d}", day_name[:3], day_name),
        "D": (str(date.day), f"{date.day:02d}", day_name[:3], day_name),
        "M": (str(date.month), f"{date.month:02d}", month_name[:4], month_name),
        "A": ("", f"{date.year % 100:02d}", "", f"{date.year:04d}"),
        "Y": ("", f"{date.year % 100:02d}", "", f"{date.year:04d}"),
    }

    def part(found: re.Match[str]) -> str:
        return parts[found[0][0].upper()][len(found[0]) - 1] or found[0]

    return re.sub(r"J{1,4}|D{1,4}|M{1,4}|A{4}|A{2}|Y{4}|Y{2}", part, to_text(layout), flags=re.IGNORECASE)


@function("HeureVersChaîne", "TimeToString")
def time_to_text(time: object = None, layout: object = "HH:MM:SS") -> str:
    """Write a time of day: HH, MM, SS, CC (hundredths)."""
    written = to_text(now() if time is None else time).ljust(8, "0")
    if not written[:8].isdecimal() or int(written[:2]) > 23 or int(written[2:4]) > 59 or int(written[4:6]) > 59:
        raise ErreurWLangage("HHMMSSCC est attendu pour une heure", "HHMMSSCC is expected for a time")
    parts = {"H": written[:2], "M": written[2:4], "S": written[4:6], "C": written[6:8]}

    def part(found: re.Match[str]) -> str:
        return parts[found[0][0].upper()]

    return re.sub(r"HH|MM|SS|CC", part, to_text(layout), flags=re.IGNORECASE)


@function("DateHeureVersChaîne", "DateTimeToString")
def moment_to_text(moment: object, layout: object = "") -> str:
    """Write a date and time; without a format "JJ/MM/AAAA HH:MM:SS"."""
    written, wanted = to_text(moment), to_text(layout)
    if not wanted:
        return f"{date_to_text(written[:8])} {time_to_text(written[8:])}"
    # The first MM is the month's, those behind HH are minutes.
    found = re.search("HH", wanted, re.IGNORECASE)
    if found is None:
        return date_to_text(written[:8], wanted)
    begin = found.start()
    return date_to_text(written[:8], wanted[:begin]) + time_to_text(written[8:], wanted[begin:])


@function("ChaîneVersDate", "StringToDate")
def text_to_date(text: object, layout: object = "JJ/MM/AAAA") -> DateText:
    """Read a date by a format; an empty date for what is none."""
    wanted = to_text(layout).upper().replace("J", "D").replace("A", "Y")
    numbers = re.findall(r"\d+", to_text(text)[:40])
    order = re.findall(r"D+|M+|Y+", wanted)
    if len(numbers) != len(order):
        return DateText("")
    found = {each[0]: number for each, number in zip(order, numbers, strict=True)}
    year = found.get("Y", "")
    written = f"{('20' + year) if len(year) == 2 else year:0>4}{found.get('M', '1'):0>2}{found.get('D', '1'):0>2}"
    return DateText(written) if date_valid(written) else DateText("")


@function("DateValide", "DateValid")
def date_valid(day: object) -> bool:
    """Whether a text is a date YYYYMMDD."""
    try:
        as_date(day)
    except ErreurWLangage:
        return False
    return True


@function("DateDifférence", "DateDifference")
def difference(first: object, last: object) -> int:
    """Days from one date to another."""
    return (as_date(last) - as_date(first)).days


@function("DateAjoute", "AddDate")
def later(day: object, days: object) -> DateText:
    """The date so many days later."""
    return moved(day, to_integer(days))


@function("Année", "Year", "DateVersAnnée", "DateToYear")
def year(day: object = None) -> int:
    """The year of a date."""
    return as_date(today() if day is None else day).year


@function("Mois", "Month", "DateVersMois", "DateToMonth")
def month(day: object = None) -> int:
    """The month of a date."""
    return as_date(today() if day is None else day).month


@function("Jour", "Day", "DateVersJour", "DateToDay")
def day_of_month(day: object = None) -> int:
    """The day of a date in its month."""
    return as_date(today() if day is None else day).day


@function("DateVersJourDeSemaine", "DateToDayOfWeek")
def day_of_week(day: object = None) -> int:
    """Number of the day in its week, Monday being 1."""
    return as_date(today() if day is None else day).isoweekday()


@function("DateVersJourEnLettre", "DateToDayInAlpha", "DateVersJourEnLettres")
def day_name(day: object = None) -> str:
    """The name of the day of the week."""
    return _DAYS[program_state.spoken][as_date(today() if day is None else day).weekday()]


@function("DateVersMoisEnLettre", "DateToMonthInAlpha", "DateVersMoisEnLettres")
def month_name(day: object = None) -> str:
    """The name of the month."""
    return _MONTHS[program_state.spoken][as_date(today() if day is None else day).month - 1]
