"""`--trace`: what each statement did, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Expression
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.operations import to_text
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.structures.properties import Structure

HIDDEN = "••••"
_LONGEST = 80


class Trace:
    """Base of traces: it records nothing."""

    def assigned(self, line: int, target: Expression | str, value: object) -> None:
        """Record the value that a variable, element or member got."""

    def called(self, line: int, call: Expression, result: object) -> None:
        """Record the result of a call."""

    def decided(self, line: int, holds: bool) -> None:
        """Record the value of a condition."""


NO_TRACE = Trace()


class PrintedTrace(Trace):
    """A trace printed line by line."""

    def __init__(self, say: Callable[[str], object], secret_names: Iterable[str], secret_values: Iterable[str]) -> None:
        """Print by `say`; variables and members of the secret names are never shown, nor are secret values anywhere."""
        self._say = say
        self._names = {folded(name) for name in secret_names}
        self._values = {value for value in secret_values if value}

    def assigned(self, line: int, target: Expression | str, value: object) -> None:
        """Print the value that a variable, element or member got."""
        name = target if isinstance(target, str) else written(target)
        last = folded(name.rsplit(".", 1)[-1])
        if last in self._names:
            if isinstance(value, str) and len(value) > 2:
                self._values.add(str(value))
            self._line(line, f"{name} = {HIDDEN}")
        else:
            self._line(line, f"{name} = {self._shown(value)}")

    def called(self, line: int, call: Expression, result: object) -> None:
        """Print the name of what was called, and its result if any."""
        function = call.function if isinstance(call, nodes.Call) else call
        end = "" if result is None else f" = {self._shown(result)}"
        self._line(line, f"{written(function)}(…){end}")

    def decided(self, line: int, holds: bool) -> None:
        """Print whether a condition held."""
        self._line(line, "Vrai" if holds else "Faux")

    def _line(self, line: int, text: str) -> None:
        self._say(f"{line:>5}  {text}")

    def _shown(self, value: object) -> str:
        if isinstance(value, bool):
            return "Vrai" if value else "Faux"
        if isinstance(value, Structure) or value is None:
            return repr(value) if value is not None else "Null"
        try:
            text = to_text(value)
        except ErreurWLangage:
            return type(value).__name__
        for secret in self._values:
            text = text.replace(secret, HIDDEN)
        shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
        shown = "".join(each if each.isprintable() else {"\r": "", "\n": "⏎"}.get(each, "·") for each in shown)
        return f'"{shown}"' if isinstance(value, str) else shown


def written(node: Expression) -> str:
    """A name as it may stand in a trace: values of places are left out."""
    match node:
        case nodes.Identifier():
            return node.name
        case nodes.Member():
            return f"{written(node.of)}.{node.name}"
        case nodes.Index():
            return f"{written(node.of)}[…]"
        case nodes.TextPart():
            return f"{written(node.of)}[[…]]"
        case nodes.Parenthesized():
            return written(node.inside)
        case _:
            return "…"
