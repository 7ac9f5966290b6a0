"""Running of a program as a whole: its folder, its servers, its outbox, its end."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from courriel.wlangage.language.checking import check
from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.running.machine import Machine
from courriel.wlangage.language.running.tracing import NO_TRACE, Trace
from courriel.wlangage.language.syntax import nodes
from courriel.wlangage.language.syntax.problem import Remark
from courriel.wlangage.language.syntax.program import Program
from courriel.wlangage.language.syntax.walking import walk
from courriel.wlangage.language.syntax.words import folded
from courriel.wlangage.language.values.operations import RC
from courriel.wlangage.program_state import here, program_state

if TYPE_CHECKING:
    from courriel.wlangage.opening.elsewhere import Elsewhere


def prepared(program: Program, defined: list[Program], given: Mapping[str, object]) -> list[Remark]:
    """Add the procedures of other files, check all names, and put right those that are meant; return the warnings.

    Raises ProgramError. A procedure of the program goes before one of the same name of another file.
    """
    own = {folded(procedure.name) for procedure in program.procedures}
    for other in defined:
        added: set[str] = set()
        for procedure in other.procedures:
            if folded(procedure.name) not in own:
                added.add(folded(procedure.name))
                own.add(folded(procedure.name))
                program.procedures.append(procedure)
        variables = [each for each in other.launch if isinstance(each, nodes.Declare | nodes.Let | nodes.Constants)]
        program.launch[:0] = variables
        program.others.insert(0, (other, added, len(variables)))
    checked = check(program, given)
    for node in walk([program.procedures, program.launch]):
        if isinstance(node, nodes.Identifier) and folded(node.name) in checked.meant:
            node.name = checked.meant[folded(node.name)]
    return checked.warnings


def run(
    program: Program,
    desk: Desk,
    given: Mapping[str, object],
    *,
    trace: Trace = NO_TRACE,
    elsewhere: Elsewhere | None = None,
) -> None:
    """Run a prepared program. Raises ProgramStopped for an error that it does not catch.

    With other servers in the place of its own, mail sent asynchronously waits in an outbox of this run alone.
    """
    machine = Machine(program, desk, given=dict(given), trace=trace)
    with _in_folder(desk.folder), _elsewhere(elsewhere, desk), program_state.with_line_end(RC):
        try:
            machine.run()
        except KeyboardInterrupt:
            raise Interrupted(machine.line) from None
        finally:
            _close_sessions()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with the line at which the program was."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


def read_source(path: Path) -> str:
    """Return the text of a program's file, read once: it may be a pipe. Raises OSError.

    Of a file that never ends no more is read than makes `read_program` refuse it.
    """
    from courriel.wlangage.language.syntax.lexer import LONGEST
    from courriel.wlangage.language.syntax.program import decoded

    with path.open("rb") as file:
        return decoded(file.read(4 * LONGEST + 4))  # four octets for a character, at most


@contextmanager
def _in_folder(folder: Path) -> Generator[None]:
    """The folder of the program as the current one: a program's relative paths count from it."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _elsewhere(elsewhere: Elsewhere | None, desk: Desk) -> Generator[None]:
    """Other servers, and an outbox apart."""
    if elsewhere is None:
        yield
        return
    from courriel.wlangage.spool import spool

    before = os.environ.get("COURRIEL_OUTBOX")
    os.environ["COURRIEL_OUTBOX"] = str(Path(desk.temporary()) / "outbox.db")
    program_state.elsewhere = elsewhere
    try:
        yield
    finally:
        spool.close()
        program_state.elsewhere = None
        if before is None:
            del os.environ["COURRIEL_OUTBOX"]
        else:
            os.environ["COURRIEL_OUTBOX"] = before


def _close_sessions() -> None:
    """Close what the program left open, and forget its mail and its last error."""
    for name in list(program_state.names):
        for half in program_state.take(name):
            half.close()
    here().email.clear()
