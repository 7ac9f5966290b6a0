"""Variables of a running program."""

from __future__ import annotations

from dataclasses import dataclass

from courriel.wlangage.language.running.kinds import VARIANT, Kind
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.problem import ErreurWLangage


@dataclass(slots=True)
class Variable:
    """A variable: its name as declared, its type, its value."""

    name: str
    kind: Kind
    value: object
    constant: bool = False

    def get(self) -> object:
        """The value."""
        return self.value

    def set(self, value: object) -> None:
        """Set the value, converted to the type."""
        if self.constant:
            raise ErreurWLangage(f"{self.name} est une constante", f"{self.name} is a constant")
        self.value = self.kind.convert(value)


class Scope:
    """Variables of a procedure's call, and around them those of the program."""

    def __init__(self, outer: Scope | None = None) -> None:
        self._variables: dict[str, Variable] = {}
        self._outer = outer

    def find(self, name: str) -> Variable | None:
        """The variable of a name, None when there is none."""
        variable = self._variables.get(folded(name))
        if variable is None and self._outer is not None:
            return self._outer.find(name)
        return variable

    def declare(self, name: str, kind: Kind = VARIANT, value: object = None, *, constant: bool = False) -> Variable:
        """Make a variable; one of the same name in this scope is replaced, as a loop declares it again."""
        variable = Variable(name, kind, value, constant)
        self._variables[folded(name)] = variable
        return variable

    def share(self, name: str, variable: Variable) -> None:
        """Make a variable of the caller known under a name: parameters are passed by reference."""
        self._variables[folded(name)] = variable
