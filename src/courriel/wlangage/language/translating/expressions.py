"""Translation of expressions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from courriel.failures import Text
from courriel.wlangage.language.functions.table import CONSTANTS, FUNCTIONS
from courriel.wlangage.language.running import mail_names
from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Expression, Procedure, StructureDeclaration
from courriel.wlangage.language.syntax.problem import ProgramError, Remark
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.translating import static_types
from courriel.wlangage.language.translating.code import (
    AND,
    CALL,
    COMPARISON,
    CONDITIONAL,
    NOT,
    OR,
    POWER,
    PRODUCT,
    SUM,
    UNARY,
    Code,
    quoted,
)
from courriel.wlangage.language.translating.joining import join_texts
from courriel.wlangage.language.translating.names import Names, standard
from courriel.wlangage.language.translating.static_types import ANY, NUMBERS, Declared
from courriel.wlangage.problem import UnknownProperty

_SIGNS = {"=": "==", "<>": "!=", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_CONVERSIONS = {
    "str": "wl.text", "int": "wl.integer", "float": "wl.real", "Decimal": "wl.money", "bool": "wl.true",
    "date": "wl.date", "bytes": "wl.octets",
}  # fmt: skip
_MOST_OPERATIONS = 1000  # each is a level of the tree that Python makes of them


class ExpressionTranslator:
    """Translation of the expressions of one program; `types` are those of the variables in the scope of the moment."""

    def __init__(
        self, names: Names, procedures: dict[str, Procedure], structures: dict[str, StructureDeclaration]
    ) -> None:
        self.types: dict[str, Declared] = {}
        self.boxed: set[str] = set()
        self.references: dict[str, set[int]] = {}
        self.needs: set[str] = set()
        self._names = names
        self._procedures = procedures
        self._structures = structures
        self._ways: dict[type, Callable[[Any], Code]] = {
            nodes.Number: self._number,
            nodes.String: self._string,
            nodes.Identifier: self._name,
            nodes.Call: self._call,
            nodes.Index: self._index,
            nodes.Member: self._member,
            nodes.TextPart: self._part,
            nodes.Operation: self._operation,
            nodes.Compared: self._compared,
            nodes.Negation: lambda node: Code(f"not {self.condition(node.condition).at(NOT)}", "bool", NOT),
            nodes.Negative: self._negative,
            nodes.Conditional: self._conditional,
            nodes.Indirect: self._indirect,
            nodes.ListOf: self._list,
        }

    def code(self, node: Expression) -> Code:
        """The Python of an expression."""
        while isinstance(node, nodes.Parenthesized):
            node = node.inside
        try:
            return self._ways[type(node)](node)
        except UnknownProperty as unknown:
            raise ProgramError(Remark(node.place, unknown.wording)) from None

    def condition(self, node: Expression) -> Code:
        """The Python of a condition."""
        return self.converted(self.code(node), "bool")

    def converted(self, code: Code, wanted: str) -> Code:
        """The code with a conversion to a type, where its own type is another."""
        if wanted.startswith("record:") and not code.text.endswith("()"):
            return Code(f"wl.copied({code.text})", wanted)
        if wanted.startswith("array:"):
            # An array is assigned by value, in the type of its elements.
            items = code.text.removeprefix("wl.array(wl.anything, ").removesuffix(")") if _is_list(code) else code.text
            return Code(f"wl.array({static_types.element_maker(wanted)}, {items})", wanted)
        if wanted in (code.type, ANY) or wanted not in _CONVERSIONS:
            return code
        if wanted == "str" and code.type == "date":
            return code
        if wanted == "Decimal":
            self.needs.add("Decimal")
            if code.type == "int":
                return Code(f"Decimal({code.text})", "Decimal")
        if wanted == "float" and code.type == "int":
            return code
        return Code(f"{_CONVERSIONS[wanted]}({code.text})", wanted)

    def variable(self, name: str) -> str:
        """The Python name of a variable, with `.value` where procedures change it for their callers."""
        spelled = self._names.declare(name)
        return f"{spelled}.value" if folded(name) in self.boxed else spelled

    # Simple ones.

    def _number(self, node: nodes.Number) -> Code:
        if isinstance(node.value, Decimal):
            self.needs.add("Decimal")
            return Code(f'Decimal("{node.value}")', "Decimal")
        return Code(str(node.value), "int")

    def _string(self, node: nodes.String) -> Code:
        if node.lines and '"""' not in node.value and "\\" not in node.value and not node.value.endswith('"'):
            # Line by line as it was written.
            return Code(f'wl.lines("""\\\n{node.value}""")'.replace("\r\n", "\n"), "str")
        return Code(quoted(node.value), "str")

    def _name(self, node: nodes.Identifier) -> Code:
        key = folded(node.name)
        if key in self.types:
            return Code(self.variable(node.name), self.types[key].name)
        if key in CONSTANTS or (key in mail_names.by_name() and key not in FUNCTIONS and not self._is_function(key)):
            return Code(standard(node.name), static_types.of_constant(node.name))
        return self._call(nodes.Call(node.place, node, []))

    def _is_function(self, key: str) -> bool:
        return mail_names.by_name()[key].kind in ("function", "absent")

    def _negative(self, node: nodes.Negative) -> Code:
        inner = self.code(node.value)
        if inner.type in NUMBERS:
            return Code(f"-{inner.at(UNARY)}", inner.type, UNARY)
        return Code(f'wl.calculate("-", 0, {inner.text})', ANY)

    def _conditional(self, node: nodes.Conditional) -> Code:
        yes, no = self.code(node.yes), self.code(node.no)
        kind = yes.type if yes.type == no.type else ANY
        return Code(
            f"{yes.at(OR)} if {self.condition(node.condition).at(OR)} else {no.at(CONDITIONAL)}", kind, CONDITIONAL
        )

    def _indirect(self, node: nodes.Indirect) -> Code:
        text = Text("un nom calculé { } ne se traduit pas", "a name that is put together { } cannot be translated")
        raise ProgramError(Remark(node.place, text))

    def _list(self, node: nodes.ListOf) -> Code:
        items = ", ".join("None" if each is None else self.code(each).text for each in node.items)
        return Code(f"wl.array(wl.anything, [{items}])", "array:any")

    # Calls.

    def _call(self, node: nodes.Call) -> Code:
        function = node.function
        while isinstance(function, nodes.Parenthesized):
            function = function.inside
        if isinstance(function, nodes.Member):
            return self._method(function, node.arguments)
        if not isinstance(function, nodes.Identifier):
            text = Text("ceci ne s'appelle pas", "this cannot be called")
            raise ProgramError(Remark(node.place, text))
        key = folded(function.name)
        if key in self._procedures:
            return self._own(self._procedures[key], node.arguments)
        if key in FUNCTIONS:
            fills = FUNCTIONS[key].fills
            arguments = [self._box(each) if fills(n) else self._argument(each) for n, each in enumerate(node.arguments)]
            return Code(f"{standard(function.name)}({', '.join(arguments)})", static_types.of_function(function.name))
        arguments = [self._mail_argument(each) for each in node.arguments]
        return Code(f"{standard(function.name)}({', '.join(arguments)})", static_types.of_function(function.name))

    def _own(self, procedure: Procedure, given: list[Expression | None]) -> Code:
        """A call of a procedure of the program: arguments in the types of its parameters."""
        changed = self.references.get(folded(procedure.name), set())
        arguments: list[str] = []
        for number, parameter in enumerate(procedure.parameters):
            node = given[number] if number < len(given) else None
            if node is None:
                if number < len(given):
                    arguments.append(self._default(parameter))
                continue
            if number in changed:
                arguments.append(self._box(node))
                continue
            kind = static_types.declared(parameter.type, self._structures).name if parameter.type else ANY
            code = self.code(node)
            # A structure is passed by reference, not copied.
            arguments.append(code.text if kind == code.type else self.converted(code, kind).text)
        result = static_types.declared(procedure.result, self._structures).name if procedure.result else ANY
        return Code(f"{self._names.declare(procedure.name)}({', '.join(arguments)})", result)

    def _default(self, parameter: nodes.ProcedureParameter) -> str:
        return "None" if parameter.value is None else self.code(parameter.value).text

    def _box(self, node: Expression | None) -> str:
        """A variable that is changed for the caller; a value in one of its own."""
        if isinstance(node, nodes.Identifier) and folded(node.name) in self.boxed:
            return self._names.declare(node.name)
        return f"wl.SharedVariable({'None' if node is None else self.code(node).text})"

    def _argument(self, node: Expression | None) -> str:
        return "None" if node is None else self.code(node).text

    def _mail_argument(self, node: Expression | None) -> str:
        if node is None:
            return "None"
        code = self.code(node)
        return f"int({code.text})" if code.type == "Decimal" else code.text

    def _method(self, function: nodes.Member, given: list[Expression | None]) -> Code:
        of = self.code(function.of)
        arguments = [self._argument(each) for each in given]
        if of.type.startswith("mail:"):
            name = static_types.property_name(of.type, function.name)
            return Code(f"{of.at(CALL)}.{name}({', '.join(arguments)})", ANY)
        behind = self._behind(of.type, function.name)
        if behind is not None:
            return Code(f"wl.{behind}({', '.join([of.text, *arguments])})", static_types.of_function(behind))
        return Code(f"wl.method({of.text}, {quoted(function.name)})({', '.join(arguments)})", ANY)

    def _behind(self, kind: str, name: str) -> str | None:
        """The standard function that is written behind a value of a known type."""
        lists = kind == "texts" or kind.startswith(("array", "associative"))
        if not lists and kind not in ("str", "date", *NUMBERS):
            return None
        for prefix in ("tableau", "array", "") if lists else ("", "chaine", "string", "date"):
            found = FUNCTIONS.get(prefix + folded(name))
            if found is not None and not found.desk:
                return next(each for each in found.names if folded(each) == prefix + folded(name))
        return None

    # Elements, members, parts.

    def _index(self, node: nodes.Index) -> Code:
        of = self.code(node.of)
        if of.type in ("str", ANY) and len(node.places) == 1 and of.type == "str":
            place = self.code(node.places[0]).text
            return Code(f"wl.part({of.text}, {place}, {place})", "str")
        element = of.type
        for _ in node.places:
            element = element.partition(":")[2] if element.startswith(("array", "associative")) else ANY
        if of.type == "texts":
            element = "str" if not _is_attached(node.of) else ANY
        places = "".join(f"[{self.code(place).text}]" for place in node.places)
        return Code(f"{of.at(CALL)}{places}", element)

    def _member(self, node: nodes.Member) -> Code:
        of = self.code(node.of)
        if of.type.startswith("mail:"):
            name = static_types.property_name(of.type, node.name)
            return Code(f"{of.at(CALL)}.{name}", static_types.of_property(of.type, node.name))
        if of.type.startswith("record:"):
            return self._record_member(of, node.name)
        behind = self._behind(of.type, node.name)
        if behind is not None:
            return Code(f"wl.{behind}({of.text})", static_types.of_function(behind))
        return Code(f"wl.read({of.text}, {quoted(node.name)})", ANY)

    def _record_member(self, of: Code, name: str) -> Code:
        structure = self._structures[folded(of.type.partition(":")[2])]
        for member in structure.members:
            for each in member.names:
                if folded(each.name) == folded(name):
                    return Code(f"{of.at(CALL)}.{each.name}", static_types.declared(member.type, self._structures).name)
        return Code(f"{of.at(CALL)}.{name}", ANY)

    def _part(self, node: nodes.TextPart) -> Code:
        given = [self.code(node.of).text]
        if node.first is not None:
            given.append(self.code(node.first).text)
        if node.length is not None:
            given.append(f"length={self.code(node.length).text}")
        elif node.last is not None:
            given.append(f"last={self.code(node.last).text}" if node.first is None else self.code(node.last).text)
        return Code(f"wl.part({', '.join(given)})", "str")

    # Operations.

    def _operation(self, node: nodes.Operation) -> Code:
        operands: list[tuple[str, Expression]] = []
        first: Expression = node
        while isinstance(first, nodes.Operation):
            operands.append((first.operator, first.right))
            first = first.left
        value = self.code(first)
        applied = 0
        joined: list[Code] = []  # the parts of a text being joined
        for operator, right in reversed(operands):
            other = self.code(right)
            if operator == "+" and not joined and "str" in (value.type, other.type):
                joined = [value, other]
                value = Code("", "str", SUM)
            elif operator == "+" and joined:
                joined.append(other)
            else:
                value = self._applied(operator, join_texts(joined) if joined else value, other, right)
                applied += operator not in ("and", "or")
                joined = []
        value = join_texts(joined) if joined else value
        if max(applied, len(value.summands)) > _MOST_OPERATIONS:
            text = Text(
                f"plus de {_MOST_OPERATIONS} opérations dans une expression : Python ne les lirait pas",
                f"more than {_MOST_OPERATIONS} operations in one expression: Python would not read them",
            )
            raise ProgramError(Remark(node.place, text))
        return value

    def _applied(self, operator: str, left: Code, right: Code, node: Expression) -> Code:
        if operator in ("and", "or"):
            level = AND if operator == "and" else OR
            sides = self.converted(left, "bool"), self.converted(right, "bool")
            return Code(f"{sides[0].at(level)} {operator} {sides[1].at(level + 1)}", "bool", level)
        exact = left.type in ("int", "Decimal") and right.type in ("int", "Decimal")
        numbers = left.type in NUMBERS and right.type in NUMBERS
        same = numbers and (exact or left.type == right.type or "int" in (left.type, right.type))
        if operator in "+-*" and same:
            level = PRODUCT if operator == "*" else SUM
            kind = left.type if left.type != "int" else right.type
            return Code(f"{left.at(level)} {operator} {right.at(level + 1)}", kind, level)
        if operator == "%" and left.type == right.type == "int" and isinstance(node, nodes.Number) and node.value:
            return Code(f"{left.at(PRODUCT)} % {right.at(POWER)}", "int", PRODUCT)
        function = {"+": "wl.add", "-": "wl.subtract"}.get(operator)
        if function is None:
            return Code(f"wl.calculate({quoted(operator)}, {left.text}, {right.text})", ANY)
        return Code(
            f"{function}({left.text}, {right.text})", "date" if left.type == "date" and operator == "+" else ANY
        )

    def _compared(self, node: nodes.Compared) -> Code:
        if len(node.operators) == 1:
            return self._comparison(node.operators[0], node.operands[0], node.operands[1])
        if node.operators == ["<=", "<="]:
            return Code(f"wl.between({', '.join(self.code(each).text for each in node.operands)})", "bool")
        pairs = zip(node.operators, node.operands, node.operands[1:], strict=False)
        parts = [self._comparison(operator, left, right).at(NOT) for operator, left, right in pairs]
        return Code(" and ".join(parts), "bool", AND)

    def _comparison(self, operator: str, left_node: Expression, right_node: Expression) -> Code:
        left, right = self.code(left_node), self.code(right_node)
        for one, other in ((left, right), (right, left)):
            # `= Vrai` and `= Faux` are the condition itself.
            if other.text in ("True", "False") and operator in ("=", "<>"):
                holds = (other.text == "True") is (operator == "=")
                inner = self.converted(one, "bool")
                return inner if holds else Code(f"not {inner.at(NOT)}", "bool", NOT)
        numbers = left.type in NUMBERS and right.type in NUMBERS
        texts = left.type == right.type == "str"
        if operator in _SIGNS and (numbers or texts):
            return Code(f"{left.at(SUM)} {_SIGNS[operator]} {right.at(SUM)}", "bool", COMPARISON)
        if operator == "=":
            return Code(f"wl.equal({left.text}, {right.text})", "bool")
        if operator == "<>":
            return Code(f"not wl.equal({left.text}, {right.text})", "bool", NOT)
        if operator == "[=":
            return Code(
                f"{self.converted(left, 'str').at(CALL)}.startswith({self.converted(right, 'str').text})", "bool"
            )
        return Code(f"wl.compare({quoted(operator)}, {left.text}, {right.text})", "bool")


def _is_list(code: Code) -> bool:
    """Whether it is an array written out: `[1, 2]`."""
    return code.text.startswith("wl.array(wl.anything, [") and code.text.endswith("])")


def _is_attached(node: Expression) -> bool:
    return isinstance(node, nodes.Member) and folded(node.name) in ("attache", "attach")
