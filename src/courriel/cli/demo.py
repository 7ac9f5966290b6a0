"""`courriel demo`: the library's main uses on a practice server of this machine, step by step."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say, visible

if TYPE_CHECKING:
    from courriel.cli.reporting import CommandReport
    from courriel.demo.scene import Played
    from courriel.demo.stage import Stage
    from courriel.types import CapturedMessage

SOFTWARE = 70
_WIDTH = 104


@click.command(
    cls=Command,
    words=Bilingual(
        "Montre la bibliothèque en action sur un serveur d'entraînement de cette machine : chaque étape, le code "
        "exécuté, sa sortie. Rien ne sort de la machine.",
        "Demonstrates the library on a practice server on this machine: each step, the code it runs, its output. "
        "Nothing leaves the machine.",
    ),
    examples=["courriel demo", "courriel demo --lang fr --folder mails"],
)
@option("--folder", value=Bilingual("DOSSIER", "FOLDER"),
        fr="Dossier des messages reçus (.eml) ; par défaut un dossier temporaire.",
        en="Folder for the received mails (.eml); default: a temporary one.")  # fmt: skip
@click.pass_obj
def command(manner: GlobalOptions, folder: str | None) -> int:
    """Run the steps, and report whether each gave the expected result."""
    from courriel.cli.reporting import CommandReport
    from courriel.demo.stage import stage

    report = CommandReport(manner)
    where = Path(folder or tempfile.mkdtemp(prefix="courriel-demo-")).absolute()
    wrong: list[int] = []
    with stage(where) as open_stage:
        if not manner.json:
            _introduce(report, open_stage)
        for played in open_stage.play():
            if not report.values(_step_object(played)):
                _show(report, played, open_stage)
            if played.failure:
                wrong.append(played.number)
        status = SOFTWARE if wrong else 0
        if not report.values({"ok": not wrong, "folder": str(where), "sysexit": status}):
            _print_end(report, where, wrong)
            _keep_open(report, open_stage)
    return status


# The steps.


def _introduce(report: CommandReport, stage: Stage) -> None:
    if stage.page:
        report.line(
            say(f"La page du serveur d'entraînement : {stage.page}\n", f"The practice server's page: {stage.page}\n")
        )
    port, tls_port = stage.sandbox.port, stage.sandbox.tls_port
    report.line(
        say(
            "courriel, la démonstration : ouvrir une session, envoyer, savoir ce qu'il en est advenu.\n\n"
            f"Le serveur d'entraînement écoute sur 127.0.0.1 : port {port} (en clair et STARTTLS), "
            f"port {tls_port} (TLS).\n"
            "Son autorité de certification vient d'être faite sur place. "
            "Son seul compte : ada, mot de passe « secret ».",
            "courriel, the demo: open a session, send, know what became of it.\n\n"
            f"The practice server listens at 127.0.0.1: port {port} (in clear and STARTTLS), port {tls_port} (TLS).\n"
            'Its certificate authority was made on the spot. Its only account: ada, password "secret".',
        )
    )


def _show(report: CommandReport, played: Played, stage: Stage) -> None:
    report.line(f"\n{played.number}. {played.title}\n")
    for line in played.code.splitlines():
        report.line(f"   │ {line}".rstrip())
    report.line("")
    for line in played.output.splitlines():
        first, *more = wrap(visible(line), _WIDTH - 5, break_long_words=False, break_on_hyphens=False) or [""]
        report.line(f"   → {first}")
        for each in more:
            report.line(f"     {each}")
    for letter in played.letters:
        _print_letter(report, letter, stage.preview(letter))
    if played.failure:
        report.line(f"   ✗ {visible(played.failure)}")


_BESIDE_A_NAME = 3


def _print_letter(report: CommandReport, letter: CapturedMessage, preview: str) -> None:
    """Print one mail received by the server, and its address in the page."""
    to = ", ".join(letter.recipients)
    line = letter.tls_version or say("en clair", "in clear")
    login = (
        say(f"authentifié : {letter.user}", f"login: {letter.user}")
        if letter.user
        else say("sans authentification", "no login")
    )
    parts = [line, login]
    if letter.html:
        parts.append("HTML")
    parts += [f"{file.name} ({file.size} {say('octets', 'bytes')})" for file in letter.attachments]
    name, sender = letter.path.name if letter.path else "", letter.sender or "<>"
    report.line(
        say(
            f"   ✓ le serveur a reçu « {letter.subject} », de {sender} à {to}",
            f'   ✓ the server got "{letter.subject}", from {sender} to {to}',
        )
    )
    # Of three things and more the file has a line of its own: a terminal has 80 to 120 columns.
    lines = [[*parts, name]] if len(parts) <= _BESIDE_A_NAME else [parts, [name]]
    for words in lines:
        report.line(f"     {' · '.join(words)}")
    if preview:
        report.line(say(f"     à voir : {preview}", f"     to be seen: {preview}"))


def _print_end(report: CommandReport, folder: Path, wrong: list[int]) -> None:
    if wrong:
        steps = ", ".join(map(str, wrong))
        report.line(
            say(f"\n✗ N'ont pas donné ce qui était annoncé : {steps}.", f"\n✗ Did not do what was announced: {steps}.")
        )
    else:
        report.line(say("\nTout s'est passé comme annoncé.", "\nAll went as announced."))
    report.line(say(f"Les messages reçus sont là : {folder}", f"The mails received lie here: {folder}"))
    for path in sorted(folder.glob("*.eml")):
        report.line(f"   {path.name}")


def _keep_open(report: CommandReport, stage: Stage) -> None:
    """Leave the page open until Ctrl-C, for somebody who sits before a terminal and may open its links."""
    if not (stage.page and sys.stdin.isatty() and sys.stdout.isatty()):
        return
    from courriel.cli.signals import asked_to_end

    report.line(say(f"\nLa page reste ouverte : {stage.page}", f"\nThe page stays open: {stage.page}"))
    report.line(say("Ctrl-C pour fermer.", "Ctrl-C to close."))
    with asked_to_end() as ended:
        while not ended.wait(3600):
            pass


def _step_object(played: Played) -> dict[str, object]:
    return {
        "scene": played.number,
        "ok": not played.failure,
        "title": played.title,
        "code": played.code,
        "said": played.output,
        "letters": [str(letter.path) for letter in played.letters],
        "mishap": played.failure or None,
    }
