"""Translation of statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from courriel.failures import Text
from courriel.wlangage.language.running.members import VALUE_OF_A_FIELD
from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Expression, Procedure, Statement, StructureDeclaration
from courriel.wlangage.language.syntax.problem import ProgramError, Remark
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.translating import static_types
from courriel.wlangage.language.translating.code import SUM, Code, folded_sum, quoted
from courriel.wlangage.language.translating.expressions import ExpressionTranslator
from courriel.wlangage.language.translating.layout import Layout
from courriel.wlangage.language.translating.loop_variables import changed_variables, followed_variables
from courriel.wlangage.language.translating.names import Names
from courriel.wlangage.language.translating.session_nodes import Sending, WithSession
from courriel.wlangage.language.translating.session_statements import SessionStatements
from courriel.wlangage.language.translating.static_types import ANY, NUMBERS, Declared

_ANYTHING = Declared(ANY, "None", "", "object")


class StatementTranslator:
    """Translation of the statements of one program."""

    def __init__(
        self,
        layout: Layout,
        names: Names,
        expressions: ExpressionTranslator,
        structures: dict[str, StructureDeclaration],
        tree: object,
    ) -> None:
        self._followed = followed_variables(tree)
        self._changed = changed_variables(tree)
        self._onward: list[str] = []  # of the loops around, the innermost last
        self._layout = layout
        self._names = names
        self._expressions = expressions
        self._structures = structures
        self._result = ANY
        self._globals: set[str] = set()
        self._ways: dict[type, Callable[[Any], None]] = {
            nodes.Declare: self._declare,
            nodes.Let: self._let,
            nodes.Extern: lambda node: None,
            nodes.Assign: self._assign,
            nodes.Update: self._update,
            nodes.Evaluate: lambda node: self._write(self._expressions.code(node.call).text),
            nodes.ReturnStatement: self._return,
            nodes.Break: lambda node: self._write("break"),
            nodes.Continue: self._continue,
            nodes.If: self._if,
            nodes.ForRange: self._for_range,
            nodes.ForAll: self._for_all,
            nodes.ForParts: self._for_parts,
            nodes.While: self._while,
            nodes.Repeat: self._repeat,
            nodes.Switch: self._switch,
            nodes.When: self._when,
            nodes.Procedure: lambda node: None,
            nodes.StructureDeclaration: lambda node: None,
            nodes.Constants: lambda node: self.block(node.constants),
            nodes.ScopeMark: lambda node: None,
        }
        sessions = SessionStatements(layout, names, expressions, self._inside)
        self._ways |= {WithSession: sessions.session, Sending: sessions.sending}

    def block(self, statements: Sequence[Statement], end: int = 0) -> None:
        """Write a block; `end` is the line of the source that closes it, before which its last comments stand."""
        begun = len(self._layout.lines)
        for statement in statements:
            self._layout.reach(statement.place.line)
            self._ways[type(statement)](statement)
            if not hasattr(statement, "end"):
                self._layout.trail(_last_line(statement))
        if end:
            self._layout.reach(end, blank=False)
        if all(not line.strip() or line.strip().startswith("#") for line in self._layout.lines[begun:]):
            self._write("pass")

    def procedure(self, procedure: Procedure, program_types: dict[str, Declared], assigned_globals: list[str]) -> None:
        """Write the function of a procedure."""
        types = dict(program_types)
        parameters = []
        changed = self._expressions.references.get(folded(procedure.name), set())
        outer_boxed = set(self._expressions.boxed)
        for number, parameter in enumerate(procedure.parameters):
            key = folded(parameter.name)
            self._expressions.boxed.discard(key)
            kind = static_types.declared(parameter.type, self._structures) if parameter.type else _ANYTHING
            types[key] = kind
            spelled = self._names.declare(parameter.name)
            if number in changed:
                self._expressions.boxed.add(key)
                parameters.append(f"{spelled}: wl.SharedVariable")
                continue
            default = f" = {self._expressions.code(parameter.value).text}" if parameter.value is not None else ""
            parameters.append(f"{spelled}: {kind.annotation}{default}" if kind.annotation else f"{spelled}{default}")
        result = static_types.declared(procedure.result, self._structures) if procedure.result else None
        self._result = result.name if result else ANY
        returns = result.annotation if result else "object" if _returns_value(procedure) else "None"
        self._write(f"def {self._names.declare(procedure.name)}({', '.join(parameters)}) -> {returns}:")
        self._layout.trail(procedure.place.line)
        self._expressions.types = types
        with_body = [each for each in procedure.body if not isinstance(each, nodes.StructureDeclaration)]
        self._layout.depth += 1
        if assigned_globals:
            self._write(f"global {', '.join(assigned_globals)}")
        self.block(with_body, procedure.end)
        if result and not isinstance(with_body[-1] if with_body else None, nodes.ReturnStatement):
            self._write(f"return {result.first}")
        self._layout.depth -= 1
        self._expressions.boxed = outer_boxed

    def structure(self, structure: StructureDeclaration) -> None:
        """Write a structure as a data class."""
        self._expressions.needs.add("dataclass")
        self._write("@dataclass")
        self._write(f"class {structure.name}:")
        self._layout.depth += 1
        for member in structure.members:
            kind = static_types.declared(member.type, self._structures)
            for name in member.names:
                first = kind.first
                if first.endswith(")") and kind.annotation not in ("Decimal", "str"):
                    self._expressions.needs.add("field")
                    first = f"field(default_factory=lambda: {first})"
                self._write(f"{name.name}: {kind.annotation or 'object'} = {first}")
            self._layout.trail(member.place.line)
        self._layout.depth -= 1

    # Simple statements.

    def _write(self, text: str) -> None:
        self._layout.write(text)

    def _put(self, before: str, value: Code) -> None:
        self._write(folded_sum(before, value, self._layout.depth))

    def _declare(self, statement: nodes.Declare) -> None:
        kind = static_types.declared(statement.type, self._structures)
        if kind.name == "Decimal":
            self._expressions.needs.add("Decimal")
        for name in statement.names:
            value = kind.first
            if statement.value is not None:
                value = self._expressions.converted(self._expressions.code(statement.value), kind.name).text
            self._expressions.types[folded(name.name)] = kind
            self._set_variable(name.name, value, kind)

    def _set_variable(self, name: str, value: str, kind: Declared) -> None:
        spelled = self._names.declare(name)
        if folded(name) in self._expressions.boxed:
            convert = f", {kind.convert}" if kind.convert else ""
            self._write(f"{spelled} = wl.SharedVariable({value}{convert})")
        else:
            self._write(f"{spelled} = {value}")

    def _let(self, statement: nodes.Let) -> None:
        code = self._expressions.code(statement.value)
        kind = Declared(code.type, "None")
        self._expressions.types[folded(statement.name.name)] = kind
        self._set_variable(statement.name.name, code.text, kind)

    def _assign(self, statement: nodes.Assign) -> None:
        self._assigned(statement.target, self._expressions.code(statement.value))

    def _assigned(self, target: Expression, value: Code) -> None:
        while isinstance(target, nodes.Parenthesized):
            target = target.inside
        match target:
            case nodes.Identifier() if folded(target.name) in self._expressions.types:
                kind = self._expressions.types[folded(target.name)]
                converted = self._expressions.converted(value, kind.name)
                self._put(f"{self._expressions.variable(target.name)} = ", converted)
            case nodes.Index():
                place = self._expressions.code(target)
                self._put(f"{place.text} = ", self._expressions.converted(value, place.type))
            case nodes.Member():
                self._assign_member(target, value)
            case nodes.TextPart():
                self._assign_part(target, value)
            case _:
                text = Text("cette affectation ne se traduit pas", "this assignment cannot be translated")
                raise ProgramError(Remark(target.place, text))

    def _assign_member(self, target: nodes.Member, value: Code) -> None:
        of = self._expressions.code(target.of)
        if folded(target.name) in VALUE_OF_A_FIELD and (of.type in NUMBERS or of.type in ("str", "date", "bool")):
            self._assigned(target.of, value)
        elif of.type == "date":
            self._assigned(target.of, Code(f'wl.with_date_part({of.text}, "{target.name}", {value.text})', "date"))
        elif of.type.startswith(("mail:", "record:")):
            member = self._expressions.code(target)
            wanted = "str" if member.type == "texts" and value.type not in (ANY, "texts") else member.type
            if value.type.startswith(("array", "texts")):
                wanted = ANY
            self._put(f"{member.text} = ", self._expressions.converted(value, wanted))
        else:
            self._write(f'wl.write({of.text}, "{target.name}", {value.text})')

    def _assign_part(self, target: nodes.TextPart, value: Code) -> None:
        of = self._expressions.code(target.of)
        bounds = [] if target.first is None else [self._expressions.code(target.first).text]
        if target.last is not None:
            last = self._expressions.code(target.last).text
            bounds.append(last if bounds else f"last={last}")
        given = ", ".join([of.text, value.text, *bounds])
        self._assigned(target.of, Code(f"wl.with_part({given})", "str"))

    def _update(self, statement: nodes.Update) -> None:
        target = self._expressions.code(statement.target)
        value = self._expressions.code(statement.value)
        plain = target.type in NUMBERS and value.type in ("int", target.type) and statement.operator != "/"
        texts = target.type == "str" and value.type == "str" and statement.operator == "+"
        if (plain or texts) and isinstance(statement.target, nodes.Identifier | nodes.Index):
            self._write(f"{target.text} {statement.operator}= {value.text}")
            return
        operation = nodes.Operation(statement.place, statement.operator, statement.target, statement.value)
        self._assigned(statement.target, self._expressions.code(operation))

    def _return(self, statement: nodes.ReturnStatement) -> None:
        if statement.value is None:
            self._write("return")
            return
        self._put("return ", self._expressions.converted(self._expressions.code(statement.value), self._result))

    # Blocks.

    def _inside(self, statements: Sequence[Statement], end: int = 0) -> None:
        self._layout.depth += 1
        self.block(statements, end)
        self._layout.depth -= 1

    def _if(self, statement: nodes.If) -> None:
        word = "if"
        for number, (condition, body) in enumerate(statement.branches):
            self._write(f"{word} {self._expressions.condition(condition).text}:")
            self._layout.trail(_last_line(condition))
            following = (
                statement.branches[number + 1][0].place.line if number + 1 < len(statement.branches)
                else self._layout.otherwise(statement.otherwise[0].place.line, condition.place.line)
                if statement.otherwise else statement.end
            )  # fmt: skip
            self._inside(body, following)
            word = "elif"
        if statement.otherwise:
            self._write("else:")
            self._inside(statement.otherwise, statement.end)

    def _for_range(self, statement: nodes.ForRange) -> None:
        first, last = self._expressions.code(statement.first), self._expressions.code(statement.last)
        step = self._expressions.code(statement.step) if statement.step else None
        key = folded(statement.name.name)
        if key in self._followed or key in self._expressions.boxed:
            self._for_followed(statement, first, last, step or Code("1", "int"))
            return
        whole = first.type == last.type == "int" and (step is None or isinstance(statement.step, nodes.Number))
        self._loop_variable(statement.name, "int" if first.type == "int" else ANY)
        target = self._expressions.variable(statement.name.name)
        if whole:
            end = str(int(last.text) + 1) if last.text.isdecimal() else f"{last.at(SUM)} + 1"
            begin = "" if first.text == "0" and step is None else f"{first.text}, "
            self._write(f"for {target} in range({begin}{end}{f', {step.text}' if step else ''}):")
        else:
            self._write(f"for {target} in wl.counted({first.text}, {last.text}{f', {step.text}' if step else ''}):")
        self._layout.trail(statement.place.line)
        self._loop(statement.body, statement.end)

    def _for_followed(self, statement: nodes.ForRange, first: Code, last: Code, step: Code) -> None:
        """A loop whose variable is changed in its body, or looked at outside: written out, as WLangage counts."""
        name = statement.name.name
        key = folded(name)
        plain = first.type == last.type == "int" and step.text.removeprefix("-").isdecimal() and step.text != "0"
        is_new = key not in self._expressions.types
        # What is assigned to a variable without a type may be anything.
        self._loop_variable(statement.name, "int" if plain and key not in self._changed else ANY)
        kind = self._expressions.types[key]
        plain = plain and kind.name == "int"
        if first.type != "int":
            first = Code(f'wl.calculate("+", {first.text}, 0)')
        begin = self._expressions.converted(first, kind.name).text
        boxed = key in self._expressions.boxed
        target = self._expressions.variable(name)
        names, values = [target], [begin]
        if is_new and boxed:
            names, values = [self._names.declare(name)], [f"wl.SharedVariable({begin})"]
        # All three are looked at before the first turn, in this order.
        bounds = []
        for suffix, bound in (("last", last), ("step", step)):
            if bound.text.removeprefix("-").isdecimal():
                bounds.append(bound.text)
                continue
            bounds.append(self._names.fresh(f"{name}_{suffix}"))
            names.append(bounds[-1])
            values.append(bound.text)
        self._write(f"{', '.join(names)} = {', '.join(values)}")
        if plain:
            self._write(f"while {target} {'>=' if step.text.startswith('-') else '<='} {bounds[0]}:")
            onward = f"{target} {'-' if step.text.startswith('-') else '+'}= {step.text.removeprefix('-')}"
        else:
            self._write(f"while wl.counts({target}, {', '.join(bounds)}):")
            further = self._expressions.converted(Code(f'wl.calculate("+", {target}, {bounds[1]})'), kind.name)
            onward = f"{target} = {further.text}"
        self._layout.trail(statement.place.line)
        self._loop(statement.body, statement.end, onward)

    def _loop(self, body: list[Statement], end: int, onward: str = "") -> None:
        """The body of a loop; `onward` is what has to be done before its next turn."""
        self._onward.append(onward)
        self._inside(body, end)
        self._onward.pop()
        if onward:
            self._layout.depth += 1
            self._write(onward)
            self._layout.depth -= 1

    def _continue(self, statement: nodes.Continue) -> None:
        if self._onward and self._onward[-1]:
            self._write(self._onward[-1])
        self._write("continue")

    def _loop_variable(self, name: nodes.Identifier, kind: str) -> None:
        self._expressions.types.setdefault(folded(name.name), Declared(kind, "None"))

    def _for_all(self, statement: nodes.ForAll) -> None:
        of = self._expressions.code(statement.of)
        element = of.type.partition(":")[2] if of.type.startswith(("array", "associative")) else ANY
        self._loop_variable(statement.name, "str" if of.type == "texts" else element)
        target = self._expressions.variable(statement.name.name)
        source = f"list({of.text})"
        if of.type.startswith("associative"):
            source, target = f"list({of.text}.items())", f"{self._place(statement)}, {target}"
        elif statement.place_name is not None:
            source, target = f"enumerate({source}, 1)", f"{self._place(statement)}, {target}"
        self._write(f"for {target} in {source}:")
        self._layout.trail(statement.place.line)
        self._loop(statement.body, statement.end)

    def _place(self, statement: nodes.ForAll) -> str:
        if statement.place_name is None:
            return "_"
        self._loop_variable(statement.place_name, "int")
        return self._expressions.variable(statement.place_name.name)

    def _for_parts(self, statement: nodes.ForParts) -> None:
        of = self._expressions.code(statement.of)
        self._loop_variable(statement.name, "str")
        target = self._expressions.variable(statement.name.name)
        given = f", {self._expressions.code(statement.separator).text}" if statement.separator else ""
        self._write(f"for {target} in wl.parts({of.text}{given}):")
        self._layout.trail(statement.place.line)
        self._loop(statement.body, statement.end)

    def _while(self, statement: nodes.While) -> None:
        condition = "True" if statement.condition is None else self._expressions.condition(statement.condition).text
        self._write(f"while {condition}:")
        self._layout.trail(statement.place.line)
        self._loop(statement.body, statement.end)

    def _repeat(self, statement: nodes.Repeat) -> None:
        times = self._expressions.converted(self._expressions.code(statement.times), "int").text
        self._write(f"for _ in range({times}):")
        self._layout.trail(statement.place.line)
        self._loop(statement.body, statement.end)

    def _switch(self, statement: nodes.Switch) -> None:
        value = self._expressions.code(statement.value)
        constants = all(self._is_constant(each, value.type) for case in statement.cases for each in case.values)
        if constants and value.type in ("int", "str"):
            self._match(statement, value)
            return
        self._write(f"chosen = {value.text}")
        word = "if"
        for case in statement.cases:
            tests = []
            for each in case.values:
                if isinstance(each, nodes.CaseTests):
                    compared = [f"wl.compare({quoted(operator)}, chosen, {self._expressions.code(than).text})"
                                for operator, than in each.tests]  # fmt: skip
                    tests.append(" and ".join(compared))
                elif isinstance(each, tuple):
                    first, last = (self._expressions.code(bound).text for bound in each)
                    tests.append(f"wl.between({first}, chosen, {last})")
                else:
                    tests.append(self._equals(value, self._expressions.code(each)))
            self._write(f"{word} {' or '.join(tests)}:")
            self._inside(case.body)
            word = "elif"
        if statement.otherwise:
            self._write("else:" if word == "elif" else "if True:")
            self._inside(statement.otherwise)

    def _equals(self, value: Code, wanted: Code) -> str:
        """A test of `chosen`, which has the type of the value."""
        if (value.type in NUMBERS and wanted.type in NUMBERS) or value.type == wanted.type == "str":
            return f"chosen == {wanted.at(SUM)}"
        return f"wl.equal(chosen, {wanted.text})"

    def _match(self, statement: nodes.Switch, value: Code) -> None:
        """`match` for values that Python has as literals."""
        self._write(f"match {value.text}:")
        self._layout.depth += 1
        for case in statement.cases:
            patterns = " | ".join(
                self._expressions.code(each).text
                for each in case.values
                if not isinstance(each, tuple | nodes.CaseTests)
            )
            self._write(f"case {patterns}:")
            self._inside(case.body)
        if statement.otherwise:
            self._write("case _:")
            self._inside(statement.otherwise)
        self._layout.depth -= 1

    def _is_constant(self, value: nodes.CaseValue, kind: str) -> bool:
        # A name alone would be a pattern that takes everything: only literals fit, of the type of what is looked at.
        return isinstance(value, nodes.Number | nodes.String) and self._expressions.code(value).type == kind

    def _when(self, statement: nodes.When) -> None:
        self._write("try:")
        self._inside(statement.body)
        self._write("except ErreurWLangage:")
        self._inside(statement.handler, statement.end)


def _returns_value(procedure: Procedure) -> bool:
    return any(isinstance(node, nodes.ReturnStatement) and node.value is not None for node in walk(procedure.body))


def _last_line(node: object) -> int:
    return max((each.place.line for each in walk(node)), default=0)
