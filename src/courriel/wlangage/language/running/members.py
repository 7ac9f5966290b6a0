"""Members of values: properties of mails and sessions, members of structures, functions written behind a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal

from courriel.wlangage.language.functions.table import FUNCTIONS, Function
from courriel.wlangage.language.running.mail_names import attribute
from courriel.wlangage.language.syntax.problem import nearest, suggestion
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.containers import Array, Record
from courriel.wlangage.language.values.operations import DateText, as_date, to_boolean, to_integer, to_text
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.structures.lists import WList
from courriel.wlangage.structures.properties import Structure

VALUE_OF_A_FIELD = frozenset(("valeur", "value"))
"""`SAI_Nom..Valeur`: a field of a window is a variable here, and this its value."""


def read(of: object, name: str) -> object:
    """The value of a member; a method is returned to be called."""
    if isinstance(of, Structure):
        return getattr(of, attribute(of, name))
    if isinstance(of, Record):
        return of.read(name)
    if is_dataclass(of):
        return getattr(of, _field(of, name))
    behind = function_behind(of, name)
    if behind is not None:
        return behind.call(of)
    if folded(name) in VALUE_OF_A_FIELD and isinstance(of, str | int | float | Decimal):
        return of
    raise _no_member(of, name)


def write(of: object, name: str, value: object) -> None:
    """Set the value of a member."""
    if isinstance(of, Structure):
        spelling = attribute(of, name)
        setattr(of, spelling, _as_property(spelling, getattr(of, spelling), value))
    elif isinstance(of, Record):
        of.write(name, value)
    elif is_dataclass(of):
        setattr(of, _field(of, name), value)
    else:
        raise _no_member(of, name)


def method(of: object, name: str) -> Callable[..., object]:
    """Function that a call of a member calls: a method of a mail or session, or a standard function with the value as
    its first argument: `tab.Ajoute(x)` is `Ajoute(tab, x)`.
    """
    if isinstance(of, Structure):
        found = getattr(of, attribute(of, name))
        if callable(found):
            return found  # type: ignore[no-any-return]
    behind = function_behind(of, name)
    if behind is None:
        raise _no_member(of, name)
    return lambda *arguments: behind.call(of, *arguments)


def function_behind(of: object, name: str) -> Function | None:
    """The standard function that may be written behind a value; None when there is none of that name."""
    if of is None or isinstance(of, Structure | Record):
        return None
    prefixes = ("tableau", "array", "") if isinstance(of, list | dict) else ("", "chaine", "string", "date")
    for prefix in prefixes:
        found = FUNCTIONS.get(prefix + folded(name))
        if found is not None and not found.desk:
            return found
    return None


def _field(of: object, name: str) -> str:
    """The name of a member of a structure in a translated program, which is a data class."""
    for each in fields(of):  # type: ignore[arg-type]  # a data class
        if folded(each.name) == folded(name):
            return each.name
    raise _no_member(of, name)


def date_with(day: DateText, name: str, value: object) -> DateText | None:
    """The date with its year, month or day replaced, carried over: month 13 is January. None for another member."""
    found, number = as_date(day), to_integer(value)
    try:
        match folded(name):
            case "annee" | "year":
                return DateText(_in_month(number, found.month, found.day))
            case "mois" | "month":
                year, month = divmod(found.year * 12 + number - 1, 12)
                return DateText(_in_month(year, month + 1, found.day))
            case "jour" | "day":
                return DateText(date.fromordinal(found.replace(day=1).toordinal() + number - 1).strftime("%Y%m%d"))
            case _:
                return None
    except (ValueError, OverflowError):
        raise ErreurWLangage("cette date est hors du calendrier", "this date is outside of the calendar") from None


def _in_month(year: int, month: int, day: int) -> str:
    """Date of a day in a month, or of its last one."""
    for last in range(day, 27, -1):
        try:
            return date(year, month, last).strftime("%Y%m%d")
        except ValueError:
            continue
    return date(year, month, day).strftime("%Y%m%d")


def _as_property(name: str, now: object, value: object) -> object:
    """A value in the type of a property of a mail or session, which shows in the value that it has now."""
    if isinstance(value, Structure):
        return value
    if isinstance(now, WList):
        if not isinstance(value, list):
            return to_text(value)
        return [each if isinstance(each, Structure) else to_text(each) for each in value]
    if isinstance(now, bool):
        return to_boolean(value)
    if isinstance(now, int) or name.startswith("Nb"):
        return to_integer(value)
    return value if isinstance(value, bytes) else to_text(value)


def _no_member(of: object, name: str) -> ErreurWLangage:
    known = [each for function in FUNCTIONS.values() for each in function.names] if isinstance(of, list) else []
    fr, en = suggestion(nearest(name, known))
    what_fr, what_en = (
        ("ce tableau", "this array") if isinstance(of, Array | dict | list) else ("cette valeur", "this value")
    )
    return ErreurWLangage(f"{what_fr} n'a pas de membre {name}{fr}", f"{what_en} has no member {name}{en}")
