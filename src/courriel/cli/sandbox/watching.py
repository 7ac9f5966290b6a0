"""`courriel sandbox` on the terminal: its URLs, and one line for each mail received."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from courriel import Sandbox, errors
from courriel.cli.i18n import say, visible
from courriel.cli.reporting import CommandReport
from courriel.cli.sandbox.introducing import introduce
from courriel.cli.sandbox.plan import Plan
from courriel.cli.signals import Ending, asked_to_end
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel.cli.command import GlobalOptions
    from courriel.types import CapturedMessage

_LOOK_AGAIN = 0.2  # seconds between two polls

UNAVAILABLE, NO_HOST, NOT_PERMITTED = 69, 68, 77


def watch(manner: GlobalOptions, plan: Plan) -> int:
    """Run the server and report each mail until SIGINT or SIGTERM, or the first mail; return the exit status."""
    report = CommandReport(manner)
    with asked_to_end() as ended, _folder(plan) as folder:
        try:
            with plan.sandbox(folder) as sandbox:
                for name in plan.play:
                    sandbox.play(name)
                introduce(report, sandbox, plan, folder)
                _print_letters(report, sandbox, plan, ended)
        except OSError as refused:
            if isinstance(refused, errors.CourrielError):
                raise
            _print_addresses(report, refused, plan)
            return report.status
    report.aside(say("Fermé.", "Closed."))
    return report.status


# The steps.


@contextmanager
def _folder(plan: Plan) -> Generator[str | None, None, None]:
    """The folder given; without one and without a page a temporary one, removed when it is empty."""
    if plan.folder is not None or plan.has_page:
        yield plan.folder
        return
    where = tempfile.mkdtemp(prefix="courriel-sandbox-")
    try:
        yield where
    finally:
        with suppress(OSError):
            Path(where).rmdir()


def _print_letters(report: CommandReport, sandbox: Sandbox, plan: Plan, ended: Ending) -> None:
    last_shown = max((letter.number for letter in sandbox.letters), default=0) if plan.data else 0
    while True:
        last_look = ended.wait(_LOOK_AGAIN)
        for letter in sandbox.letters:
            if letter.number > last_shown:
                last_shown = letter.number
                _print_letter(report, letter, sandbox.preview_url(letter) if plan.has_page else "")
                if plan.once:
                    return
        if last_look:
            return


def _print_letter(report: CommandReport, letter: CapturedMessage, page: str) -> None:
    path = str(letter.path) if letter.path else ""
    to = [*letter.recipients]
    if report.values(
        {"event": "letter", "number": letter.number, "from": letter.sender, "to": to, "subject": letter.subject,
         "path": path, "page": page or None, "user": letter.user or None, "tls": letter.tls_version or None,
         "remarks": [finding.text for finding in letter.findings]}
    ):  # fmt: skip
        return
    subject = visible(letter.subject) or say("(sans objet)", "(no subject)")
    sender = visible(letter.sender) or "<>"
    where = "  ".join(filter(None, (f"→ {page}" if page else "", path)))
    report.line(
        say(
            f"{letter.number:>4}  de {sender}  à {visible(', '.join(to))}  « {subject} »  {where}",
            f'{letter.number:>4}  from {sender}  to {visible(", ".join(to))}  "{subject}"  {where}',
        )
    )


def _print_addresses(report: CommandReport, refused: OSError, plan: Plan) -> None:
    """Report why the server cannot listen."""
    host = plan.host
    option, port = _taken(plan)
    address = f"{host}:{port}"
    if refused.errno == errno.EADDRINUSE:
        sentence = say(
            f"le port {port} est déjà pris sur {host} ; {option} 0 en prend un libre",
            f"port {port} is taken already on {host}; {option} 0 takes a free one",
        )
        report.failing(UNAVAILABLE, "PortTaken", sentence)
    elif isinstance(refused, PermissionError):
        sentence = say(
            f"{refused.filename or address} : permission refusée ; les ports au-dessous de 1024 sont réservés",
            f"{refused.filename or address}: permission denied; ports below 1024 are reserved",
        )
        report.failing(NOT_PERMITTED, "PermissionError", sentence)
    elif refused.filename is not None:
        report.system(refused)
    else:
        sentence = say(
            f"impossible d'écouter sur {address} : {spoken(refused.strerror or str(refused))}",
            f"cannot listen at {address}: {refused}",
        )
        report.failing(
            NO_HOST if type(refused).__name__ == "gaierror" else UNAVAILABLE, type(refused).__name__, sentence
        )


def _taken(plan: Plan) -> tuple[str, int]:
    """The option and the port, of those that were given, on which nobody can listen now; else the first of them."""
    import socket

    asked = [
        (option, port)
        for option, port in (
            ("--smtp-port", plan.port), ("--tls-port", plan.tls_port), ("--pop-port", plan.pop_port),
            ("--imap-port", plan.imap_port), ("--web-port", plan.web_port),
        )
        if port
    ]  # fmt: skip
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    for option, port in asked:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((plan.host, port))
            except OSError:
                return option, port
    return asked[0] if asked else ("--smtp-port", 0)
