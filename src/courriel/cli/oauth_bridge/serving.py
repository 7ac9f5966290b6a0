"""`courriel oauth-bridge` on the terminal: its ports, its password (once), and one line for each session."""

from __future__ import annotations

import errno
import sys
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from courriel import OAuthBridge, errors
from courriel.bridge import password as passwords
from courriel.bridge.accounts import found_accounts
from courriel.cli.i18n import label, say, transcript_line, visible
from courriel.cli.oauth_bridge.session_line import problem_words, session_line, session_object
from courriel.cli.reporting import CommandReport
from courriel.cli.signals import Ending, asked_to_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from courriel.cli.command import GlobalOptions
    from courriel.types import BridgeRoutes, RelayedSession

_LOOK_AGAIN = 0.2  # seconds between two looks at what has ended

UNAVAILABLE, CONFIGURATION = 69, 78


def make_password(manner: GlobalOptions) -> int:
    """Make a password, and print it: the only line on standard output."""
    report = CommandReport(manner)
    made = passwords.renew()
    report.aside(
        say("Mot de passe local, montré cette seule fois ; celui d'avant ne vaut plus :",
            "Local password, shown this once; an older one is no longer valid:")
    )  # fmt: skip
    if not report.values({"ok": True, "password": made, "sysexit": 0}):
        report.line(made)
    return report.status


def serve(
    manner: GlobalOptions, accounts: Mapping[str, list[str]], host: str, ports: dict[str, int], *, transcript: bool
) -> int:
    """Run the bridge and report each session until SIGINT or SIGTERM; return the exit status."""
    report = CommandReport(manner)
    sessions: SimpleQueue[RelayedSession] = SimpleQueue()
    bridge = OAuthBridge(
        _served(accounts),
        _password(report),
        host=host,
        smtp_port=ports["smtp"],
        pop3_port=ports["pop3"],
        imap_port=ports["imap"],
        on_session=sessions.put,
        record=transcript,
    )
    with asked_to_end() as ended:
        try:
            with bridge:
                _introduce(report, bridge)
                _report_sessions(report, sessions, ended, transcript=transcript)
        except OSError as refused:
            if isinstance(refused, errors.CourrielError):
                raise
            _report_port(report, refused)
            return report.status
    while _report_one(report, sessions, transcript=transcript):
        pass
    report.aside(say("Fermé.", "Closed."))
    return report.status


# The steps.


def _served(given: Mapping[str, list[str]]) -> Mapping[str, BridgeRoutes]:
    """The accounts of the command line, beside those of the settings; the former count where both have a name."""
    return {**found_accounts(logins=not given), **given}


def _password(report: CommandReport) -> str:
    """The stored password; made now, and shown, when there is none and somebody can see it."""
    known = passwords.stored()
    if known:
        return known
    if not sys.stdout.isatty():
        # Standard output may be a log.
        raise errors.UsageError(
            say("aucun mot de passe local n'a été fait : courriel oauth-bridge --new-password en montre un, une fois",
                "no local password has been made: courriel oauth-bridge --new-password shows one, once"),
            stage="authenticate",
        )  # fmt: skip
    made = passwords.renew()
    report.line(
        say(f"Mot de passe local, montré cette seule fois : {made}", f"Local password, shown this once: {made}")
    )
    return made


def _introduce(report: CommandReport, bridge: OAuthBridge) -> None:
    if report.values(
        {"event": "open", "host": bridge.host, "smtp_port": bridge.smtp_port, "pop3_port": bridge.pop3_port,
         "imap_port": bridge.imap_port, "users": {name: list(servers) for name, servers in bridge.users.items()}}
    ):  # fmt: skip
        return
    report.line(
        say("Passerelle ouverte, pour les programmes de cette machine :", "Bridge open, for programs on this machine:")
    )
    for name, port in (("SMTP", bridge.smtp_port), ("POP3", bridge.pop3_port), ("IMAP", bridge.imap_port)):
        if port:
            report.line(f"  {name}  {bridge.host}  {port}")
    for user, servers in bridge.users.items():
        report.line(f"  {visible(user)} → {', '.join(servers)}")
    report.line(
        say("  sans TLS ; le mot de passe est celui de la passerelle (--new-password en fait un autre)",
            "  without TLS; the password is the bridge's own (--new-password makes another)")
    )  # fmt: skip
    for trial in bridge.trials:
        user = visible(trial.user)
        if trial.error is None:
            report.line(say(f"✓ {trial.server} accepte {user}", f"✓ {trial.server} accepts {user}"))
        else:
            report.line(f"✗ {trial.server} {user}{say(' : ', ': ')}{problem_words(trial.error)}")
    report.line(say("Ctrl-C pour fermer.", "Ctrl-C to close."))


def _report_sessions(
    report: CommandReport, sessions: SimpleQueue[RelayedSession], ended: Ending, *, transcript: bool
) -> None:
    while not ended.wait(_LOOK_AGAIN):
        while _report_one(report, sessions, transcript=transcript):
            pass


def _report_one(report: CommandReport, sessions: SimpleQueue[RelayedSession], *, transcript: bool) -> bool:
    """Report a session that has ended; whether there was one."""
    try:
        ended = sessions.get_nowait()
    except Empty:
        return False
    if not report.values(session_object(ended)):
        report.line(session_line(ended))
    if transcript:
        for title, said in (
            (say("programme", "program"), ended.client),
            (say("fournisseur", "provider"), ended.provider),
        ):
            report.aside(f"  {label(title, title)}".rstrip())
            for line in said or ():
                report.aside(f"  {transcript_line(line)}")
    return True


def _report_port(report: CommandReport, refused: OSError) -> None:
    """Report why the bridge cannot listen."""
    if refused.errno == errno.EADDRINUSE:
        sentence = say(
            f"{refused.filename} est pris ; --smtp-port, --pop3-port, --imap-port en nomment un autre, 0 un port libre",
            f"{refused.filename} is taken; --smtp-port, --pop3-port and --imap-port name another port, 0 any free one",
        )
        report.failing(UNAVAILABLE, "PortTaken", sentence)
    else:
        report.system(refused)
