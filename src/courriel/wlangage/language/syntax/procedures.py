"""Where the body of each procedure ends.

In WINDEV each procedure stands in a window of its own, so that a listing has no mark for its end. A body ends,
whichever comes first:

1. at the next PROCEDURE, or at a FIN that closes no block;
2. behind RENVOYER or RETOUR outside of every block: what follows could never run;
3. before the paragraph that calls this procedure: between a procedure and its first use stands an empty line.

Otherwise the rest of the file belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from courriel.failures import Text
from courriel.wlangage.language.syntax.nodes import (
    Call,
    Evaluate,
    Identifier,
    Procedure,
    ReturnStatement,
    Statement,
    StrayEnd,
)
from courriel.wlangage.language.syntax.problem import ProgramError, Remark
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded


def gather(statements: list[Statement], text: str) -> tuple[list[Procedure], list[Statement], list[Remark]]:
    """Return procedures, launch code, and what is to be said about where procedures end."""
    lines = text.splitlines()
    procedures: list[Procedure] = []
    launch: list[Statement] = []
    notes: list[Remark] = []
    waiting = list(reversed(statements))
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, StrayEnd):
            raise ProgramError(Remark(statement.place, Text("ce FIN ne ferme aucun bloc", "this END closes no block")))
        if not isinstance(statement, Procedure):
            launch.append(statement)
            continue
        # What stands before the next procedure may be the body, or launch code behind it.
        following: list[Statement] = []
        while waiting and not isinstance(waiting[-1], Procedure | StrayEnd):
            following.append(waiting.pop())
        if waiting and isinstance(waiting[-1], StrayEnd):
            statement.end = waiting.pop().place.line
            statement.body = following
        else:
            size = _body_size(statement, following, lines)
            statement.body, rest = following[:size], following[size:]
            statement.end = _last_line(statement.body, lines) if statement.body else statement.place.line
            waiting.extend(reversed(rest))
        procedures.append(statement)
    notes.extend(_doubled(procedures))
    if procedures and not any(not isinstance(each, Procedure) for each in launch):
        notes.append(_nothing_runs(procedures[-1]))
    return procedures, launch, notes


def _body_size(procedure: Procedure, following: list[Statement], lines: list[str]) -> int:
    """How many of the statements belong to the body."""
    for number, statement in enumerate(following):
        if isinstance(statement, ReturnStatement):
            return number + 1
    name = folded(procedure.name)
    for number, statement in enumerate(following):
        if name in _called(statement):
            # To the beginning of its paragraph; in the first one it is recursion.
            while number and not _apart(following[number - 1], following[number], lines):
                number -= 1  # noqa: PLW2901 - the search goes back from here
            if number:
                return number
    return len(following)


def _called(statement: Statement) -> Iterator[str]:
    for node in walk(statement):
        if isinstance(node, Call) and isinstance(node.function, Identifier):
            yield folded(node.function.name)
        elif isinstance(node, Evaluate) and isinstance(node.call, Identifier):
            yield folded(node.call.name)


def _apart(before: Statement, after: Statement, lines: list[str]) -> bool:
    """Whether an empty line stands between two statements."""
    return any(not line.strip() for line in lines[_last(before) : after.place.line - 1])


def _last(statement: Statement) -> int:
    """The last line of a statement, as far as its nodes tell."""
    return max(getattr(statement, "end", 0), *(node.place.line for node in walk(statement)))


def _last_line(body: list[Statement], lines: list[str]) -> int:
    """The last line of a body, with the lines that continue its last statement."""
    line = _last(body[-1])
    while line < len(lines) and lines[line - 1].split("//")[0].rstrip().endswith("..."):
        line += 1
    return line


def _doubled(procedures: list[Procedure]) -> Iterator[Remark]:
    known: dict[str, Procedure] = {}
    for procedure in procedures:
        first = known.setdefault(folded(procedure.name), procedure)
        if first is not procedure:
            raise ProgramError(
                Remark(
                    procedure.place,
                    Text(
                        f"la procédure {procedure.name} est déjà écrite à la ligne {first.place.line}",
                        f"the procedure {procedure.name} is written at line {first.place.line} already",
                    ),
                )
            )
    return iter(())


def _nothing_runs(last: Procedure) -> Remark:
    return Remark(
        last.place,
        Text(
            f"aucun code de lancement : tout ce qui suit PROCEDURE {last.name} lui appartient. Un RENVOYER, un FIN, ou "
            "une ligne vide avant le premier appel la termine",
            f"no launch code: everything after PROCEDURE {last.name} belongs to it. It ends at a RESULT, an END, or an "
            "empty line before its first call",
        ),
        warning=True,
    )
