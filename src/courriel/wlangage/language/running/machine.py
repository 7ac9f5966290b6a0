"""Execution of a program's statements."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from courriel.errors import CourrielError
from courriel.failures import Text
from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.functions.ending import EndProgram
from courriel.wlangage.language.running.expressions import Expressions
from courriel.wlangage.language.running.kinds import VARIANT, Kind, kind_of
from courriel.wlangage.language.running.mail_calls import MailCalls
from courriel.wlangage.language.running.scope import Scope, Variable
from courriel.wlangage.language.running.signals import BreakLoop, ContinueLoop, ReturnValue
from courriel.wlangage.language.running.tracing import NO_TRACE, Trace
from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Procedure, Statement, StructureDeclaration
from courriel.wlangage.language.syntax.program import Program
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.containers import Associative
from courriel.wlangage.language.values.operations import add, calculate, compare, equal, subtract, to_integer, to_text
from courriel.wlangage.problem import ErreurWLangage

DEEPEST = 200
"""Calls of procedures within each other; more is a recursion without an end."""

_FRAMES = 12_000
"""Frames of Python for that many calls, each with blocks and expressions in it."""


_NO_MEMORY = Text("le programme demande trop de mémoire", "the program asks for too much memory")
_TOO_DEEP = Text("trop de niveaux imbriqués", "too many nested levels")  # an array in itself


class ProgramStopped(Exception):
    """An error of the running program that no QUAND EXCEPTION caught; `line` is where it happened."""

    def __init__(self, line: int, text: Text) -> None:
        super().__init__(text.en)
        self.line = line
        self.text = text


class Machine:
    """A program being run: its variables, its procedures, and the line at which it is."""

    def __init__(
        self, program: Program, desk: Desk, *, given: dict[str, object] | None = None, trace: Trace = NO_TRACE
    ) -> None:
        """Prepare a program; `given` are the values of variables that are set from outside, by name."""
        self.line = 0
        self._program = program
        self._procedures: dict[str, Procedure] = {}
        self._structures: dict[str, StructureDeclaration] = {}
        self._globals = Scope()
        self._trace = trace
        self._depth = 0
        self._kinds: dict[int, Kind] = {}
        self._given = {folded(name): value for name, value in (given or {}).items()}
        for name, value in (given or {}).items():
            self._globals.declare(name, VARIANT, value)
        self._expressions = Expressions(desk, self._procedures, self._call, MailCalls(desk), self._globals)
        for node in walk([program.procedures, program.launch]):
            if isinstance(node, Procedure):
                self._procedures[folded(node.name)] = node
            elif isinstance(node, StructureDeclaration):
                self._structures[folded(node.name)] = node
        self._ways: dict[type, Callable[[Any], None]] = {
            nodes.Declare: self._declare,
            nodes.Let: self._let,
            nodes.Extern: self._nothing,
            nodes.Assign: self._assign,
            nodes.Update: self._update,
            nodes.Evaluate: self._evaluate,
            nodes.ReturnStatement: self._return,
            nodes.Break: self._break,
            nodes.Continue: self._continue,
            nodes.If: self._if,
            nodes.ForRange: self._for_range,
            nodes.ForAll: self._for_all,
            nodes.ForParts: self._for_parts,
            nodes.While: self._while,
            nodes.Repeat: self._repeat,
            nodes.Switch: self._switch,
            nodes.When: self._when,
            nodes.Procedure: self._nothing,
            nodes.StructureDeclaration: self._nothing,
            nodes.Constants: self._constants,
            nodes.ScopeMark: self._nothing,
        }

    def run(self) -> None:
        """Run the launch code. Raises ProgramStopped for an error that the program does not catch."""
        with _deep_stack():
            try:
                self._block(self._program.launch)
            except (EndProgram, ReturnValue):
                pass
            except (BreakLoop, ContinueLoop):
                raise ProgramStopped(
                    self.line, Text("SORTIR est hors d'une boucle", "BREAK is outside of a loop")
                ) from None
            except ErreurWLangage as error:
                raise ProgramStopped(self.line, error.wording) from None
            except CourrielError as error:
                raise ProgramStopped(self.line, Text(str(error), str(error))) from None
            except MemoryError:
                raise ProgramStopped(self.line, _NO_MEMORY) from None
            except RecursionError:
                raise ProgramStopped(self.line, _TOO_DEEP) from None

    # Blocks and statements.

    def _block(self, block: list[Statement]) -> None:
        ways = self._ways
        for statement in block:
            self.line = statement.place.line
            ways[type(statement)](statement)

    def _nothing(self, statement: Statement) -> None:
        """A declaration that was read before the first statement ran."""

    def _kind(self, written: nodes.TypeName | None) -> Kind:
        if written is None:
            return VARIANT
        known = self._kinds.get(id(written))
        if known is None:
            known = self._kinds[id(written)] = kind_of(written, self._structures)
        return known

    def _declare(self, statement: nodes.Declare) -> None:
        kind = self._kind(statement.type)
        scope = self._expressions.scope
        for name in statement.names:
            key = folded(name.name)
            if scope is self._globals and key in self._given:
                value: object = kind.convert(self._given[key])
            elif statement.value is not None:
                value = kind.convert(self._expressions.value(statement.value))
            else:
                value = kind.empty()
            scope.declare(name.name, kind, value)
            self._trace.assigned(self.line, name.name, value)

    def _let(self, statement: nodes.Let) -> None:
        key = folded(statement.name.name)
        scope = self._expressions.scope
        if scope is self._globals and key in self._given:
            return
        value = self._expressions.value(statement.value)
        scope.declare(statement.name.name, VARIANT, value, constant=statement.constant)
        self._trace.assigned(self.line, statement.name.name, value)

    def _constants(self, statement: nodes.Constants) -> None:
        for each in statement.constants:
            self._let(each)

    def _assign(self, statement: nodes.Assign) -> None:
        value = self._expressions.value(statement.value)
        self._expressions.assign(statement.target, value)
        self._trace.assigned(self.line, statement.target, value)

    def _update(self, statement: nodes.Update) -> None:
        now, more = self._expressions.value(statement.target), self._expressions.value(statement.value)
        if statement.operator == "+":
            value = add(now, more)
        elif statement.operator == "-":
            value = subtract(now, more)
        else:
            value = calculate(statement.operator, now, more)
        self._expressions.assign(statement.target, value)
        self._trace.assigned(self.line, statement.target, value)

    def _evaluate(self, statement: nodes.Evaluate) -> None:
        line = self.line
        result = self._expressions.statement(statement.call)
        self._trace.called(line, statement.call, result)

    def _return(self, statement: nodes.ReturnStatement) -> None:
        raise ReturnValue(None if statement.value is None else self._expressions.value(statement.value))

    def _break(self, statement: nodes.Break) -> None:
        raise BreakLoop

    def _continue(self, statement: nodes.Continue) -> None:
        raise ContinueLoop

    def _if(self, statement: nodes.If) -> None:
        for condition, block in statement.branches:
            holds = self._expressions.condition(condition)
            self._trace.decided(condition.place.line, holds)
            if holds:
                self._block(block)
                return
        if statement.otherwise is not None:
            self._block(statement.otherwise)

    # Loops.

    def _turn(self, body: list[Statement]) -> bool:
        """Run a loop's body once; whether the loop goes on."""
        try:
            self._block(body)
        except BreakLoop:
            return False
        except ContinueLoop:
            pass
        return True

    def _for_range(self, statement: nodes.ForRange) -> None:
        value = self._expressions.value
        first, last = value(statement.first), value(statement.last)
        step = 1 if statement.step is None else value(statement.step)
        if equal(step, 0):
            raise ErreurWLangage("le pas d'une boucle n'est pas 0", "the step of a loop is not 0")
        variable = self._loop_variable(statement.name)
        upward = compare(">", step, 0)
        now: object = calculate("+", first, 0)
        while compare("<=" if upward else ">=", now, last):
            variable.set(now)
            self._trace.assigned(statement.place.line, statement.name.name, now)
            if not self._turn(statement.body):
                return
            self.line = statement.place.line
            now = calculate("+", variable.value, step)
        variable.set(now)

    def _for_all(self, statement: nodes.ForAll) -> None:
        items = self._expressions.value(statement.of)
        if isinstance(items, Associative):
            pairs: list[tuple[object, object]] = list(items.items())
        elif isinstance(items, str):
            pairs = list(enumerate(items, 1))
        else:
            pairs = list(enumerate(_listed(items), 1))
        element = self._loop_variable(statement.name)
        place = self._loop_variable(statement.place_name) if statement.place_name else None
        for key, item in pairs:
            element.set(item)
            if place is not None:
                place.set(key)
            self._trace.assigned(statement.place.line, statement.name.name, item)
            if not self._turn(statement.body):
                return

    def _for_parts(self, statement: nodes.ForParts) -> None:
        text = to_text(self._expressions.value(statement.of))
        separator = to_text(self._expressions.value(statement.separator)) if statement.separator else "\r\n"
        variable = self._loop_variable(statement.name)
        for part in text.split(separator) if separator and text else [text] if text else []:
            variable.set(part)
            self._trace.assigned(statement.place.line, statement.name.name, part)
            if not self._turn(statement.body):
                return

    def _loop_variable(self, name: nodes.Identifier) -> Variable:
        """The variable of a loop, which need not be declared before."""
        return self._expressions.scope.find(name.name) or self._expressions.scope.declare(name.name)

    def _while(self, statement: nodes.While) -> None:
        while statement.condition is None or self._expressions.condition(statement.condition):
            if not self._turn(statement.body):
                return
            self.line = statement.place.line

    def _repeat(self, statement: nodes.Repeat) -> None:
        for _ in range(max(0, to_integer(self._expressions.value(statement.times)))):
            if not self._turn(statement.body):
                return

    # Cases, exceptions.

    def _switch(self, statement: nodes.Switch) -> None:
        value = self._expressions.value(statement.value)
        for case in statement.cases:
            if any(self._fits(value, wanted) for wanted in case.values):
                self._block(case.body)
                return
        if statement.otherwise is not None:
            self._block(statement.otherwise)

    def _fits(self, value: object, wanted: nodes.CaseValue) -> bool:
        if isinstance(wanted, nodes.CaseTests):
            return all(compare(operator, value, self._expressions.value(than)) for operator, than in wanted.tests)
        if isinstance(wanted, tuple):
            first, last = (self._expressions.value(each) for each in wanted)
            return compare("<=", first, value) and compare("<=", value, last)
        return equal(value, self._expressions.value(wanted))

    def _when(self, statement: nodes.When) -> None:
        depth, scope = self._depth, self._expressions.scope
        try:
            self._block(statement.body)
        except CourrielError:
            # The handler runs inside of this clause, so that ExceptionInfo finds the exception.
            self._depth, self._expressions.scope = depth, scope
            self._block(statement.handler)

    # Procedures.

    def _call(self, procedure: Procedure, given: list[Variable | None]) -> object:
        if len(given) > len(procedure.parameters):
            most = len(procedure.parameters)
            raise ErreurWLangage(
                f"{procedure.name} : {most} argument(s) au plus", f"{procedure.name}: {most} argument(s) at most"
            )
        if self._depth >= DEEPEST:
            raise ErreurWLangage(
                f"{procedure.name} s'appelle sans fin", f"{procedure.name} calls itself without an end"
            )
        scope = Scope(self._globals)
        for number, parameter in enumerate(procedure.parameters):
            self._bind(procedure, parameter, given[number] if number < len(given) else None, scope)
        outer, line = self._expressions.scope, self.line
        self._expressions.scope = scope
        self._depth += 1
        try:
            self._block(procedure.body)
        except ReturnValue as returned:
            return self._kind(procedure.result).convert(returned.value) if procedure.result else returned.value
        except (BreakLoop, ContinueLoop):
            raise ErreurWLangage("SORTIR est hors d'une boucle", "BREAK is outside of a loop") from None
        finally:
            self._depth -= 1
            self._expressions.scope = outer
        self.line = line
        return self._kind(procedure.result).empty() if procedure.result else None

    def _bind(
        self, procedure: Procedure, parameter: nodes.ProcedureParameter, given: Variable | None, scope: Scope
    ) -> None:
        """Give a parameter its value: the caller's own variable where the types agree, else a converted copy."""
        kind = self._kind(parameter.type)
        if given is None:
            if parameter.value is None:
                raise ErreurWLangage(
                    f"{procedure.name} : l'argument {parameter.name} manque",
                    f"{procedure.name}: the argument {parameter.name} is missing",
                )
            scope.declare(parameter.name, kind, kind.convert(self._expressions.value(parameter.value)))
        elif given.name and not parameter.local and not given.constant and kind.name in (given.kind.name, "variant"):
            scope.share(parameter.name, given)
        else:
            scope.declare(parameter.name, kind, kind.convert(given.value))


@contextmanager
def _deep_stack() -> Generator[None]:
    """Room for nested calls, while a program runs."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _listed(items: object) -> list[object]:
    """The elements of what a loop goes through."""
    if isinstance(items, list):
        return list(items)
    try:
        return list(iter(items))  # type: ignore[call-overload]
    except TypeError:
        raise ErreurWLangage("un tableau est attendu après DE", "an array is expected after OF") from None
