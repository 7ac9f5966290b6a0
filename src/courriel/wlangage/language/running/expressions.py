"""Evaluation of expressions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.functions.table import CONSTANTS, FUNCTIONS, Function
from courriel.wlangage.language.running import mail_names, members
from courriel.wlangage.language.running.kinds import VARIANT
from courriel.wlangage.language.running.scope import Scope, Variable
from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Expression, Procedure
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.containers import Array, Associative
from courriel.wlangage.language.values.operations import (
    DateText,
    add,
    calculate,
    compare,
    subtract,
    to_boolean,
    to_integer,
    to_text,
)
from courriel.wlangage.problem import ErreurWLangage
from courriel.wlangage.structures.lists import WList
from courriel.wlangage.structures.properties import Structure


class Caller(Protocol):
    """Function that runs the body of a procedure."""

    def __call__(self, procedure: Procedure, given: list[Variable | None]) -> object:
        """Run it, with a variable for each argument, None for a default."""
        ...


class MailCall(Protocol):
    """Function that calls one of the e-mail functions for the program."""

    def __call__(self, function: Callable[..., object], arguments: list[object]) -> object:
        """Call it."""
        ...


class Expressions:
    """Evaluation of expressions in the scope of the moment."""

    def __init__(
        self, desk: Desk, procedures: dict[str, Procedure], call_procedure: Caller, call_mail: MailCall, scope: Scope
    ) -> None:
        self.scope = scope
        self._desk = desk
        self._procedures = procedures
        self._call_procedure = call_procedure
        self._call_mail = call_mail
        self._ways: dict[type, Callable[[Any], object]] = {
            nodes.Number: lambda node: node.value,
            nodes.String: lambda node: node.value,
            nodes.Identifier: self._name,
            nodes.Call: self._call,
            nodes.Index: self._index,
            nodes.Member: self._member,
            nodes.TextPart: self._part,
            nodes.Operation: self._operation,
            nodes.Compared: self._compared,
            nodes.Negation: lambda node: not self.condition(node.condition),
            nodes.Negative: lambda node: calculate("-", 0, self.value(node.value)),
            nodes.Conditional: lambda node: self.value(node.yes if self.condition(node.condition) else node.no),
            nodes.Indirect: lambda node: self.variable_named(to_text(self.value(node.name))).value,
            nodes.ListOf: self._list,
        }

    def value(self, node: Expression) -> object:
        """The value of an expression."""
        while isinstance(node, nodes.Parenthesized):
            node = node.inside
        return self._ways[type(node)](node)

    def condition(self, node: Expression) -> bool:
        """The value of a condition."""
        return to_boolean(self.value(node))

    def assign(self, target: Expression, value: object) -> None:
        """Put a value into a variable, an element, a member, or a part of a text."""
        match target:
            case nodes.Parenthesized():
                self.assign(target.inside, value)
            case nodes.Identifier():
                self.variable_named(target.name).set(value)
            case nodes.Indirect():
                self.variable_named(to_text(self.value(target.name))).set(value)
            case nodes.Index():
                self._assign_element(target, value)
            case nodes.Member():
                self._assign_member(target, value)
            case nodes.TextPart():
                text, first, last = self._bounds(target)
                self.assign(target.of, text[: first - 1] + to_text(value) + text[last:])
            case _:
                raise ErreurWLangage("ceci ne peut pas recevoir de valeur", "this cannot be assigned to")

    def statement(self, node: Expression) -> object:
        """The value of a call as a statement: a name alone, or a member alone, is called without arguments."""
        if isinstance(node, nodes.Identifier) and self.scope.find(node.name) is None:
            return self._call(nodes.Call(node.place, node, []))
        return self.value(node)

    def variable_named(self, name: str) -> Variable:
        """The variable of a name, which `{}` may have put together."""
        variable = self.scope.find(name)
        if variable is None:
            raise ErreurWLangage(f"il n'y a pas de variable {name}", f"there is no variable {name}")
        return variable

    # Names and calls.

    def _name(self, node: nodes.Identifier) -> object:
        variable = self.scope.find(node.name)
        if variable is not None:
            return variable.value
        key = folded(node.name)
        if key in CONSTANTS:
            return CONSTANTS[key][1]
        if key in self._procedures or key in FUNCTIONS:
            return self._call(nodes.Call(node.place, node, []))
        known = mail_names.by_name().get(key)
        if known is not None and known.kind in ("function", "absent"):
            return self._call(nodes.Call(node.place, node, []))
        return mail_names.thing(node.name)

    def _call(self, node: nodes.Call) -> object:
        function = node.function
        while isinstance(function, nodes.Parenthesized):
            function = function.inside
        if isinstance(function, nodes.Member):
            of = self.value(function.of)
            found = members.method(of, function.name)
            arguments = [self._argument(each) for each in node.arguments]
            return self._call_mail(found, arguments) if isinstance(of, Structure) else found(*arguments)
        if isinstance(function, nodes.Indirect):
            function = nodes.Identifier(function.place, to_text(self.value(function.name)))
        if not isinstance(function, nodes.Identifier):
            raise ErreurWLangage("ceci n'est pas une procédure", "this is no procedure")
        key = folded(function.name)
        if key in self._procedures:
            procedure = self._procedures[key]
            return self._call_procedure(procedure, [self._passed(each) for each in node.arguments])
        if key in FUNCTIONS:
            return self._standard(FUNCTIONS[key], node.arguments)
        found_thing = mail_names.thing(function.name)
        if callable(found_thing):
            return self._call_mail(found_thing, [self._argument(each) for each in node.arguments])
        raise ErreurWLangage(f"il n'y a pas de procédure {function.name}", f"there is no procedure {function.name}")

    def _standard(self, function: Function, arguments: list[Expression | None]) -> object:
        if len(arguments) < function.least or (function.most is not None and len(arguments) > function.most):
            name = function.names[0]
            raise ErreurWLangage(f"{name} : nombre d'arguments", f"{name}: number of arguments")
        values = [
            self._variable_or_value(each) if function.fills(n) else self._argument(each)
            for n, each in enumerate(arguments)
        ]
        return function.call(*((self._desk,) if function.desk else ()), *values)

    def _variable_or_value(self, node: Expression | None) -> object:
        if isinstance(node, nodes.Identifier):
            return self.variable_named(node.name)
        raise ErreurWLangage("une variable est attendue", "a variable is expected")

    def _argument(self, node: Expression | None) -> object:
        return None if node is None else self.value(node)

    def _passed(self, node: Expression | None) -> Variable | None:
        """An argument of a procedure: a variable itself, or a value in a variable of its own."""
        if node is None:
            return None
        if isinstance(node, nodes.Identifier):
            variable = self.scope.find(node.name)
            if variable is not None:
                return variable
        return Variable("", VARIANT, self.value(node))

    # Elements, members, parts.

    def _index(self, node: nodes.Index) -> object:
        value: object = self.value(node.of)
        for place in node.places:
            value = _element(value, self.value(place))
        return value

    def _assign_element(self, target: nodes.Index, value: object) -> None:
        container = self.value(target.of)
        for each in target.places[:-1]:
            container = _element(container, self.value(each))
        place: object = self.value(target.places[-1])
        if isinstance(container, Array | Associative):
            container[place] = value
        elif isinstance(container, WList):
            container[to_integer(place)] = value if isinstance(value, Structure) else to_text(value)
        else:
            raise ErreurWLangage("un tableau est attendu avant [ ]", "an array is expected before [ ]")

    def _member(self, node: nodes.Member) -> object:
        return members.read(self.value(node.of), node.name)

    def _assign_member(self, target: nodes.Member, value: object) -> None:
        of = self.value(target.of)
        if isinstance(of, DateText):
            changed = members.date_with(of, target.name, value)
            if changed is not None:
                self.assign(target.of, changed)
                return
        field = isinstance(target.of, nodes.Identifier) and isinstance(of, str | int | float | Decimal)
        if field and folded(target.name) in members.VALUE_OF_A_FIELD:
            self.assign(target.of, value)
            return
        members.write(of, target.name, value)

    def _part(self, node: nodes.TextPart) -> str:
        text, first, last = self._bounds(node)
        return text[first - 1 : last]

    def _bounds(self, node: nodes.TextPart) -> tuple[str, int, int]:
        """A text, and the places of the first and the last character of its part."""
        text = to_text(self.value(node.of))
        first = 1 if node.first is None else max(1, to_integer(self.value(node.first)))
        if node.length is not None:
            return text, first, first - 1 + max(0, to_integer(self.value(node.length)))
        last = len(text) if node.last is None else to_integer(self.value(node.last))
        return text, first, max(last, first - 1)

    # Operations.

    def _operation(self, node: nodes.Operation) -> object:
        # Sums of many parts lean to the left: they are worked off in a loop, not by recursion.
        waiting: list[nodes.Operation] = []
        left: Expression = node
        while isinstance(left, nodes.Operation):
            waiting.append(left)
            left = left.left
        value = self.value(left)
        for each in reversed(waiting):
            value = self._step(each.operator, value, each.right)
        return value

    def _step(self, operator: str, left: object, right: Expression) -> object:
        match operator:
            case "and":
                return to_boolean(left) and self.condition(right)
            case "or":
                return to_boolean(left) or self.condition(right)
            case "+":
                return add(left, self.value(right))
            case "-":
                return subtract(left, self.value(right))
            case _:
                return calculate(operator, left, self.value(right))

    def _compared(self, node: nodes.Compared) -> bool:
        left = self.value(node.operands[0])
        for operator, operand in zip(node.operators, node.operands[1:], strict=True):
            right = self.value(operand)
            if not compare(operator, left, right):
                return False
            left = right
        return True

    def _list(self, node: nodes.ListOf) -> Array:
        return Array(VARIANT.convert, VARIANT.empty, [self._argument(each) for each in node.items])


def for_mail(value: object) -> object:
    """A value as the e-mail functions take it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if type(value) is not str and isinstance(value, str) and type(value).__module__.endswith("values.operations"):
        return str(value)
    if isinstance(value, Array):
        return [for_mail(each) for each in value]
    return value


def _element(container: object, place: object) -> object:
    if isinstance(container, Array | Associative):
        return container[place]
    if isinstance(container, WList):
        return container[to_integer(place)]
    if isinstance(container, str):
        number = to_integer(place)
        return container[number - 1 : number] if number > 0 else ""
    raise ErreurWLangage("un tableau est attendu avant [ ]", "an array is expected before [ ]")
