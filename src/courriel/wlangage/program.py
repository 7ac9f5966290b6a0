"""Library of translated programs, beside the e-mail functions: `from courriel.wlangage import program as wl`.

    wl.run(main)          the program, with an exit status
    wl.text(x) …          conversions and operators, as the WLangage has them
    wl.Majuscule(s) …     the standard functions, under their French and English names
    wl.array(str)         arrays with places from 1
    wl.SmtpSession(…)     sessions of `courriel`, opened as the WLangage does

It needs no parser: `lark` is only for reading programs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from courriel.errors import CourrielError
from courriel.failures import language
from courriel.wlangage.language.functions import CONSTANTS, FUNCTIONS
from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.functions.ending import EndProgram
from courriel.wlangage.language.running.members import date_with as _date_with
from courriel.wlangage.language.running.members import method, read, write
from courriel.wlangage.language.values.containers import Array, Associative
from courriel.wlangage.language.values.operations import (
    RC,
    DateText,
    DateTimeText,
    TimeText,
    add,
    alike,
    as_date,
    calculate,
    compare,
    equal,
    less,
    moved,
    subtract,
    to_boolean,
    to_integer,
    to_number,
    to_text,
)
from courriel.wlangage.open_session import NotOpened, SmtpSession, failed, login, message
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.program_state import program_state
from courriel.wlangage.structures.names import unaccented

SOFTWARE = 70
"""Exit status for an error that the program does not catch (sysexits.h)."""

text, integer, true, number = to_text, to_integer, to_boolean, to_number
date, time, moment = DateText, TimeText, DateTimeText

desk = Desk(Path.cwd())
"""Where the standard functions print, ask, and find files; `run` sets it to the folder of the program."""


class SharedVariable:
    """A variable that a procedure changes for its caller: parameters are passed by reference."""

    def __init__(self, value: Any, convert: Callable[[object], object] = lambda value: value) -> None:
        self.value = value
        self._convert = convert

    def get(self) -> Any:
        """The value."""
        return self.value

    def set(self, value: object) -> None:
        """Set the value, converted to the variable's type."""
        self.value = self._convert(value)


def run(main: Callable[[], object], arguments: list[str] | None = None) -> int:
    """Run a program in the folder of its file, close what it left open, and return the exit status."""
    global desk
    folder = Path((arguments or sys.argv)[0]).resolve().parent
    desk = Desk(folder if folder.is_dir() else Path.cwd(), allowed=[Path("/")])
    try:
        with program_state.with_line_end(RC):
            main()
    except EndProgram:
        pass
    except CourrielError as error:
        shown = error.wording.in_(language()) if isinstance(error, ErreurWLangage) else str(error)
        print(shown, file=sys.stderr)
        return SOFTWARE
    finally:
        for name in list(program_state.names):
            for half in program_state.take(name):
                half.close()
        desk.close()
    return 0


def real(value: object) -> float:
    """The value as a real number."""
    return float(to_number(value))


def money(value: object) -> Decimal:
    """The value as a number with exact decimals."""
    found = to_number(value)
    return Decimal(str(found)) if isinstance(found, float) else Decimal(found)


def octets(value: object) -> bytes:
    """The value as octets."""
    return value if isinstance(value, bytes) else to_text(value).encode()


def lines(value: str) -> str:
    """A text over several lines, with the line ends of the WLangage."""
    return value.replace("\n", "\r\n")


def array(convert: Callable[[object], object], items: Iterable[object] = (), *, size: int = 0) -> Array:
    """An array of elements of one type, converted by `convert`: `array(str)`, `array(int, size=10)`."""
    made = Array(_CONVERSIONS.get(convert, convert), convert, items)  # type: ignore[arg-type]
    if size:
        made.resize(size)
    return made


def rows(convert: Callable[[object], object], size: int = 0) -> Callable[..., Array]:
    """The conversion of arrays whose elements are arrays: `array(rows(int, 3), size=2)`."""

    def row(items: Iterable[object] = ()) -> Array:
        return array(convert, items, size=0 if items else size)

    return row


def associative(convert: Callable[[object], object]) -> Associative:
    """An associative array of elements of one type."""
    return Associative(_CONVERSIONS.get(convert, convert), convert)  # type: ignore[arg-type]


def anything(value: object = None) -> object:
    """The conversion of arrays whose elements may be anything."""
    return value


def copied(value: Any) -> Any:
    """A copy of a structure, which is assigned by value, with the arrays in it; anything else itself."""
    if isinstance(value, Array):
        return Array(value.convert, value.empty, map(copied, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: copied(getattr(value, each.name)) for each in fields(value)})
    return value


def between(first: object, value: object, last: object) -> bool:
    """Whether a value lies between two others, both included."""
    return compare("<=", first, value) and compare("<=", value, last)


def part(of: object, first: object = 1, last: object = None, *, length: object = None) -> str:
    """A part of a text, by its first and last place, or its length."""
    whole, begin = to_text(of), max(1, to_integer(first))
    if length is not None:
        return whole[begin - 1 : begin - 1 + max(0, to_integer(length))]
    end = len(whole) if last is None else max(0, to_integer(last))
    return whole[begin - 1 : end]


def with_part(of: object, new: object, first: object = 1, last: object = None) -> str:
    """A text with a part of it replaced."""
    whole, begin = to_text(of), max(1, to_integer(first))
    end = len(whole) if last is None else to_integer(last)
    return whole[: begin - 1] + to_text(new) + whole[max(end, begin - 1) :]


def with_date_part(day: object, name: str, value: object) -> DateText:
    """A date with its year, month or day replaced."""
    changed = _date_with(DateText(to_text(day)), name, value)
    if changed is None:
        raise ErreurWLangage(f"une date n'a pas de membre {name}", f"a date has no member {name}")
    return changed


def counted(first: object, last: object, step: object = 1) -> Iterable[Any]:
    """The numbers of a loop, with decimals too; like `range`, with the last one included."""
    if equal(step, 0):
        raise ErreurWLangage("le pas d'une boucle n'est pas 0", "the step of a loop is not 0")
    sign = "<=" if compare(">", step, 0) else ">="
    now: object = calculate("+", first, 0)
    while compare(sign, now, last):
        yield now
        now = calculate("+", now, step)


def counts(now: object, last: object, step: object) -> bool:
    """Whether a loop that counts has another turn."""
    if equal(step, 0):
        raise ErreurWLangage("le pas d'une boucle n'est pas 0", "the step of a loop is not 0")
    return compare("<=" if compare(">", step, 0) else ">=", now, last)


def parts(of: object, separator: object = "\r\n") -> list[str]:
    """The parts of a text between separators; none of an empty text."""
    whole = to_text(of)
    return whole.split(to_text(separator)) if whole else []


_CONVERSIONS: dict[object, Callable[[object], object]] = {str: to_text, int: to_integer, bool: to_boolean}


def _bound(call: Callable[..., Any], *arguments: object) -> Any:
    """A function that has the desk of the moment."""
    return call(desk, *arguments)


def _register() -> None:
    """The standard functions and constants under all spellings."""
    for function in FUNCTIONS.values():
        call = partial(_bound, function.call) if function.desk else function.call
        for name in function.names:
            globals().setdefault(name, call)
            globals().setdefault(unaccented(name), call)
    for name, value in CONSTANTS.values():
        globals().setdefault(name, value)
        globals().setdefault(unaccented(name), value)


_register()

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


__all__ = [
    "NotOpened", "SharedVariable", "SmtpSession", "add", "alike", "anything", "array", "as_date", "associative",
    "between", "calculate", "compare", "copied", "counted", "date", "equal", "failed", "integer", "less", "lines",
    "login", "message", "method", "moment", "money", "moved", "number", "octets", "part", "parts", "read", "real",
    "rows", "run", "subtract", "text", "time", "true", "with_date_part", "with_part", "write",
]  # fmt: skip
