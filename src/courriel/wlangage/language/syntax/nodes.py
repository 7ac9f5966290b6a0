"""Nodes of a program's tree: expressions and statements, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from courriel.wlangage.language.syntax.problem import Place


@dataclass(slots=True)
class Node:
    """Base class of the nodes."""

    place: Place


# Expressions.


@dataclass(slots=True)
class Number(Node):
    """A number: whole, or with decimals."""

    value: int | Decimal


@dataclass(slots=True)
class String(Node):
    """A text; `lines` when it was written over several lines."""

    value: str
    lines: bool = False


@dataclass(slots=True)
class Identifier(Node):
    """A variable, constant, procedure or function by its name."""

    name: str


@dataclass(slots=True)
class Parenthesized(Node):
    """An expression in parentheses."""

    inside: Expression


@dataclass(slots=True)
class Call(Node):
    """A call; None among the arguments is `*`, the parameter's default."""

    function: Expression
    arguments: list[Expression | None]


@dataclass(slots=True)
class Index(Node):
    """An element of a list, by its place or key."""

    of: Expression
    places: list[Expression]


@dataclass(slots=True)
class Member(Node):
    """A property, or a method when it is called: `Email.Sujet`, `MaSession..Port`."""

    of: Expression
    name: str


@dataclass(slots=True)
class TextPart(Node):
    """A part of a text: `s[[3]]`, `s[[3 À 5]]`, `s[[3 SUR 2]]`; None is the text's own end."""

    of: Expression
    first: Expression | None
    last: Expression | None
    length: Expression | None = None


@dataclass(slots=True)
class Operation(Node):
    """An operation on two values."""

    operator: Literal["+", "-", "*", "/", "%", "^", "and", "or"]
    left: Expression
    right: Expression


@dataclass(slots=True)
class Compared(Node):
    """Result of comparing values; with more than two operands each must hold: `1 <= x <= 5`."""

    operands: list[Expression]
    operators: list[str]


@dataclass(slots=True)
class Negation(Node):
    """`PAS` before a condition."""

    condition: Expression


@dataclass(slots=True)
class Negative(Node):
    """A number with its sign changed."""

    value: Expression


@dataclass(slots=True)
class Conditional(Node):
    """`condition ? a SINON b`."""

    condition: Expression
    yes: Expression
    no: Expression


@dataclass(slots=True)
class Indirect(Node):
    """A variable whose name is the value of an expression: `{"SAI_" + sNom}`."""

    name: Expression


@dataclass(slots=True)
class ListOf(Node):
    """A list by its elements: `[1, 2, 3]`."""

    items: list[Expression | None]


Expression: TypeAlias = (
    Number | String | Identifier | Parenthesized | Call | Index | Member | TextPart | Operation | Compared
    | Negation | Negative | Conditional | Indirect | ListOf
)  # fmt: skip

# Statements.


@dataclass(slots=True)
class TypeName(Node):
    """A type as written, word by word: ["tableau", "de", "chaînes"]."""

    words: list[str]


@dataclass(slots=True)
class Declare(Node):
    """Variables of one type, with a value if any."""

    names: list[Identifier]
    type: TypeName
    value: Expression | None = None


@dataclass(slots=True)
class Let(Node):
    """`soit x = …`: a variable of its value's type; or a constant."""

    name: Identifier
    value: Expression
    constant: bool = False


@dataclass(slots=True)
class Extern(Node):
    """A variable that is set from outside."""

    name: str


@dataclass(slots=True)
class Assign(Node):
    """Value put into a variable, an element or a member."""

    target: Expression
    value: Expression


@dataclass(slots=True)
class Update(Node):
    """`+=`, `-=`, `*=`, `/=`, and `++` and `--` with the value 1."""

    target: Expression
    operator: Literal["+", "-", "*", "/"]
    value: Expression


@dataclass(slots=True)
class Evaluate(Node):
    """A call as a statement; a name alone calls the procedure of that name."""

    call: Expression


@dataclass(slots=True)
class ReturnStatement(Node):
    """The end of a procedure, or of the program."""

    value: Expression | None = None


@dataclass(slots=True)
class Break(Node):
    """`SORTIR`."""


@dataclass(slots=True)
class Continue(Node):
    """`CONTINUER`."""


@dataclass(slots=True)
class If(Node):
    """Conditions in turn, each with its block; and the block when none holds."""

    branches: list[tuple[Expression, list[Statement]]]
    otherwise: list[Statement] | None
    end: int = 0


@dataclass(slots=True)
class ForRange(Node):
    """`POUR i = a À b PAS c`."""

    name: Identifier
    first: Expression
    last: Expression
    step: Expression | None
    body: list[Statement]
    end: int = 0


@dataclass(slots=True)
class ForAll(Node):
    """`POUR TOUT x [, i] DE liste`."""

    name: Identifier
    place_name: Identifier | None
    of: Expression
    body: list[Statement]
    end: int = 0


@dataclass(slots=True)
class ForParts(Node):
    """`POUR TOUT CHAÎNE s DE texte SÉPARÉE PAR ";"`."""

    name: Identifier
    of: Expression
    separator: Expression | None
    body: list[Statement]
    end: int = 0


@dataclass(slots=True)
class While(Node):
    """`TANTQUE condition`, and `BOUCLE` without a condition."""

    condition: Expression | None
    body: list[Statement]
    end: int = 0


@dataclass(slots=True)
class Repeat(Node):
    """`BOUCLE(n)`."""

    times: Expression
    body: list[Statement]
    end: int = 0


@dataclass(slots=True)
class CaseTests(Node):
    """`CAS < 0`, `CAS 1 <= * < 10`: comparisons of what is looked at, all of which must hold."""

    tests: list[tuple[str, Expression]]


CaseValue: TypeAlias = "Expression | tuple[Expression, Expression] | CaseTests"
"""A value, a range of two values, or comparisons."""


@dataclass(slots=True)
class Case:
    """Values, ranges or comparisons of a case, and its block."""

    values: list[CaseValue]
    body: list[Statement]


@dataclass(slots=True)
class Switch(Node):
    """`SELON`."""

    value: Expression
    cases: list[Case]
    otherwise: list[Statement] | None
    end: int = 0


@dataclass(slots=True)
class When(Node):
    """`QUAND EXCEPTION DANS … FAIRE … FIN`."""

    body: list[Statement]
    handler: list[Statement]
    end: int = 0


@dataclass(slots=True)
class ProcedureParameter(Node):
    """A parameter: `value` is its default; `local` when it is a copy."""

    name: str
    type: TypeName | None = None
    value: Expression | None = None
    local: bool = False


@dataclass(slots=True)
class Procedure(Node):
    """A procedure; `end` is the last line of its body."""

    name: str
    parameters: list[ProcedureParameter]
    result: TypeName | None
    body: list[Statement] = field(default_factory=list)
    end: int = 0


@dataclass(slots=True)
class StructureDeclaration(Node):
    """A type made of members."""

    name: str
    members: list[Declare]
    end: int = 0


@dataclass(slots=True)
class Constants(Node):
    """A block of constants."""

    constants: list[Let]
    end: int = 0


@dataclass(slots=True)
class ScopeMark(Node):
    """`LOCAL` or `GLOBAL` alone on a line: global variables are declared below."""

    word: str


@dataclass(slots=True)
class StrayEnd(Node):
    """A `FIN` outside of any block: it ends the procedure before it."""


Statement: TypeAlias = (
    Declare | Let | Extern | Assign | Update | Evaluate | ReturnStatement | Break | Continue | If | ForRange
    | ForAll | ForParts | While | Repeat | Switch | When | Procedure | StructureDeclaration | Constants | ScopeMark
    | StrayEnd
)  # fmt: skip
