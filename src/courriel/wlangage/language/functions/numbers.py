"""Functions on numbers."""

from __future__ import annotations

import random
import re
from decimal import ROUND_HALF_UP, Decimal

from courriel.wlangage.language.functions.table import constant, function
from courriel.wlangage.language.values.operations import calculate, to_integer, to_number, to_text
from courriel.wlangage.problem import ErreurWLangage

constant(True, "Vrai", "True")
constant(False, "Faux", "False")
constant(None, "Null")

_FORMAT = re.compile(r"(-?)(\+?)(0?)(\d{0,3})(?:([.,])(\d{1,2}))?([a-zA-Z]?)([sS]?)")


@function("NumériqueVersChaîne", "NumVersChaîne", "NumToString")
def number_to_text(number: object, layout: object = "") -> str:
    """Write a number by a format: `[-][+][0][size][.decimals]type[S]`.

    `-` aligns left, `+` writes the sign, `0` fills with zeros, `d` is for whole numbers, `f` for decimals, `x` and `X`
    for hexadecimal, `e` for powers of ten; a comma before the decimals is written as one; `S` separates thousands by
    spaces.
    """
    if (
        isinstance(number, str)
        and type(number) is str
        and not number.strip().lstrip("+-").replace(".", "", 1).isdigit()
    ):
        return number
    value, written = to_number(number), to_text(layout)
    if not written:
        return to_text(value)
    found = _FORMAT.fullmatch(written)
    if found is None:
        raise ErreurWLangage(f"format inconnu : {written[:40]}", f"unknown format: {written[:40]}")
    aligned, sign, zeros, size, point, decimals, kind, thousands = found.groups()
    digits = _digits(value, (kind or ("f" if point else "d")), int(decimals) if point else 6)
    if thousands or kind in ("s", "S"):
        whole, dot, rest = digits.partition(".")
        digits = f"{int(whole):,}".replace(",", " ") + dot + rest
    negative = to_number(number) < 0
    mark = "-" if negative and digits.strip("0.") else "+" if sign else ""
    digits = digits.replace(".", ",") if point == "," else digits
    width = int(size or 0)
    if zeros and not aligned:
        return mark + digits.rjust(width - len(mark), "0")
    return (mark + digits).ljust(width) if aligned else (mark + digits).rjust(width)


def _digits(value: int | float | Decimal, kind: str, decimals: int) -> str:
    """Text of a number without its sign."""
    positive: int | float | Decimal = value if value >= 0 else -value
    match kind:
        case "x" | "X" | "o" | "b":
            return format(int(positive), kind)
        case "e" | "E" | "g" | "G":
            return format(float(positive), f".{decimals}{kind}")
        case "d" | "D" | "i" | "u":
            return str(int(positive))
        case _:
            return format(_rounded(positive, decimals), "f")


def _rounded(value: int | float | Decimal, decimals: int) -> Decimal:
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


@function("PartieEntière", "IntegerPart")
def integer_part(number: object) -> int:
    """The number without its decimals."""
    return to_integer(number)


@function("PartieDécimale", "DecimalPart")
def decimal_part(number: object) -> object:
    """The decimals of a number."""
    return calculate("-", number, to_integer(number))


@function("Abs")
def absolute(number: object) -> object:
    """The number without its sign."""
    return abs(to_number(number))


@function("Arrondi", "Round")
def rounded(number: object, decimals: object = 0) -> object:
    """The number rounded half up."""
    value = to_number(number)
    made = _rounded(value, max(-12, min(12, to_integer(decimals))))
    return float(made) if isinstance(value, float) else calculate("+", made, 0)


@function("Max")
def largest(*values: object) -> object:
    """The largest of several values, or of a list."""
    return max(_several(values), key=to_number)


@function("Min")
def smallest(*values: object) -> object:
    """The smallest of several values, or of a list."""
    return min(_several(values), key=to_number)


@function("Hasard", "Random")
def chance(first: object, last: object = None) -> int:
    """A number at random up to a limit, or between two."""
    begin, end = (1, to_integer(first)) if last is None else (to_integer(first), to_integer(last))
    return random.randint(min(begin, end), max(begin, end))  # noqa: S311 - no secret is made of it


@function("EstPair", "IsEven")
def even(number: object) -> bool:
    """Whether a whole number is even."""
    return to_integer(number) % 2 == 0


@function("EstImpair", "IsOdd")
def odd(number: object) -> bool:
    """Whether a whole number is odd."""
    return to_integer(number) % 2 == 1


def _several(values: tuple[object, ...]) -> list[object]:
    items = list(values[0]) if len(values) == 1 and isinstance(values[0], list) else list(values)
    if not items:
        raise ErreurWLangage("une valeur au moins est attendue", "a value at least is expected")
    return items
