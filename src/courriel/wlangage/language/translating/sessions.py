"""Recognition of sessions that Python can open by `with`: opened under a name, sent by, and closed, in one block.

    SI EmailOuvreSessionSMTP(sNom, …) ALORS … EmailEnvoieMessage(sNom) … EmailFermeSession(sNom) SINON … FIN
    SI PAS EmailOuvreSessionSMTP(sNom, …) ALORS … RENVOYER Faux FIN … EmailFermeSession(sNom)

It is all or nothing: a program that uses a session in any other way keeps all its calls, because a name that is open
somewhere else would be closed, or sent by, without being seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from courriel.wlangage.language.functions.table import FUNCTIONS
from courriel.wlangage.language.running import mail_names
from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.nodes import Expression, Node, Procedure, Statement
from courriel.wlangage.language.syntax.program import Program
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.translating.known_values import KnownValues, names_set
from courriel.wlangage.language.translating.session_arguments import opening_of
from courriel.wlangage.language.translating.session_nodes import Sending, WithSession

_ANYWHERE = frozenset(
    ("EmailRAZ", "EmailVérifieAdresse", "EmailConstruitSource", "EmailImporteHTML", "EmailImporteSource",
     "EmailLitTimeOut", "EmailProgressBar", "ErreurInfo", "Erreur", "ErreurPropage", "LangueErreur",
     "NetOuvreAccèsDistant", "NetFermeAccèsDistant")
)  # fmt: skip
"""E-mail functions that know nothing of sessions."""
_OUTSIDE = frozenset(("EmailChangeTimeOut", "EmailParamètre"))
"""Those that are for sessions opened afterwards, and may not be called while one is open."""

Block = Sequence[Statement]


def with_sessions(program: Program, procedures: dict[str, Procedure], known: KnownValues) -> Program:
    """Return the program with sessions as WithSession and Sending; unchanged, when one of them has no such shape."""
    return _Sessions(program, procedures, known).program()


class _OtherShapeError(Exception):
    """A session is opened whose use is of no known shape."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """E-mail functions that statements call, variables that they set, and procedures that they call."""

    functions: set[str]
    changed: set[str]
    calls: set[str]


class _Sessions:
    """The sessions of one program."""

    def __init__(self, program: Program, procedures: dict[str, Procedure], known: KnownValues) -> None:
        self._program = program
        self._procedures = procedures
        self._known = known
        self._known_facts: dict[str, _Facts] = {}
        self._taken: set[int] = set()  # calls that are part of a shape, by the identity of their names

    def program(self) -> Program:
        try:
            launch = self._outside(self._program.launch)
            bodies = [replace(each, body=self._outside(each.body)) for each in self._program.procedures]
        except _OtherShapeError:
            return self._program
        left = set(self._functions(walk([self._program.launch, self._program.procedures])))
        if not self._taken or left - _ANYWHERE - _OUTSIDE:
            return self._program
        return replace(self._program, launch=launch, procedures=bodies)

    def _functions(self, reached: Iterable[Node]) -> Iterator[str]:
        """French names of the e-mail functions among these nodes, without those that are part of a shape."""
        for node in reached:
            if isinstance(node, nodes.Identifier) and id(node) not in self._taken and (name := self._function(node)):
                yield name

    def _function(self, node: Expression | None) -> str:
        if not isinstance(node, nodes.Identifier):
            return ""
        key = folded(node.name)
        found = None if key in self._procedures or key in FUNCTIONS else mail_names.by_name().get(key)
        is_one = found is not None and found.kind in ("function", "absent") and not self._known.declared(node.name)
        return found.french if found is not None and is_one else ""

    # Statements outside of sessions.

    def _outside(self, statements: Block) -> list[Statement]:
        made: list[Statement] = []
        place = 0
        while place < len(statements):
            statement = statements[place]
            place += 1
            found = self._asked(statement, "EmailOuvreSessionSMTP") if isinstance(statement, nodes.If) else None
            if found is None:
                made.append(_inside(statement, self._outside))
                continue
            session, used = self._session(statement, *found, statements[place:])  # type: ignore[arg-type]
            made.append(session)  # type: ignore[arg-type]  # a statement of Python, and not of the WLangage
            place += used
        return made

    def _session(self, statement: nodes.If, call: nodes.Call, wanted: bool, behind: Block) -> tuple[WithSession, int]:
        """The session that a condition opens, and how many of the statements behind it belong to it."""
        opening = opening_of(call.arguments, self._known)
        if opening is None:
            raise _OtherShapeError
        (condition, body), otherwise = statement.branches[0], statement.otherwise or []
        used = 0
        order: Literal["block", "failing", "guard"]
        if wanted:
            order, block, failing = "block", body, otherwise
        elif statement.otherwise is not None:
            order, block, failing = "failing", otherwise, body
        else:
            used = next((n for n, each in enumerate(behind, 1) if self._closes(each, opening.name)), 0)
            order, block, failing = "guard", list(behind[:used]), body
            if not (body and self._leaves(body[-1])):
                raise _OtherShapeError
        if not (block and self._closes(block[-1], opening.name)):
            raise _OtherShapeError
        self._take(call)
        self._take(block[-1])
        inside = self._using(block[:-1], opening.name)
        if not self._alone([block, failing], opening.name):
            raise _OtherShapeError
        first, last = _last_line(condition), block[-1].place.line
        return WithSession(statement.place, opening, order, inside, list(failing), first, last, statement.end), used

    def _alone(self, tree: object, name: Expression) -> bool:
        """Whether nothing else in these statements, and in the procedures that they call, touches a session."""
        facts = self._facts(tree)
        functions, changed, waiting = set(facts.functions), set(facts.changed), list(facts.calls)
        seen: set[str] = set()
        while waiting:
            key = waiting.pop()
            if key not in seen:
                seen.add(key)
                facts = self._procedure_facts(key)
                functions |= facts.functions
                changed |= facts.changed
                waiting += facts.calls
        return not (functions - _ANYWHERE or (isinstance(name, nodes.Identifier) and folded(name.name) in changed))

    def _procedure_facts(self, key: str) -> _Facts:
        """Facts of a procedure, whose sessions count whether they are part of a shape or not."""
        if key not in self._known_facts:
            taken, self._taken = self._taken, set()
            self._known_facts[key] = self._facts(self._procedures[key].body)
            self._taken = taken
        return self._known_facts[key]

    def _facts(self, tree: object) -> _Facts:
        reached = list(walk(tree))
        names = {folded(node.name) for node in reached if isinstance(node, nodes.Identifier)}
        changed = {folded(name) for node in reached for name in names_set(node)}
        return _Facts(set(self._functions(reached)), changed, names & self._procedures.keys())

    # Statements of a session.

    def _using(self, statements: Block, name: Expression) -> list[Statement]:
        made: list[Statement] = []
        for number, statement in enumerate(statements):
            behind = statements[number + 1] if number + 1 < len(statements) else None
            if self._closes(statement, name) and behind is not None and self._ends(behind):
                self._take(statement)  # `with` closes it on the way out
                continue
            sending = self._sending(statement, name)
            made.append(sending if sending is not None else _inside(statement, lambda each: self._using(each, name)))  # type: ignore[arg-type]
        return made

    def _sending(self, statement: Statement, name: Expression) -> Sending | None:
        """A statement that sends a mail: alone, as a condition, or for a variable."""
        accepted: list[Statement] = []
        refused: list[Statement] = []
        first, end = False, 0
        call: nodes.Call | None = None
        part: object = statement
        match statement:
            case nodes.Evaluate():
                call = self._call(statement.call, "EmailEnvoieMessage")
            case nodes.If():
                found = self._asked(statement, "EmailEnvoieMessage")
                if found is not None:
                    (condition, body), otherwise = statement.branches[0], statement.otherwise or []
                    call, first = found
                    accepted, refused = (body, otherwise) if first else (otherwise, body)
                    accepted, refused = self._using(accepted, name), self._using(refused, name)
                    part, end = condition, statement.end
            case nodes.Declare() | nodes.Let() | nodes.Assign() if self._may_be_set(statement):
                call = self._call(statement.value, "EmailEnvoieMessage")
                accepted = [replace(statement, value=nodes.Identifier(statement.place, "Vrai"))]
                refused = [replace(statement, value=nodes.Identifier(statement.place, "Faux"))]
            case _:
                pass
        if call is None or not self._sends(call, name):
            return None
        self._take(call)
        email = call.arguments[1] if len(call.arguments) > 1 else nodes.Identifier(call.place, "Email")
        return Sending(statement.place, name, email, accepted, refused, _last_line(part), first, end)  # type: ignore[arg-type]

    def _may_be_set(self, statement: nodes.Declare | nodes.Let | nodes.Assign) -> bool:
        names = list(names_set(statement))
        return len(names) == 1 and self._known.plain(names[0])

    def _sends(self, call: nodes.Call, name: Expression) -> bool:
        """Whether it is a call with this session, and the structure `Email` or a variable of its type."""
        if not call.arguments or not _same(call.arguments[0], name) or len(call.arguments) > 2:
            return False
        if len(call.arguments) == 1:
            return True
        email = call.arguments[1]
        predeclared = isinstance(email, nodes.Identifier) and folded(email.name) == "email"
        return email is not None and (
            self._known.type(email) == "mail:Email" or (predeclared and not self._known.declared("Email"))
        )

    # Calls.

    def _asked(self, statement: nodes.If, function: str) -> tuple[nodes.Call, bool] | None:
        """The call of a function that is the whole of a condition, and whether it asks for Vrai."""
        if len(statement.branches) != 1:
            return None
        condition, wanted = statement.branches[0][0], True
        while not isinstance(condition, nodes.Call):
            match condition:
                case nodes.Parenthesized():
                    condition = condition.inside
                case nodes.Negation():
                    condition, wanted = condition.condition, not wanted
                case nodes.Compared(operands=[left, right], operators=["=" | "<>" as operator]):
                    than = self._known.value(right)
                    if not isinstance(than, bool):
                        return None
                    condition, wanted = left, wanted is (than is (operator == "="))
                case _:
                    return None
        call = self._call(condition, function)
        return None if call is None else (call, wanted)

    def _call(self, node: Expression | None, function: str) -> nodes.Call | None:
        if isinstance(node, nodes.Call) and self._function(node.function) == function:
            return node
        return None

    def _closes(self, statement: Statement, name: Expression) -> bool:
        call = self._call(statement.call, "EmailFermeSession") if isinstance(statement, nodes.Evaluate) else None
        return call is not None and len(call.arguments) == 1 and _same(call.arguments[0], name)

    def _take(self, part: Node) -> None:
        """Take the name of the function that a statement calls, or a call."""
        call = part.call if isinstance(part, nodes.Evaluate) else part
        if isinstance(call, nodes.Call):
            self._taken.add(id(call.function))

    def _leaves(self, statement: Statement) -> bool:
        return isinstance(statement, nodes.Break | nodes.Continue) or self._ends(statement)

    def _ends(self, statement: Statement) -> bool:
        """Whether it ends the procedure, or the program."""
        if isinstance(statement, nodes.ReturnStatement):
            return True
        call = statement.call if isinstance(statement, nodes.Evaluate) else None
        function = call.function if isinstance(call, nodes.Call) else call
        if not isinstance(function, nodes.Identifier) or folded(function.name) in self._procedures:
            return False
        found = FUNCTIONS.get(folded(function.name))
        return found is not None and found.names[0] == "FinProgramme"


def _inside(statement: Statement, block: Callable[[Block], list[Statement]]) -> Statement:
    """The statement with its blocks replaced."""
    match statement:
        case nodes.If():
            branches = [(condition, block(body)) for condition, body in statement.branches]
            otherwise = None if statement.otherwise is None else block(statement.otherwise)
            return replace(statement, branches=branches, otherwise=otherwise)
        case nodes.ForRange() | nodes.ForAll() | nodes.ForParts() | nodes.While() | nodes.Repeat():
            return replace(statement, body=block(statement.body))
        case nodes.Switch():
            cases = [replace(case, body=block(case.body)) for case in statement.cases]
            otherwise = None if statement.otherwise is None else block(statement.otherwise)
            return replace(statement, cases=cases, otherwise=otherwise)
        case nodes.When():
            return replace(statement, body=block(statement.body), handler=block(statement.handler))
        case _:
            return statement


def _same(one: Expression | None, other: Expression) -> bool:
    """Whether two expressions are one literal, or one variable."""
    if isinstance(one, nodes.String) and isinstance(other, nodes.String):
        return one.value == other.value
    if isinstance(one, nodes.Identifier) and isinstance(other, nodes.Identifier):
        return folded(one.name) == folded(other.name)
    return False


def _last_line(node: object) -> int:
    return max((each.place.line for each in walk(node)), default=0)
