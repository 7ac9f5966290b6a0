"""The tree of nodes, made of what the grammar gives."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from lark import Token, v_args
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive

from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Expression, Statement
from courriel.wlangage.language.syntax.problem import Place


def _place(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1, max(1, (token.end_pos or 0) - (token.start_pos or 0)))


def _at(meta: Meta) -> Place:
    """The place of a rule's first token; its whole length when it stands on one line."""
    if meta.empty:
        return Place(1, 1)
    return Place(meta.line, meta.column, max(1, meta.end_pos - meta.start_pos) if meta.end_line == meta.line else 1)


def _nodes(children: list[Any]) -> list[Any]:
    """The children without tokens and left-out parts."""
    return [child for child in children if child is not None and not isinstance(child, Token)]


def _tokens(children: list[Any], kind: str) -> list[Token]:
    return [child for child in children if isinstance(child, Token) and child.type == kind]


@v_args(meta=True)
class TreeBuilder(Transformer_NonRecursive[Token, list[Statement]]):
    """One method for each rule of the grammar; the names are those of grammar.lark.

    Without recursion: a text of a thousand parts joined by + is a tree that deep.
    """

    def start(self, meta: Meta, children: list[Any]) -> list[Statement]:
        return _nodes(children)

    def block(self, meta: Meta, children: list[Any]) -> list[Statement]:
        return _nodes(children)

    inline = block

    # Simple statements.

    def names(self, meta: Meta, children: list[Any]) -> list[nodes.Identifier]:
        return [nodes.Identifier(_place(token), str(token)) for token in _tokens(children, "NAME")]

    def type(self, meta: Meta, children: list[Any]) -> nodes.TypeName:
        return nodes.TypeName(_at(meta), [str(child) for child in children])

    def declaration(self, meta: Meta, children: list[Any]) -> Statement:
        names, kind, *value = _nodes(children)
        return nodes.Declare(_at(meta), names, kind, value[0] if value else None)

    def let(self, meta: Meta, children: list[Any]) -> Statement:
        name = _tokens(children, "NAME")[0]
        return nodes.Let(_at(meta), nodes.Identifier(_place(name), str(name)), _nodes(children)[0])

    def constant(self, meta: Meta, children: list[Any]) -> Statement:
        name = _tokens(children, "NAME")[0]
        return nodes.Let(_at(meta), nodes.Identifier(_place(name), str(name)), _nodes(children)[0], constant=True)

    constant_line = constant

    def constant_block(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.Constants(_at(meta), _nodes(children), meta.end_line)

    def extern(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.Extern(_at(meta), str(children[-1]))

    def assign(self, meta: Meta, children: list[Any]) -> Statement:
        target, value = _nodes(children)
        return nodes.Assign(_at(meta), target, value)

    def update(self, meta: Meta, children: list[Any]) -> Statement:
        target, value = _nodes(children)
        signs: dict[str, Any] = {"ADD_TO": "+", "TAKE_FROM": "-", "MULTIPLY_BY": "*", "DIVIDE_BY": "/"}
        return nodes.Update(_at(meta), target, signs[children[1].type], value)

    def step(self, meta: Meta, children: list[Any]) -> Statement:
        place = _at(meta)
        sign: Any = "+" if children[1].type == "INCREMENT" else "-"
        return nodes.Update(place, children[0], sign, nodes.Number(place, 1))

    def call_statement(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.Evaluate(_at(meta), children[0])

    def bare_call(self, meta: Meta, children: list[Any]) -> Statement:
        name, arguments = children
        place = _at(meta)
        return nodes.Evaluate(place, nodes.Call(place, nodes.Identifier(_place(name), str(name)), arguments))

    def return_nothing(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.ReturnStatement(_at(meta))

    def return_value(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.ReturnStatement(_at(meta), _nodes(children)[0])

    def break_(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.Break(_at(meta))

    def continue_(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.Continue(_at(meta))

    def scope(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.ScopeMark(_at(meta), str(children[0]))

    def scoped(self, meta: Meta, children: list[Any]) -> Statement:
        return children[1]  # type: ignore[no-any-return]  # the variable itself; where it lives follows from its place

    def stray_end(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.StrayEnd(_at(meta))

    # Blocks.

    def if_inline(self, meta: Meta, children: list[Any]) -> Statement:
        condition, then, *otherwise = _nodes(children)
        return nodes.If(_at(meta), [(condition, then)], otherwise[0] if otherwise else None, meta.end_line)

    def if_block(self, meta: Meta, children: list[Any]) -> Statement:
        condition, block, *rest = _nodes(children)
        branches = [(condition, block), *(each for each in rest if isinstance(each, tuple))]
        otherwise = next((each for each in rest if isinstance(each, list)), None)
        return nodes.If(_at(meta), branches, otherwise, meta.end_line)

    def else_if(self, meta: Meta, children: list[Any]) -> tuple[Expression, list[Statement]]:
        condition, block = _nodes(children)
        return condition, block

    def else_(self, meta: Meta, children: list[Any]) -> list[Statement]:
        return _nodes(children)[0]  # type: ignore[no-any-return]

    def else_after(self, meta: Meta, children: list[Any]) -> list[Statement]:
        first, block = _nodes(children)
        return [*first, *block]

    def for_range(self, meta: Meta, children: list[Any]) -> Statement:
        name = _tokens(children, "NAME")[0]
        first, last, *step, body = _nodes(children)
        return nodes.ForRange(
            _at(meta),
            nodes.Identifier(_place(name), str(name)),
            first,
            last,
            step[0] if step else None,
            body,
            meta.end_line,
        )

    def for_all(self, meta: Meta, children: list[Any]) -> Statement:
        names = [nodes.Identifier(_place(token), str(token)) for token in _tokens(children, "NAME")]
        of, body = _nodes(children)
        return nodes.ForAll(_at(meta), names[0], names[1] if len(names) > 1 else None, of, body, meta.end_line)

    def for_parts(self, meta: Meta, children: list[Any]) -> Statement:
        name = _tokens(children, "NAME")[1]  # behind CHAÎNE
        of, *separator, body = _nodes(children)
        variable = nodes.Identifier(_place(name), str(name))
        return nodes.ForParts(_at(meta), variable, of, separator[0] if separator else None, body, meta.end_line)

    def while_block(self, meta: Meta, children: list[Any]) -> Statement:
        condition, body = _nodes(children)
        return nodes.While(_at(meta), condition, body, meta.end_line)

    def loop_block(self, meta: Meta, children: list[Any]) -> Statement:
        *times, body = _nodes(children)
        if times:
            return nodes.Repeat(_at(meta), times[0], body, meta.end_line)
        return nodes.While(_at(meta), None, body, meta.end_line)

    def switch(self, meta: Meta, children: list[Any]) -> Statement:
        value, *rest = _nodes(children)
        cases = [each for each in rest if isinstance(each, nodes.Case)]
        otherwise = next((each for each in rest if isinstance(each, list)), None)
        return nodes.Switch(_at(meta), value, cases, otherwise, meta.end_line)

    def case(self, meta: Meta, children: list[Any]) -> nodes.Case:
        *values, body = _nodes(children)
        return nodes.Case(values, body)

    def value_range(self, meta: Meta, children: list[Any]) -> tuple[Expression, Expression]:
        first, last = _nodes(children)
        return first, last

    def value_test(self, meta: Meta, children: list[Any]) -> nodes.CaseTests:
        operator, than = children
        return nodes.CaseTests(_at(meta), [(operator, than)])

    def value_tests(self, meta: Meta, children: list[Any]) -> nodes.CaseTests:
        # `1 <= * < 10`: the first comparison is turned round, as the star stands behind its sign.
        first, before, _, behind, last = children
        return nodes.CaseTests(_at(meta), [(_TURNED.get(str(before), str(before)), first), (behind, last)])

    def other_case(self, meta: Meta, children: list[Any]) -> list[Statement]:
        return _nodes(children)[0]  # type: ignore[no-any-return]

    def when(self, meta: Meta, children: list[Any]) -> Statement:
        body, handler = _nodes(children)
        return nodes.When(_at(meta), body, handler, meta.end_line)

    # Procedures and types.

    def procedure(self, meta: Meta, children: list[Any]) -> Statement:
        name = _tokens(children, "NAME")[0]
        rest = _nodes(children)
        parameters = next((each for each in rest if isinstance(each, list)), [])
        result = next((each for each in rest if isinstance(each, nodes.TypeName)), None)
        return nodes.Procedure(_at(meta), str(name), parameters, result, end=meta.end_line)

    def internal_procedure(self, meta: Meta, children: list[Any]) -> Statement:
        *head, body = _nodes(children)
        made = self.procedure(meta, [*_tokens(children, "NAME"), *head])
        assert isinstance(made, nodes.Procedure)
        made.body = body
        return made

    def parameters(self, meta: Meta, children: list[Any]) -> list[nodes.ProcedureParameter]:
        return _nodes(children)

    def parameter(self, meta: Meta, children: list[Any]) -> nodes.ProcedureParameter:
        name = _tokens(children, "NAME")[0]
        rest = _nodes(children)
        kind = next((each for each in rest if isinstance(each, nodes.TypeName)), None)
        value = next((each for each in rest if not isinstance(each, nodes.TypeName)), None)
        return nodes.ProcedureParameter(_place(name), str(name), kind, value, bool(_tokens(children, "SCOPE")))

    def structure(self, meta: Meta, children: list[Any]) -> Statement:
        return nodes.StructureDeclaration(_at(meta), str(_tokens(children, "NAME")[0]), _nodes(children), meta.end_line)

    # Expressions.

    def arguments(self, meta: Meta, children: list[Any]) -> list[Expression | None]:
        return [None if child is _DEFAULT else child for child in _nodes(children)]

    def default_argument(self, meta: Meta, children: list[Any]) -> object:
        return _DEFAULT

    def number(self, meta: Meta, children: list[Any]) -> Expression:
        written = str(children[0])
        if written[:2] in ("0x", "0X"):
            return nodes.Number(_at(meta), int(written, 16))
        return nodes.Number(_at(meta), int(written) if written.isdecimal() else Decimal(written))

    def string(self, meta: Meta, children: list[Any]) -> Expression:
        token = children[0]
        lines = (token.end_pos or 0) - (token.start_pos or 0) > len(token) + 2 and "\n" in str(token)
        return nodes.String(_place(token), str(token), lines or "\r\n" in str(token))

    def name(self, meta: Meta, children: list[Any]) -> Expression:
        return nodes.Identifier(_place(children[0]), str(children[0]))

    def group(self, meta: Meta, children: list[Any]) -> Expression:
        return nodes.Parenthesized(_at(meta), _nodes(children)[0])

    def indirect(self, meta: Meta, children: list[Any]) -> Expression:
        return nodes.Indirect(_at(meta), _nodes(children)[0])

    def list_of(self, meta: Meta, children: list[Any]) -> Expression:
        return nodes.ListOf(_at(meta), next((each for each in _nodes(children)), []))

    def call(self, meta: Meta, children: list[Any]) -> Expression:
        function, *arguments = _nodes(children)
        return nodes.Call(_at(meta), function, arguments[0] if arguments else [])

    def index(self, meta: Meta, children: list[Any]) -> Expression:
        of, *places = _nodes(children)
        return nodes.Index(_at(meta), of, places)

    def member_of(self, meta: Meta, children: list[Any]) -> Expression:
        name = children[-1]
        return nodes.Member(_place(name), children[0], str(name))

    def part_of(self, meta: Meta, children: list[Any]) -> Expression:
        of, part = _nodes(children)
        if isinstance(part, tuple):
            first, last, length = part
            return nodes.TextPart(_at(meta), of, first, last, length)
        return nodes.TextPart(_at(meta), of, part, part)

    def part_to(self, meta: Meta, children: list[Any]) -> tuple[Any, Any, Any]:
        first, last = _nodes(children)
        return first, last, None

    def part_to_end(self, meta: Meta, children: list[Any]) -> tuple[Any, Any, Any]:
        return _nodes(children)[0], None, None

    def part_from_start(self, meta: Meta, children: list[Any]) -> tuple[Any, Any, Any]:
        return None, _nodes(children)[0], None

    def part_length(self, meta: Meta, children: list[Any]) -> tuple[Any, Any, Any]:
        first, length = _nodes(children)
        return first, None, length

    def plus(self, meta: Meta, children: list[Any]) -> Expression:
        return _operation(meta, "+", children)

    def minus(self, meta: Meta, children: list[Any]) -> Expression:
        return _operation(meta, "-", children)

    def times(self, meta: Meta, children: list[Any]) -> Expression:
        return _operation(meta, "*", children)

    def over(self, meta: Meta, children: list[Any]) -> Expression:
        return _operation(meta, "/", children)

    def modulo(self, meta: Meta, children: list[Any]) -> Expression:
        return _operation(meta, "%", children)

    def raised(self, meta: Meta, children: list[Any]) -> Expression:
        return _operation(meta, "^", children)

    def both(self, meta: Meta, children: list[Any]) -> Expression:
        return _operation(meta, "and", children)

    def either(self, meta: Meta, children: list[Any]) -> Expression:
        return _operation(meta, "or", children)

    def comparator(self, meta: Meta, children: list[Any]) -> str:
        return str(children[0])

    def compared(self, meta: Meta, children: list[Any]) -> Expression:
        operators = [child for child in children if isinstance(child, str)]
        return nodes.Compared(_at(meta), [child for child in children if not isinstance(child, str)], operators)

    def negation(self, meta: Meta, children: list[Any]) -> Expression:
        return nodes.Negation(_at(meta), _nodes(children)[0])

    def negative(self, meta: Meta, children: list[Any]) -> Expression:
        return nodes.Negative(_at(meta), _nodes(children)[0])

    def positive(self, meta: Meta, children: list[Any]) -> Expression:
        return _nodes(children)[0]  # type: ignore[no-any-return]

    def conditional(self, meta: Meta, children: list[Any]) -> Expression:
        condition, yes, no = _nodes(children)
        return nodes.Conditional(_at(meta), condition, yes, no)


def _operation(meta: Meta, operator: Any, children: list[Any]) -> Expression:
    left, right = _nodes(children)
    return nodes.Operation(_at(meta), operator, left, right)


_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_DEFAULT = object()
