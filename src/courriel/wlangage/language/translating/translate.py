"""Translation of a program to Python."""

from __future__ import annotations

from courriel.wlangage.language.functions.table import FUNCTIONS
from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Procedure, StructureDeclaration
from courriel.wlangage.language.syntax.program import Program
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.translating import static_types
from courriel.wlangage.language.translating.code import quoted
from courriel.wlangage.language.translating.expressions import ExpressionTranslator
from courriel.wlangage.language.translating.known_values import KnownValues
from courriel.wlangage.language.translating.layout import Layout
from courriel.wlangage.language.translating.names import Names
from courriel.wlangage.language.translating.session_statements import IMPORTED, RESERVED
from courriel.wlangage.language.translating.sessions import with_sessions
from courriel.wlangage.language.translating.statements import StatementTranslator
from courriel.wlangage.language.translating.static_types import Declared


def translate(program: Program, given: dict[str, object] | None = None, *, title: str = "") -> str:
    """Return the Python of a checked program; values given from outside are written as assignments.

    Raises ProgramError for what cannot be translated.
    """
    return _Translation(program, given or {}).text(title)


class _Translation:
    """One translation."""

    def __init__(self, program: Program, given: dict[str, object]) -> None:
        program = _with_sessions(program, given)
        self._program = program
        self._given = given
        self._layout = Layout(program)
        tree = [program.procedures, program.launch]
        self._procedures = {folded(each.name): each for each in walk(tree) if isinstance(each, Procedure)}
        self._structures = {folded(each.name): each for each in walk(tree) if isinstance(each, StructureDeclaration)}
        self._names = Names({folded(each.name) for each in walk(tree) if isinstance(each, nodes.Identifier)})
        self._expressions = ExpressionTranslator(self._names, self._procedures, self._structures)
        self._statements = StatementTranslator(self._layout, self._names, self._expressions, self._structures, tree)
        self._expressions.references, self._expressions.boxed = _references(self._procedures, tree)

    def text(self, title: str) -> str:
        """The whole program."""
        for structure in self._structures.values():
            self._layout.reach(structure.place.line)
            self._statements.structure(structure)
            self._space(2)
        types = self._global_types()
        used = self._globals_in_procedures()
        # In the order of the source, so that comments stand before what they stood before.
        homes = {key: other for other, added, _ in self._program.others for key in added}
        for key, procedure in self._procedures.items():
            assigned = [self._names.declare(name) for each, name in used.items() if _assigned_in(procedure, each)]
            with self._layout.reading(homes.get(key)):
                self._layout.reach(procedure.place.line, blank=False)
                self._statements.procedure(procedure, types, assigned)
            self._space(2)
        self._main(used)
        return self._head(title) + "\n".join(self._layout.lines).rstrip() + _TAIL

    def _main(self, used: dict[str, str]) -> None:
        self._layout.write("def main() -> None:")
        self._layout.depth += 1
        shared = [self._names.declare(name) for name in used.values()]
        if shared:
            self._layout.write(f"global {', '.join(shared)}")
        self._expressions.types = {}
        for name, value in self._given.items():
            self._expressions.types[folded(name)] = Declared("str", '""')
            self._layout.write(f"{self._names.declare(name)} = {quoted(str(value))}")
        launch = self._program.launch
        for other, _, variables in self._program.others:
            if variables:
                with self._layout.reading(other):
                    self._statements.block(launch[:variables])
            launch = launch[variables:]
        self._statements.block(launch)
        self._layout.rest()
        self._layout.depth -= 1

    def _global_types(self) -> dict[str, Declared]:
        types = {folded(name): Declared("str", '""') for name in self._given}
        for node in walk(self._program.launch, into_procedures=False):
            if isinstance(node, nodes.Declare):
                kind = static_types.declared(node.type, self._structures)
                types.update({folded(name.name): kind for name in node.names})
            elif isinstance(node, nodes.Let):
                types[folded(node.name.name)] = Declared(static_types.ANY, "None")
        return types

    def _globals_in_procedures(self) -> dict[str, str]:
        """Variables of the launch code that procedures use, by folded name."""
        known = {folded(name): name for name in self._given}
        for node in walk(self._program.launch, into_procedures=False):
            if isinstance(node, nodes.Declare):
                known.update({folded(name.name): name.name for name in node.names})
            elif isinstance(node, nodes.Let):
                known[folded(node.name.name)] = node.name.name
        names: set[str] = set()
        for procedure in self._procedures.values():
            own = {folded(each.name) for each in procedure.parameters}
            for node in walk(procedure.body):
                if isinstance(node, nodes.Declare):
                    own |= {folded(name.name) for name in node.names}
            names |= {folded(each.name) for each in walk(procedure.body) if isinstance(each, nodes.Identifier)} - own
        return {key: name for key, name in known.items() if key in names}

    def _space(self, lines: int) -> None:
        while self._layout.lines and not self._layout.lines[-1]:
            self._layout.lines.pop()
        self._layout.lines.extend([""] * lines)

    def _head(self, title: str) -> str:
        needs = self._expressions.needs
        lines = [f'"""{title}"""', ""] if title else []
        if {"dataclass", "field"} & needs:
            lines.append(f"from dataclasses import {'dataclass, field' if 'field' in needs else 'dataclass'}")
        if "Decimal" in needs:
            lines.append("from decimal import Decimal")
        if {"dataclass", "field", "Decimal"} & needs:
            lines.append("")
        if IMPORTED & needs:
            lines.append(f"from courriel import {', '.join(sorted(IMPORTED & needs))}")
        lines += ["from courriel.wlangage import *", "from courriel.wlangage import program as wl", "", ""]
        return "\n".join(lines) + "\n"


def _with_sessions(program: Program, given: dict[str, object]) -> Program:
    """The program with those of its sessions that Python can open by `with`."""
    tree = [program.procedures, program.launch]
    procedures = {folded(each.name): each for each in walk(tree) if isinstance(each, Procedure)}
    structures = {folded(each.name): each for each in walk(tree) if isinstance(each, StructureDeclaration)}
    if RESERVED & structures.keys():
        return program
    _, boxed = _references(procedures, tree)
    bodies = [program.launch, *(each.body for each in program.procedures)]
    return with_sessions(program, procedures, KnownValues(bodies, tree, boxed, given, structures))


_TAIL = """


if __name__ == "__main__":
    raise SystemExit(wl.run(main))
"""


def _references(procedures: dict[str, Procedure], tree: object) -> tuple[dict[str, set[int]], set[str]]:
    """Places of parameters that procedures change for their callers; and the variables that are passed there."""
    changed: dict[str, set[int]] = {}
    while True:
        before = sum(map(len, changed.values()))
        for key, procedure in procedures.items():
            for number, parameter in enumerate(procedure.parameters):
                if not parameter.local and _changes(procedure, folded(parameter.name), changed):
                    changed.setdefault(key, set()).add(number)
        if sum(map(len, changed.values())) == before:
            break
    # Only a procedure that is called with a variable there needs it.
    boxed: set[str] = set()
    needed: dict[str, set[int]] = {}
    for node in walk(tree):
        if isinstance(node, nodes.Call) and isinstance(node.function, nodes.Identifier):
            key = folded(node.function.name)
            filled = FUNCTIONS[key].filled if key in FUNCTIONS and key not in procedures else changed.get(key, set())
            for number in filled:
                argument = node.arguments[number] if number < len(node.arguments) else None
                if isinstance(argument, nodes.Identifier):
                    boxed.add(folded(argument.name))
                    needed.setdefault(key, set()).add(number)
    references = {key: changed[key] & needed.get(key, set()) for key in changed}
    for key, places in references.items():
        boxed |= {folded(procedures[key].parameters[number].name) for number in places}
    return references, boxed


def _changes(procedure: Procedure, name: str, changed: dict[str, set[int]]) -> bool:
    """Whether a procedure assigns to a parameter, itself or by another procedure."""
    for node in walk(procedure.body):
        if isinstance(node, nodes.Assign | nodes.Update) and isinstance(node.target, nodes.Identifier):
            if folded(node.target.name) == name:
                return True
        elif isinstance(node, nodes.Call) and isinstance(node.function, nodes.Identifier):
            for number in changed.get(folded(node.function.name), set()):
                argument = node.arguments[number] if number < len(node.arguments) else None
                if isinstance(argument, nodes.Identifier) and folded(argument.name) == name:
                    return True
    return False


def _assigned_in(procedure: Procedure, key: str) -> bool:
    if any(folded(each.name) == key for each in procedure.parameters):
        return False
    own = any(
        isinstance(node, nodes.Declare) and key in (folded(name.name) for name in node.names)
        for node in walk(procedure.body)
    )
    return not own and any(
        isinstance(node, nodes.Assign | nodes.Update)
        and isinstance(node.target, nodes.Identifier)
        and folded(node.target.name) == key
        for node in walk(procedure.body)
    )
