"""Walk through a session: opened as programs open it, each stage timed, the envelope tried, and taken back."""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.client import ImapDialogue
from courriel.dialogue.pop3.client import PopDialogue
from courriel.dialogue.smtp import dry_run
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.doctor.visit.stage_log import StageLog
from courriel.errors import Stage
from courriel.model.envelope import Envelope
from courriel.model.received.limits import ReadLimits
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Dialect, Server
from courriel.network import blocking
from courriel.network.transcripts.transcript import Transcript

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias

Dialogue: TypeAlias = "SmtpDialogue | PopDialogue | ImapDialogue"

_LARGEST = 1024 * 1024  # octets of a letter; none is read
_WITHOUT_LOGIN: tuple[Stage, ...] = ("authenticate", "mailbox")


class Walk:
    """A walk through a session, and what it showed; `error` ended it, None when it came to its end."""

    def __init__(self, server: Server, log: StageLog) -> None:
        self.server, self.log = server, log
        self.greeting = ""
        self.capabilities: dict[str, str] = {}
        self.tls_version = ""
        self.mechanism = ""
        self.error: errors.CourrielError | None = None
        self.envelope: dry_run.DryRun | None = None
        self.envelope_error: errors.CourrielError | None = None

    @property
    def reached(self) -> Stage:
        """The stage at which it failed, or that it reached last."""
        return (self.error.stage if self.error is not None and self.error.stage else "") or self.log.last


def walk(
    server: Server,
    credentials: Credentials | None = None,
    *,
    envelope: Envelope | None = None,
    sender_only: bool = False,
    transcript: Transcript | None = None,
) -> Walk:
    """Open a session, log in when there are credentials, try the envelope, and leave. No message is ever sent."""
    dialogue = dialogue_for(server, credentials)
    line = blocking.Line(server, transcript)
    log = StageLog()
    seen = Walk(server, log)
    try:
        opening = log.follow(dialogue.open(), dialogue, stop_before=() if credentials else _WITHOUT_LOGIN)
        line.run(opening, opening=True)
    except errors.CourrielError as failed:
        if credentials is not None or failed.stage != "authenticate":
            seen.error = failed
        # Else: IMAP has come to its login, and asks for credentials.
    else:
        if envelope is not None and isinstance(dialogue, SmtpDialogue):
            _try_envelope(seen, line, log, dialogue, envelope, sender_only)
        _leave(line, dialogue)
    finally:
        line.hang_up()
    seen.tls_version = line.tls_version
    seen.greeting, seen.mechanism = dialogue.greeting, dialogue.mechanism
    seen.capabilities = dict(dialogue.capabilities)
    return seen


def dialogue_for(server: Server, credentials: Credentials | None) -> Dialogue:
    """The conversation that the server's protocol needs."""
    match server.dialect:
        case Dialect.POP3:
            return PopDialogue(server, credentials, _LARGEST)
        case Dialect.IMAP:
            return ImapDialogue(server, credentials, ReadLimits())
        case Dialect.SMTP | Dialect.LMTP:
            return SmtpDialogue(server, credentials)
        case Dialect.HTTPS:
            raise AssertionError(server)  # it is examined by requests (`doctor.http_visit`)


# The steps.


def _try_envelope(
    seen: Walk, line: blocking.Line, log: StageLog, dialogue: SmtpDialogue, envelope: Envelope, sender_only: bool
) -> None:
    asked: Flow[dry_run.DryRun | None] = log.follow(dry_run.ask(dialogue, envelope, sender_only=sender_only), dialogue)
    try:
        seen.envelope = line.run(asked)
    except errors.CourrielError as failed:
        seen.envelope_error = failed


def _leave(line: blocking.Line, dialogue: Dialogue) -> None:
    if line.broken or not isinstance(dialogue, SmtpDialogue):
        return  # POP3 and IMAP lose nothing: the line is closed
    try:
        line.run(dialogue.close())
    except errors.CourrielError:
        return
