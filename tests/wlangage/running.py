"""Running of small programs in tests: output and errors, without a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from courriel.failures import speak
from courriel.wlangage.language.functions.desk import Desk
from courriel.wlangage.language.run import prepared, run
from courriel.wlangage.language.running.machine import ProgramStopped
from courriel.wlangage.language.syntax.problem import ProgramError
from courriel.wlangage.language.syntax.program import read_program


@dataclass
class Ran:
    """What a program printed; the warnings about it; the line and text of an error that ended it."""

    out: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopped: tuple[int, str] | None = None


def ran(text: str, folder: Path = Path(), given: dict[str, object] | None = None, answers: tuple[str, ...] = ()) -> Ran:
    """Run a program of these lines. Raises ProgramError when it is not understood."""
    speak("fr")
    found = Ran()

    def nobody(question: str) -> str:
        raise AssertionError(question)

    desk = Desk(folder, answers=answers, say=found.out.append, ask=nobody)
    program = read_program(text)
    try:
        found.warnings = [remark.text.fr for remark in prepared(program, [], given or {})]
        run(program, desk, given or {})
    except ProgramStopped as stopped:
        found.stopped = (stopped.line, stopped.text.fr)
    finally:
        desk.close()
        speak(None)
    return found


def refused(text: str) -> list[tuple[int, int, str]]:
    """Line, column and text of each error of a program that is not understood; [] when it is."""
    try:
        prepared(read_program(text), [], {})
    except ProgramError as error:
        return [(remark.place.line, remark.place.column, remark.text.fr) for remark in error.remarks]
    return []
