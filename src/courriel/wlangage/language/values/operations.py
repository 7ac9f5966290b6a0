"""Values of a running program: conversions between texts, numbers and booleans, and the operators.

The WLangage converts by itself: a text in a calculation counts as the number at its beginning, a number beside a text
is written out. What it would take for 0 without a word stays so, since programs rely on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, localcontext
from typing import Any

from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.problem import ErreurWLangage

RC = "\r\n"
"""The line end of the WLangage."""

LONGEST_TEXT = 100_000_000
"""Characters of one text; a program that doubles a text in a loop ends here, and not in the memory of the machine."""

_EXACT = 28
"""Digits of a number that is written out; one with more has no end, as 1/3, and is written with 15 like a real."""

_NUMBER = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d{1,3})?)")


class DateText(str):
    """A date, YYYYMMDD: a text that counts in days."""

    __slots__ = ()


class TimeText(str):
    """A time of day, HHMMSSCC: hours to hundredths of a second."""

    __slots__ = ()


class DateTimeText(str):
    """A date and time, YYYYMMDDHHMMSSCCC: to thousandths of a second."""

    __slots__ = ()


def to_text(value: object) -> str:
    """Return a value as text: booleans as 1 and 0, lists line by line."""
    if isinstance(value, str):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return format(int(value), "d")
    if isinstance(value, float):
        return format(value, ".15g")
    if isinstance(value, Decimal):
        if len(value.as_tuple().digits) > _EXACT:
            value = Context(prec=15).create_decimal(value).normalize()
        return format(value.normalize() if value == value.to_integral_value() else value, "f")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime):
        return value.strftime("%Y%m%d%H%M%S") + f"{value.microsecond // 1000:03d}"
    if isinstance(value, timedelta):
        return to_text(value.total_seconds())
    if isinstance(value, list):
        return RC.join(map(to_text, value))
    if hasattr(value, "__bool__") and not hasattr(value, "memory"):
        return "1" if value else "0"  # ErreurDétectée
    raise ErreurWLangage("cette valeur n'a pas de texte", "this value has no text")


def to_number(value: object) -> int | float | Decimal:
    """Return a value as a number: a text counts as the number at its beginning, else 0."""
    if isinstance(value, bool) or value is None:
        return int(bool(value))
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, str):
        found = _NUMBER.match(value[:400])
        if found is None:
            return 0
        written = found[1].replace(",", ".")
        return int(written) if written.lstrip("+-").isdecimal() else Decimal(written)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if hasattr(value, "__bool__") and not hasattr(value, "memory"):
        return int(bool(value))
    raise ErreurWLangage("un nombre est attendu", "a number is expected")


def to_integer(value: object) -> int:
    """Return a value as a whole number, without its decimals."""
    number = to_number(value)
    try:
        return int(number)
    except (OverflowError, ValueError):
        raise ErreurWLangage("ce nombre n'est pas entier", "this number is not a whole one") from None


def to_boolean(value: object) -> bool:
    """Return a value as a boolean: numbers but 0, and texts that are such a number or not empty."""
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value.strip()[:400])
        return bool(to_number(value)) if found else bool(value)
    if isinstance(value, list) or hasattr(value, "memory"):
        raise ErreurWLangage("une condition est attendue", "a condition is expected")
    return bool(value)


def add(left: object, right: object) -> object:
    """`+`: texts are joined, also with a number; a date moves by days; lists are joined."""
    if isinstance(left, DateText) and not isinstance(right, str):
        return moved(left, to_integer(right))
    if isinstance(left, str) or isinstance(right, str):
        text = to_text(left) + to_text(right)
        if len(text) > LONGEST_TEXT:
            raise ErreurWLangage("ce texte est trop long", "this text is too long")
        return text
    if isinstance(left, bytes) and isinstance(right, bytes):
        return left + right
    return calculate("+", left, right)


def subtract(left: object, right: object) -> object:
    """`-`: of two dates the days between them."""
    if isinstance(left, DateText):
        if isinstance(right, str):
            return (as_date(left) - as_date(right)).days
        return moved(left, -to_integer(right))
    return calculate("-", left, right)


def calculate(operator: str, left: object, right: object) -> int | float | Decimal:
    """An operation on two numbers. Raises ErreurWLangage for a division by zero, and beyond every limit."""
    one: Any = to_number(left)
    two: Any = to_number(right)
    if isinstance(one, float) or isinstance(two, float):
        one, two = float(one), float(two)
    elif isinstance(one, Decimal) or isinstance(two, Decimal) or operator == "/":
        one, two = Decimal(one), Decimal(two)
    if operator == "^" and (abs(two) > 1024 or abs(one) > 10**12):
        one, two = float(one), float(two)
    try:
        with localcontext() as context:
            context.prec = 38
            result: Any = _CALCULATIONS[operator](one, two)
    except (ZeroDivisionError, DivisionByZero):
        raise ErreurWLangage("division par zéro", "division by zero") from None
    except (OverflowError, InvalidOperation, ValueError):
        raise ErreurWLangage("ce calcul n'a pas de résultat", "this calculation has no result") from None
    if isinstance(result, complex) or (isinstance(result, int) and result.bit_length() > 4096):
        raise ErreurWLangage("ce calcul n'a pas de résultat", "this calculation has no result")
    if isinstance(result, Decimal) and result == result.to_integral_value() and abs(result) < 10**18:
        return int(result)
    return result  # type: ignore[no-any-return]  # a number


_CALCULATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda one, two: one + two,
    "-": lambda one, two: one - two,
    "*": lambda one, two: one * two,
    "/": lambda one, two: one / two,
    "%": lambda one, two: one % two,
    "^": lambda one, two: one**two,
}


def equal(left: object, right: object) -> bool:
    """`=`: texts to the letter; a text and a number as numbers; a boolean and anything as booleans."""
    if isinstance(left, str) and isinstance(right, str):
        return str(left) == str(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return to_boolean(left) == to_boolean(right)
    if isinstance(left, list) or isinstance(right, list):
        return left is right or left == right
    if hasattr(left, "memory") or hasattr(right, "memory"):
        return left is right
    if left is None or right is None:
        return (left or None) == (right or None) or to_text(left) == to_text(right)
    if isinstance(left, str) and not _NUMBER.fullmatch(left.strip()[:400] or "0"):
        return False
    if isinstance(right, str) and not _NUMBER.fullmatch(right.strip()[:400] or "0"):
        return False
    return bool(to_number(left) == to_number(right))


def alike(left: object, right: object) -> bool:
    """`~=`: texts without their case, accents, and spaces at both ends."""
    if isinstance(left, str) or isinstance(right, str):
        return folded(to_text(left).strip()) == folded(to_text(right).strip())
    return equal(left, right)


def less(left: object, right: object) -> bool:
    """`<`: two texts by their characters, all else as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return str(left) < str(right)
    return bool(to_number(left) < to_number(right))


def compare(operator: str, left: object, right: object) -> bool:
    """Result of comparing two values, by the sign."""
    match operator:
        case "=":
            return equal(left, right)
        case "<>":
            return not equal(left, right)
        case "<":
            return less(left, right)
        case ">":
            return less(right, left)
        case "<=":
            return not less(right, left)
        case ">=":
            return not less(left, right)
        case "~=":
            return alike(left, right)
        case _:
            return to_text(left).startswith(to_text(right))


def as_date(value: object) -> date:
    """Return the day of a text YYYYMMDD…. Raises ErreurWLangage for what is no date."""
    written = to_text(value)[:8]
    try:
        if len(written) != 8 or not written.isascii():
            raise ValueError
        return date(int(written[:4]), int(written[4:6]), int(written[6:]))
    except ValueError:
        raise ErreurWLangage(
            f"« {written} » n'est pas une date : AAAAMMJJ est attendu", f'"{written}" is no date: YYYYMMDD is expected'
        ) from None


def moved(day: object, days: int) -> DateText:
    """Return the date so many days later."""
    try:
        return DateText((as_date(day) + timedelta(days)).strftime("%Y%m%d"))
    except OverflowError:
        raise ErreurWLangage("cette date est hors du calendrier", "this date is outside of the calendar") from None
