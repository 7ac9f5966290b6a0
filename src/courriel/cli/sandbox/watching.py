"""`courriel sandbox` on the terminal: its URLs, and one line for each mail received."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from courriel import Sandbox, Server, errors
from courriel.cli.i18n import label, say, visible
from courriel.cli.reporting import Report
from courriel.cli.signals import Ending, asked_to_end
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel.cli.command import GlobalOptions
    from courriel.types import CapturedMessage

_LOOK_AGAIN = 0.2  # seconds between two polls
_LETTERS_IN_MEMORY = 100  # all letters are in the folder

UNAVAILABLE, NO_HOST, NOT_PERMITTED = 69, 68, 77


def watch(
    manner: GlobalOptions, host: str, port: int, tls_port: int, folder: str | None, users: Mapping[str, str] | None
) -> int:
    """Run the server and report each mail until SIGINT or SIGTERM; return the exit status."""
    report = Report(manner)
    with asked_to_end() as ended, _folder(folder) as where:
        try:
            with Sandbox(host, port, tls_port=tls_port, folder=where, users=users, keep=_LETTERS_IN_MEMORY) as sandbox:
                _introduce(report, sandbox, where, users)
                _print_letters(report, sandbox, ended)
        except OSError as refused:
            if isinstance(refused, errors.CourrielError):
                raise
            _print_addresses(report, refused, host, port)
            return report.status
    report.aside(say("Fermé.", "Closed."))
    return report.status


# The steps.


@contextmanager
def _folder(named: str | None) -> Generator[str, None, None]:
    """The folder given, or a temporary one, removed when it is empty."""
    if named is not None:
        yield named
        return
    where = tempfile.mkdtemp(prefix="courriel-sandbox-")
    try:
        yield where
    finally:
        with suppress(OSError):
            Path(where).rmdir()


def _introduce(report: Report, sandbox: Sandbox, folder: str, users: Mapping[str, str] | None) -> None:
    clear, starttls, tls = (
        sandbox.url,
        _existing_url(lambda: sandbox.starttls_url),
        _existing_url(lambda: sandbox.tls_url),
    )
    if report.values(
        {
            "event": "open",
            "url": clear,
            "starttls_url": starttls,
            "tls_url": tls,
            "pop_url": sandbox.pop_url,
            "pops_url": _existing_url(lambda: sandbox.pops_url),
            "imap_url": sandbox.imap_url,
            "imaps_url": _existing_url(lambda: sandbox.imaps_url),
            "folder": folder,
            "users": list(users or ()),
        }
    ):
        return
    if not Server(sandbox.host, sandbox.port).local:
        report.aside(
            f"{label('attention', 'warning')}"
            + say(
                f"{sandbox.host} n'est pas réservé à cette machine : d'autres peuvent y déposer des messages, "
                "et les lire en chemin",
                f"{sandbox.host} is not this machine alone: others can put mails in, and read them on the road",
            )
        )
    report.line(
        say(
            "Serveur d'entraînement ouvert ; collez l'une de ces URL :",
            "Practice server open; paste one of these URLs:",
        )
    )
    report.line(say(f"  en clair   {clear}", f"  in clear   {clear}"))
    if starttls and tls:
        report.line(f"  STARTTLS   {starttls}")
        report.line(f"  TLS        {tls}")
    else:
        report.line(say('  TLS        pip install "courriel[sandbox]"', '  TLS        pip install "courriel[sandbox]"'))
    # The mailbox of one recipient, as an example.
    by_pop, by_imap = sandbox.pop_url, sandbox.imap_url
    if not users:
        by_pop, by_imap = (url.replace("://", "://bob%40example.org:secret@") for url in (by_pop, by_imap))
    report.line(say(f"  à lire     {by_pop}", f"  to read    {by_pop}"))
    report.line(
        f"             {by_imap}"
        + ("" if users else say("  (le nom est l'adresse du destinataire)", "  (the name is the recipient's address)"))
    )
    known = ", ".join(users or ())
    report.line(
        say(
            f"  compte     {known} ; on dépose aussi sans compte",
            f"  login      {known}; mail is taken without one too",
        )
        if known
        else say("  compte     tous sont acceptés, aucun n'est exigé", "  login      any is taken, none is required")
    )
    report.line(say(f"  messages   {folder}", f"  mails      {folder}"))
    report.line(say("Ctrl-C pour fermer.", "Ctrl-C to close."))


def _print_letters(report: Report, sandbox: Sandbox, ended: Ending) -> None:
    last_shown = 0  # letters of earlier runs are not in memory
    while True:
        last_look = ended.wait(_LOOK_AGAIN)
        for letter in sandbox.letters:
            if letter.number > last_shown:
                last_shown = letter.number
                _print_letter(report, letter)
        if last_look:
            return


def _print_letter(report: Report, letter: CapturedMessage) -> None:
    path = str(letter.path) if letter.path else ""
    to = [*letter.recipients]
    if report.values(
        {"event": "letter", "number": letter.number, "from": letter.sender, "to": to, "subject": letter.subject,
         "path": path, "user": letter.user or None, "tls": letter.tls_version or None,
         "remarks": [finding.text for finding in letter.findings]}
    ):  # fmt: skip
        return
    subject = visible(letter.subject) or say("(sans objet)", "(no subject)")
    sender = visible(letter.sender) or "<>"
    report.line(
        say(
            f"{letter.number:>4}  de {sender}  à {visible(', '.join(to))}  « {subject} »  {path}",
            f'{letter.number:>4}  from {sender}  to {visible(", ".join(to))}  "{subject}"  {path}',
        )
    )


def _existing_url(url: Callable[[], str]) -> str | None:
    try:
        return url()
    except errors.MissingExtra:
        return None


def _print_addresses(report: Report, refused: OSError, host: str, port: int) -> None:
    """Report why the server cannot listen."""
    address = f"{host}:{port}"
    if refused.errno == errno.EADDRINUSE:
        sentence = say(
            f"le port {port} est déjà pris sur {host} ; --port 0 en prend un libre",
            f"port {port} is taken already on {host}; --port 0 takes a free one",
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
