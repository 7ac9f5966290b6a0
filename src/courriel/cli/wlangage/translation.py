"""`courriel wlangage translate`: a program printed as Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from courriel.cli.i18n import say
from courriel.cli.reporting import CommandReport
from courriel.cli.wlangage.running import DATA, OK, need_lark, read_programs, tell_remarks

if TYPE_CHECKING:
    from courriel.cli.command import GlobalOptions


def translate_program(manner: GlobalOptions, file: str, given: dict[str, str], defined: tuple[str, ...]) -> int:
    """Print the Python of a program, and return the exit status."""
    need_lark()
    from courriel.wlangage.language.syntax.problem import ProgramError
    from courriel.wlangage.language.translating.translate import translate

    report = CommandReport(manner)
    read = read_programs(report, file, defined, given)
    if isinstance(read, int):
        return read
    program, _ = read
    name = Path(file).name
    try:
        code = translate(
            program, dict(given), title=say(f"{name}, traduit du WLangage.", f"{name}, translated from WLangage.")
        )
    except ProgramError as wrong:
        tell_remarks(report, file, program.text, wrong.remarks)
        return DATA
    if not report.values({"ok": True, "python": code, "sysexit": OK}):
        for line in code.rstrip("\n").split("\n"):
            report.line(line)
    return OK
