"""Names of a program, checked before its first statement runs: nothing is half executed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from courriel.failures import Text
from courriel.wlangage.language.functions import CONSTANTS, FUNCTIONS
from courriel.wlangage.language.running import mail_names
from courriel.wlangage.language.running.kinds import kind_of
from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Node, Procedure, StructureDeclaration
from courriel.wlangage.language.syntax.problem import Place, ProgramError, Remark, nearest, suggestion
from courriel.wlangage.language.syntax.program import Program
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded

_ELSEWHERE = (
    (re.compile(r"(?i)h(lit|cherche|ajoute|modifie|supprime|ex[ée]cute|cr[ée]ation|ouvre|ferme|trouve|nbenr|read|seek|add|"
                r"modify|delete|execute|creation|open|close|found|nbrec)\w*"), "les bases de données", "databases"),
    (re.compile(r"(?i)(rest|http|soap|json)(envoie|requ|ex|send|request|run)\w*"), "les services web", "web services"),
    (re.compile(r"(?i)(socket|ftp|thread|ex[ée]cuteprocess|lanceappli|exerun|exelance|sysappel|appeldll|calldll)\w*"),
     "les sockets, tâches et autres programmes", "sockets, threads and other programs"),
    (re.compile(r"(?i)(ouvre|ferme|open|close|use|utilise)(fen[êe]tre|window|popup|soeur|sister|fille|child)?|"
                r"i(imprime|print|aper[çc]u|preview|initialise)\w*|(table|zr|liste|arbre|combo|graph|gr)[A-Z]\w*"),
     "les fenêtres et les états", "windows and reports"),
)  # fmt: skip


@dataclass(slots=True)
class Checked:
    """Result of a check: warnings, and the names that a program means by misspelled ones."""

    warnings: list[Remark] = field(default_factory=list)
    meant: dict[str, str] = field(default_factory=dict)


def check(program: Program, given: Iterable[str] = ()) -> Checked:
    """Check the names and types of a program; `given` are variables set from outside.

    An unknown name that is like a variable which is declared and never read is taken for it, with a warning: the page
    of EmailOuvreSessionSMTP declares `sServeursSMTP` and passes `sServeurSMTP`. Raises ProgramError for all other
    unknown names, with the nearest known one.
    """
    return _Check(program, given).run()


class _Check:
    """One check of one program."""

    def __init__(self, program: Program, given: Iterable[str]) -> None:
        self.program = program
        self.procedures = {folded(node.name): node for node in walk([program.procedures, program.launch])
                           if isinstance(node, Procedure)}  # fmt: skip
        self.structures = {folded(node.name): node for node in walk([program.procedures, program.launch])
                           if isinstance(node, StructureDeclaration)}  # fmt: skip
        self.given = {folded(name): name for name in given}
        self.globals = {**self.given, **_declared(program.launch)}
        self.errors: list[Remark] = []
        self.found = Checked(warnings=list(program.notes))

    def run(self) -> Checked:
        reads = Counter(folded(node.name) for node in walk([self.program.procedures, self.program.launch], )
                        if isinstance(node, nodes.Identifier))  # fmt: skip
        self.reads = reads
        self._types()
        self._block(self.program.launch, self.globals)
        for procedure in self.procedures.values():
            known = {**self.globals, **_declared(procedure.body)}
            known.update({folded(each.name): each.name for each in procedure.parameters})
            self._block(procedure.body, known)
            for parameter in procedure.parameters:
                if parameter.value is not None:
                    self._block(parameter.value, known)
        if self.errors:
            self.errors.sort(key=lambda remark: (remark.place.line, remark.place.column))
            raise ProgramError(*self.errors)
        return self.found

    def _types(self) -> None:
        for node in walk([self.program.procedures, self.program.launch]):
            if isinstance(node, nodes.TypeName):
                try:
                    kind_of(node, self.structures)
                except ProgramError as error:
                    self.errors.extend(error.remarks)
        for structure in self.structures.values():
            if self._contains(structure, structure, 0):
                text = Text(f"la structure {structure.name} se contient elle-même",
                            f"the structure {structure.name} contains itself")  # fmt: skip
                self.errors.append(Remark(structure.place, text))

    def _contains(self, structure: StructureDeclaration, wanted: StructureDeclaration, depth: int) -> bool:
        for member in structure.members:
            inner = self.structures.get(folded(member.type.words[-1])) if len(member.type.words) == 1 else None
            if inner is wanted or (inner and depth < len(self.structures) and self._contains(inner, wanted, depth + 1)):
                return True
        return False

    def _block(self, block: object, known: dict[str, str]) -> None:
        declared: set[int] = set()
        called: dict[int, nodes.Call | None] = {}
        for node in walk(block, into_procedures=False):
            if isinstance(node, Procedure) and node is not block:
                continue
            match node:
                case nodes.Declare():
                    declared.update(id(name) for name in node.names)
                case nodes.Let():
                    declared.add(id(node.name))
                case nodes.Call() if isinstance(node.function, nodes.Identifier):
                    called[id(node.function)] = node
                case nodes.Evaluate() if isinstance(node.call, nodes.Identifier):
                    called[id(node.call)] = None
                case nodes.Extern():
                    self._extern(node, known)
                case nodes.Assign() | nodes.Update() if isinstance(node.target, nodes.Identifier):
                    self._target(node.target, known)
                case nodes.Identifier() if id(node) not in declared:
                    if id(node) in called:
                        self._call(node, called[id(node)], known)
                    else:
                        self._variable(node, known)
                case _:
                    pass

    def _extern(self, node: nodes.Extern, known: dict[str, str]) -> None:
        if folded(node.name) not in known:
            if "." in node.name:  # EXTERN "procedures.wl"
                text = Text(f"{node.name} vient d'ailleurs : --define {node.name} l'apporte",
                            f"{node.name} comes from elsewhere: --define {node.name} brings it")  # fmt: skip
                self.errors.append(Remark(node.place, text))
                return
            text = Text(f"{node.name} vient d'ailleurs : --set {node.name}=… lui donne sa valeur",
                        f"{node.name} comes from elsewhere: --set {node.name}=… gives its value")  # fmt: skip
            self.errors.append(Remark(node.place, text))

    def _target(self, node: nodes.Identifier, known: dict[str, str]) -> None:
        """A name that is assigned to: a variable, not a function or constant."""
        key = folded(node.name)
        if key not in known and (key in FUNCTIONS or key in CONSTANTS or key in self.procedures):
            text = Text(f"{node.name} ne peut pas recevoir de valeur", f"{node.name} cannot be assigned to")
            self.errors.append(Remark(node.place, text))

    def _call(self, node: nodes.Identifier, call: nodes.Call | None, known: dict[str, str]) -> None:
        key = folded(node.name)
        arguments = 0 if call is None else len(call.arguments)
        if call is None and key in known:
            text = Text(f"{node.name} est une variable : cette ligne ne fait rien",
                        f"{node.name} is a variable: this line does nothing")  # fmt: skip
            self.errors.append(Remark(node.place, text))
        elif key in self.procedures:
            self._count(node, arguments, *_parameters(self.procedures[key]))
        elif key in FUNCTIONS:
            self._count(node, arguments, FUNCTIONS[key].least, FUNCTIONS[key].most)
        elif key not in mail_names.by_name():
            self._unknown_procedure(node)

    def _count(self, node: nodes.Identifier, count: int, least: int, most: int | None) -> None:
        if count < least or (most is not None and count > most):
            wanted = str(least) if least == most else f"{least} … {most if most is not None else ''}".rstrip()
            text = Text(f"{node.name} prend {wanted} argument(s), et non {count}",
                        f"{node.name} takes {wanted} argument(s), not {count}")  # fmt: skip
            self.errors.append(Remark(node.place, text))

    def _unknown_procedure(self, node: nodes.Identifier) -> None:
        for pattern, fr, en in _ELSEWHERE:
            if pattern.fullmatch(node.name):
                text = Text(f"{node.name} n'existe pas ici : {fr} n'en font pas partie",
                            f"{node.name} is not there: {en} are no part of it")  # fmt: skip
                self.errors.append(Remark(node.place, text))
                return
        known = [procedure.name for procedure in self.procedures.values()]
        known += [name for function in FUNCTIONS.values() for name in function.names]
        known += [
            spelling for name in mail_names.by_name().values() if name.kind == "function" for spelling in name.spellings
        ]
        near = nearest(node.name, known)
        fr, en = suggestion(near)
        if not near:
            fr, en = " : --define FICHIER la donne", ": --define FILE brings it"
        text = Text(
            f"procédure ou fonction inconnue : {node.name}{fr}", f"unknown procedure or function: {node.name}{en}"
        )
        self.errors.append(Remark(node.place, text))

    def _variable(self, node: nodes.Identifier, known: dict[str, str]) -> None:
        key = folded(node.name)
        if (
            key in known
            or key in CONSTANTS
            or key in FUNCTIONS
            or key in self.procedures
            or key in mail_names.by_name()
        ):
            return
        near = nearest(node.name, known.values())
        if near and self._is_meant(node.name, near):
            if key not in self.found.meant:
                text = Text(f"{node.name} n'est pas déclaré : {near}, déclaré et jamais lu, est pris à sa place",
                            f"{node.name} is not declared: {near}, declared and not read, is taken for it")  # fmt: skip
                self.found.warnings.append(Remark(node.place, text, warning=True))
            self.found.meant[key] = near
            return
        fr, en = suggestion(near)
        if not near:
            fr = f" ; --set {node.name}=… lui donne une valeur de l'extérieur"
            en = f"; --set {node.name}=… gives it a value from outside"
        self.errors.append(Remark(node.place, Text(f"nom inconnu : {node.name}{fr}", f"unknown name: {node.name}{en}")))

    def _is_meant(self, name: str, near: str) -> bool:
        """Whether one letter more, less or other makes the name of a variable that nothing else reads."""
        return self.reads[folded(near)] <= 1 and _one_letter(folded(name), folded(near))


def _one_letter(one: str, two: str) -> bool:
    short, long = sorted((one, two), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((n for n, (a, b) in enumerate(zip(short, long)) if a != b), len(short))  # noqa: B905 - one may be longer
    return short[same + (len(short) == len(long)) :] == long[same + 1 :]


def _parameters(procedure: Procedure) -> tuple[int, int]:
    return sum(each.value is None for each in procedure.parameters), len(procedure.parameters)


def _declared(block: object) -> dict[str, str]:
    """Variables that a block declares, loops included, by folded name; procedures within it have their own."""
    return {folded(name): name for name in _names_declared(block)}


def _names_declared(block: object) -> Iterator[str]:
    for node in walk(block, into_procedures=False):
        match node:
            case nodes.Declare():
                yield from (name.name for name in node.names)
            case nodes.Let() | nodes.ForRange() | nodes.ForParts():
                yield node.name.name
            case nodes.ForAll():
                yield node.name.name
                if node.place_name is not None:
                    yield node.place_name.name
            case _:
                pass


__all__ = ["Checked", "Node", "Place", "check"]
