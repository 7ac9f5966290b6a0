"""Values and types of a program's variables that are certain before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from courriel.wlangage.language.functions.table import CONSTANTS
from courriel.wlangage.language.running import mail_names
from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Expression, Node, Statement, StructureDeclaration
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.translating import static_types


class KnownValues:
    """Variables of one program: those set once, to a literal; and the types that they are declared with.

    `tree` is the whole program, `bodies` its launch code and those of its procedures. `boxed` are the variables that
    procedures change for their callers, `given` those set from outside. A name that is declared in two places is known
    in neither.
    """

    def __init__(
        self,
        bodies: Sequence[Sequence[Statement]],
        tree: object,
        boxed: set[str],
        given: dict[str, object],
        structures: dict[str, StructureDeclaration],
    ) -> None:
        self._boxed = boxed
        self._structures = structures
        self._set: dict[str, list[Node]] = {}
        for node in walk(tree):
            for name in names_set(node):
                self._set.setdefault(folded(name), []).append(node)
        self._given = {folded(name): str(value) for name, value in given.items()}
        self._later: dict[int, object] = {}  # by the identity of a name that is read
        for body in bodies:
            self._follow(body)

    def declared(self, name: str) -> bool:
        """Whether it is a variable of the program."""
        return folded(name) in self._set or folded(name) in self._given

    def plain(self, name: str) -> bool:
        """Whether it is a variable that no procedure changes for its caller."""
        return self.declared(name) and folded(name) not in self._boxed

    def value(self, node: Expression) -> object:
        """The value of a literal, of a constant, or of a variable set once; None when it is not certain."""
        while isinstance(node, nodes.Parenthesized):
            node = node.inside
        match node:
            case nodes.String() | nodes.Number():
                return node.value
            case nodes.Identifier() if id(node) in self._later:
                return self._later[id(node)]
            case nodes.Identifier() if self.declared(node.name):
                return self._value_set(folded(node.name))
            case nodes.Identifier():
                return _constant(folded(node.name))
            case _:
                return None

    def type(self, node: Expression) -> str:
        """The type of a literal or variable, as `static_types` names it; "" when it is not certain."""
        while isinstance(node, nodes.Parenthesized):
            node = node.inside
        if isinstance(node, nodes.String):
            return "str"
        if not isinstance(node, nodes.Identifier) or not self.plain(node.name):
            return ""
        key = folded(node.name)
        kinds = {self._type_set(each, key) for each in self._set.get(key, ())} - {"kept"}
        kinds |= {"str"} if key in self._given else set()
        return kinds.pop() if len(kinds) == 1 else ""

    def _follow(self, body: Sequence[Statement]) -> None:
        """Note the value of a text variable where it is read: behind its only assignment, both in the open."""
        declared: set[str] = set()
        assigned: dict[str, object] = {}
        for statement in body:
            for each in walk(statement):
                if isinstance(each, nodes.Identifier) and folded(each.name) in assigned:
                    self._later[id(each)] = assigned[folded(each.name)]
            match statement:
                case nodes.Declare(value=None, names=[name]) if self._type_set(statement, folded(name.name)) == "str":
                    declared.add(folded(name.name))
                case nodes.Assign(target=nodes.Identifier() as name, value=nodes.String() as literal):
                    key = folded(name.name)
                    if (
                        key in declared
                        and len(self._set[key]) == 2
                        and self.plain(name.name)
                        and key not in self._given
                    ):
                        assigned[key] = literal.value
                case _:
                    pass

    def _value_set(self, key: str) -> object:
        if key in self._boxed:
            return None
        setting = [each for each in self._set.get(key, ()) if not isinstance(each, nodes.Extern)]
        if key in self._given:
            return None if setting else self._given[key]
        only = setting[0] if len(setting) == 1 else None
        if not isinstance(only, nodes.Declare | nodes.Let):
            return None
        literal = only.value
        if isinstance(literal, nodes.Number) and isinstance(literal.value, int) and self._type_set(only, key) == "int":
            return literal.value
        if isinstance(literal, nodes.String) and self._type_set(only, key) == "str":
            return literal.value
        return None

    def _type_set(self, node: Node, key: str) -> str:
        """The type that a statement gives to a variable; "kept" when it has one already."""
        match node:
            case nodes.Declare():
                return static_types.declared(node.type, self._structures).name
            case nodes.Let():
                if isinstance(node.value, nodes.String):
                    return "str"
                return "int" if isinstance(node.value, nodes.Number) else ""
            case nodes.Procedure():
                (kind,) = (each.type for each in node.parameters if folded(each.name) == key)
                return static_types.declared(kind, self._structures).name if kind else ""
            case nodes.Assign() | nodes.Update() | nodes.Extern():
                return "kept"
            case _:
                return ""


def names_set(node: Node) -> Iterable[str]:
    """The variables that a statement declares or changes."""
    match node:
        case nodes.Declare():
            return [each.name for each in node.names]
        case nodes.Let():
            return [node.name.name]
        case nodes.Assign() | nodes.Update() if isinstance(node.target, nodes.Identifier):
            return [node.target.name]
        case nodes.ForRange() | nodes.ForParts():
            return [node.name.name]
        case nodes.ForAll():
            return [node.name.name, *([node.place_name.name] if node.place_name else [])]
        case nodes.Procedure():
            return [each.name for each in node.parameters]
        case nodes.Extern():
            return [node.name]
        case _:
            return []


def _constant(key: str) -> object:
    """The value of a constant of the WLangage."""
    if key in CONSTANTS:
        return CONSTANTS[key][1]
    known = mail_names.by_name().get(key)
    return mail_names.thing(key) if known is not None and known.kind == "constant" else None
