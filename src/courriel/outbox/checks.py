"""Checks of arguments: each returns a value of the right type, or raises UsageError with the name of the argument."""

from __future__ import annotations

import os
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import TypeVar

from courriel import errors

T = TypeVar("T")

LONGEST = 366 * 86_400.0
"""Seconds: a longer time is most likely a mistake, and no wait of Python takes centuries."""

_SHOWN = 80  # characters of a wrong value


def shown(value: object) -> str:
    """A wrong value for a message: its beginning, in characters that every terminal accepts."""
    try:
        text = ascii(value)
    except Exception:  # noqa: BLE001 - a value whose repr raises, or an integer too long to be written
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def text(name: str, value: object) -> str:
    """A text that a database can store or look for."""
    if not isinstance(value, str) or "\0" in value or not _is_encodable(value):
        raise errors.UsageError(f"{name}: a text, not {shown(value)}")
    return value


def flag(name: str, value: object) -> bool:
    """A boolean argument; 0, 1 and texts are not."""
    if not isinstance(value, bool):
        raise errors.UsageError(f"{name}: True or False, not {shown(value)}")
    return value


def whole(name: str, value: object, what: str, least: int = 1, most: int = 2**31 - 1) -> int:
    """A whole number within limits, for an argument that counts something."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise errors.UsageError(f"{name}: a number of {what} from {least}, not {shown(value)}")
    return min(value, most)


def seconds(name: str, value: object, *, from_zero: bool = True) -> float:
    """A number of seconds, from 0 or above it; a longer time than a year counts as a year."""
    if isinstance(value, int | float) and not isinstance(value, bool) and (value >= 0 if from_zero else value > 0):
        return min(value, LONGEST)
    where = "from 0" if from_zero else "above zero"
    raise errors.UsageError(f"{name}: a number of seconds {where}, not {shown(value)}")


def is_finite(value: float) -> bool:
    """Whether a number is neither infinite, nor not a number, nor too large for a float."""
    try:
        return isfinite(value)
    except OverflowError:
        return False


def several(name: str, values: object, what: str) -> Iterable[object]:
    """Values one after the other; a text is one, and not its characters."""
    if isinstance(values, str | bytes | bytearray) or not isinstance(values, Iterable):
        raise errors.UsageError(f"{name}: several {what}, such as a list, not {shown(values)}")
    return values


def path(name: str, value: object) -> Path:
    """The path of a file."""
    try:
        found = os.fspath(value)  # type: ignore[call-overload]
        if isinstance(found, str) and found and b"\0" not in os.fsencode(found):
            return Path(found)
    except (TypeError, UnicodeEncodeError):
        pass
    raise errors.UsageError(f"{name}: the path of a file, not {shown(value)}")


# The steps.


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
