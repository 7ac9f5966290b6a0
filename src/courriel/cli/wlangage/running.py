"""`courriel wlangage run`: a program run with the terminal as its window."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from courriel import Sandbox, errors
from courriel.cli.i18n import label, say, visible
from courriel.cli.reporting import CommandReport
from courriel.errors import MissingExtra
from courriel.failures import language, spoken
from courriel.types import SecretReference

if TYPE_CHECKING:
    from courriel import Route
    from courriel.cli.command import GlobalOptions
    from courriel.types import CapturedMessage
    from courriel.wlangage.language.syntax.problem import Remark
    from courriel.wlangage.language.syntax.program import Program
    from courriel.wlangage.opening.elsewhere import Elsewhere

_MEMORY = 4 * 1024**3
"""Octets of address space for a program and this library."""
OK, DATA, NO_INPUT, SOFTWARE, INTERRUPTED = 0, 65, 66, 70, 130


@dataclass(frozen=True, slots=True)
class Task:
    """Arguments of `courriel wlangage run`."""

    file: str
    given: dict[str, str]
    defined: tuple[str, ...]
    via: tuple[str, ...]
    sandbox: bool
    answers: tuple[str, ...]
    allowed: tuple[str, ...]
    trace: bool
    only_check: bool


def need_lark() -> None:
    """Raise MissingExtra when the parser's library is not installed."""
    if find_spec("lark") is None:
        raise MissingExtra('WLangage programs are read with lark: pip install "courriel[wlangage]"')


def run_program(manner: GlobalOptions, task: Task) -> int:
    """Run the program, and return the exit status."""
    need_lark()
    report = CommandReport(manner)
    read = read_programs(report, task.file, task.defined, task.given)
    if isinstance(read, int):
        return read
    program, given = read
    if task.only_check:
        _tell_checked(report, program)
        return OK
    return _run(report, task, program, given)


def read_programs(
    report: CommandReport, file: str, defined: tuple[str, ...], given: dict[str, str]
) -> tuple[Program, dict[str, object]] | int:
    """Read and check the files; print what is wrong with them, and return the program, or the exit status."""
    from courriel.wlangage.language.run import prepared, read_source
    from courriel.wlangage.language.syntax.problem import ProgramError
    from courriel.wlangage.language.syntax.program import read_program

    programs: list[Program] = []
    for each in (file, *defined):
        try:
            text = read_source(Path(each))
        except OSError as error:
            report.aside(
                f"{label('erreur', 'error')}{visible(each)}{say(' : ', ': ')}{spoken(error.strerror or str(error))}"
            )
            return NO_INPUT
        try:
            programs.append(read_program(text, each))
        except ProgramError as wrong:
            tell_remarks(report, each, text, wrong.remarks)
            return DATA
    program, *others = programs
    try:
        warnings = prepared(program, others, given)
    except ProgramError as wrong:
        tell_remarks(report, file, program.text, wrong.remarks)
        return DATA
    tell_remarks(report, file, program.text, tuple(warnings))
    return program, _values(program, given)


def _values(program: Program, given: dict[str, str]) -> dict[str, object]:
    """The values given, secrets read from where they are: `--set sMotDePasse=env:MAIL_PASSWORD`."""
    from courriel.wlangage.language.secret_names import secret_names
    from courriel.wlangage.language.syntax.words import folded

    secret = secret_names(program)
    values: dict[str, object] = {}
    for name, value in given.items():
        kind, colon, _ = value.partition(":")
        by_reference = value == "prompt" or (colon and kind in ("env", "file", "cmd"))
        if folded(name) in secret and by_reference:
            values[name] = SecretReference.parse(value).read(user=name, host=program.name)
        else:
            values[name] = value
    return values


def _run(report: CommandReport, task: Task, program: Program, given: dict[str, object]) -> int:
    from courriel.wlangage.language.functions.desk import Desk
    from courriel.wlangage.language.run import Interrupted, run
    from courriel.wlangage.language.running.machine import ProgramStopped
    from courriel.wlangage.language.running.tracing import NO_TRACE, PrintedTrace
    from courriel.wlangage.language.secret_names import secret_names, secret_values
    from courriel.wlangage.language.syntax.words import folded

    def show(text: str) -> None:
        for line in text.split("\n"):
            if not report.values({"output": line}):
                report.line(visible(line))

    desk = Desk(Path(task.file).parent, allowed=map(Path, task.allowed), answers=task.answers, say=show)
    trace = NO_TRACE
    if task.trace:
        names = secret_names(program)
        values = secret_values(program) | {str(value) for name, value in given.items() if folded(name) in names}
        trace = PrintedTrace(report.aside, names, values)
    try:
        with _instead(report, task) as elsewhere, _bounded_memory():
            run(program, desk, given, trace=trace, elsewhere=elsewhere)
    except ProgramStopped as stopped:
        text = stopped.text.in_(language())
        report.aside(f"{task.file}:{stopped.line}: {label('erreur', 'error')}{visible(text)}")
        report.values({"ok": False, "line": stopped.line, "error": text, "sysexit": SOFTWARE})
        return SOFTWARE
    except Interrupted as interrupted:
        report.aside(say(f"Interrompu à la ligne {interrupted.line}.", f"Interrupted at line {interrupted.line}."))
        return INTERRUPTED
    finally:
        desk.close()
    return OK


@contextmanager
def _bounded_memory() -> Generator[None]:
    """A limit for the memory of this process, where the system has one, so that a program ends before the machine."""
    try:
        import resource
    except ImportError:  # Windows
        yield
        return
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    bounds = [each for each in (before, most, _MEMORY) if each != resource.RLIM_INFINITY]
    try:
        resource.setrlimit(resource.RLIMIT_AS, (min(bounds), most))
    except (ValueError, OSError):  # more is in use already
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, most))


@contextmanager
def _instead(report: CommandReport, task: Task) -> Generator[Elsewhere | None]:
    """The servers in the place of the program's own, if any; a practice server tells what arrived."""
    from courriel import Route
    from courriel.wlangage.opening.elsewhere import Elsewhere

    if not task.sandbox:
        yield Elsewhere(map(_server_route, task.via)) if task.via else None
        return
    with Sandbox() as sandbox:
        try:
            yield Elsewhere([Route.parse(sandbox.starttls_url), Route.parse(sandbox.pop_starttls_url)])
        finally:
            _show_arrived(report, sandbox)


def _server_route(text: str) -> Route:
    """The setting of --via: a URL, or the name of a profile. Raises UsageError for one that leads to no server."""
    from courriel import Route
    from courriel.delivery.settings import profiles
    from courriel.delivery.settings.profile import PROFILE_NAME

    route = profiles.resolve(text) if PROFILE_NAME.fullmatch(text) else Route.parse(text)
    if route.server is None and not route.ways:
        raise errors.UsageError(
            say(
                f"--via {route.name} : l'URL d'un serveur, ou un profil qui en nomme un, est attendue",
                f"--via {route.name}: a URL of a server, or a profile that names one, is expected",
            )
        )
    return route


def _show_arrived(report: CommandReport, sandbox: Sandbox) -> None:
    """Print the mails that the practice server took."""
    letters = sandbox.letters
    if not letters:
        report.aside(say("Le serveur d'entraînement n'a reçu aucun message.", "The practice server received no mail."))
    for letter in letters:
        if not report.values(_letter_object(letter)):
            _show_letter(report, letter)


def _letter_object(letter: CapturedMessage) -> dict[str, object]:
    return {
        "arrived": {
            "from": str(letter.sender),
            "to": [str(each) for each in letter.recipients],
            "subject": letter.subject,
            "text": letter.text,
            "html": letter.html,
            "attachments": [each.name for each in letter.attachments],
        }
    }


def _show_letter(report: CommandReport, letter: CapturedMessage) -> None:
    recipients = ", ".join(str(each) for each in letter.recipients)
    report.line("")
    report.line(f"  {label('arrivé pour', 'arrived for')}{visible(recipients)}")
    report.line(f"  {label('objet', 'subject')}{visible(letter.subject)}")
    for line in (letter.text or letter.html).rstrip().splitlines()[:20]:
        report.line(f"  | {visible(line)}")
    for each in letter.attachments:
        report.line(f"  + {visible(each.name)}")


def _tell_checked(report: CommandReport, program: Program) -> None:
    """Print what was read: where each procedure begins and ends."""
    for procedure in program.procedures:
        report.line(
            say(
                f"PROCEDURE {procedure.name} : lignes {procedure.place.line} à {procedure.end}",
                f"PROCEDURE {procedure.name}: lines {procedure.place.line} to {procedure.end}",
            )
        )
    if not report.values({"ok": True, "procedures": [each.name for each in program.procedures], "sysexit": OK}):
        report.line(
            say("Le programme est compris ; rien n'a été exécuté.", "The program is understood; nothing was run.")
        )


def tell_remarks(report: CommandReport, name: str, program: str, remarks: tuple[Remark, ...]) -> None:
    """Print remarks about the text of a program."""
    from courriel.wlangage.language.syntax.problem import marked

    lines = program.splitlines()
    for remark in remarks:
        text = remark.text.in_(language())
        place = {"line": remark.place.line, "column": remark.place.column}
        if not report.values({"ok": remark.warning, **place, "text": text, "sysexit": OK if remark.warning else DATA}):
            report.aside("\n".join(visible(line) for line in marked(remark, lines, name, language()).split("\n")))
