"""Table of the standard functions: each with its French and English names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from courriel.wlangage.language.syntax.words import folded

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Function:
    """A standard function: its names, what it does, how many arguments it takes (`most` None: any number)."""

    names: tuple[str, ...]
    call: Callable[..., Any]
    least: int
    most: int | None
    desk: bool
    """Whether its first argument is the program's `Desk`: output, answers, files."""
    filled: frozenset[int] = frozenset()
    """Places of arguments, from 0, that are variables to be filled."""

    def fills(self, place: int) -> bool:
        """Whether the argument of a place, from 0, is a variable that the function fills."""
        return place in self.filled


FUNCTIONS: dict[str, Function] = {}
"""Functions by folded name."""

CONSTANTS: dict[str, tuple[str, object]] = {}
"""Constants by folded name: the name as written, and the value."""


def function(*names: str, desk: bool = False, fills: tuple[int, ...] = ()) -> Callable[[F], F]:
    """Decorator: register a standard function under these names, the French one first."""

    def register(call: F) -> F:
        parameters = list(inspect.signature(call).parameters.values())[1 if desk else 0 :]
        least = sum(each.default is each.empty and each.kind is not each.VAR_POSITIONAL for each in parameters)
        many = any(each.kind is each.VAR_POSITIONAL for each in parameters)
        made = Function(names, call, least, None if many else len(parameters), desk, frozenset(fills))
        for name in names:
            FUNCTIONS[folded(name)] = made
        return call

    return register


def constant(value: object, *names: str) -> None:
    """Register a constant under these names."""
    for name in names:
        CONSTANTS[folded(name)] = (name, value)
