"""Server settings and the handler interface: limits, configuration, and the decisions behind each reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from courriel._dataclass import dataclass, field
from courriel.dialogue.server.mail_store import MailAccount
from courriel.errors import Stage
from courriel.model.servers.server import Dialect
from courriel.reply import Reply
from courriel.wire.mime.checks import Finding, check_message
from courriel.wire.smtp.parameters import MailFrom, RcptTo


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """ServerLimits of a server per session: octets, counts and seconds, all finite."""

    command: int = 2048  # octets; RFC 5321 4.5.3.1.4 says 512, and extensions add to it
    login: int = 12288  # octets of one line while AUTH runs (RFC 4954 4)
    message: int = 32 * 1024 * 1024  # octets, announced in the reply to EHLO (RFC 1870)
    line: int = 64 * 1024  # octets of one line of content; RFC 5321 allows 998, the practice server reports longer ones
    recipients: int = 1000  # of one message; RFC 5321 4.5.3.1.8 asks for 100 at least
    mistakes: int = 20  # invalid commands, before the session ends
    logins: int = 5  # refused logins, before the session ends
    messages: int = 10_000  # in one session
    sessions: int = 200  # at a time; further clients get 421
    patience: float = 300  # seconds of silence between two commands (RFC 5321 4.5.3.2.7)
    content_patience: float = 180  # seconds of silence within a message
    idle: float = 1800  # seconds of silence in an open mailbox, while IDLE waits too (RFC 9051 5.4, RFC 1939 3)
    session: float = 3600  # seconds of a whole session

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"limit {name}: a finite number above zero is needed")

    def seconds(self, stage: Stage) -> float:
        """Longest silence at a stage, in seconds."""
        if stage == "mailbox":
            return self.idle
        return self.content_patience if stage == "message" else self.patience


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Server configuration. `mechanisms` are offered in this order; without any, no login is possible."""

    name: str = "localhost"
    dialect: Dialect = Dialect.SMTP
    starttls: bool = False
    mechanisms: tuple[str, ...] = ()
    login_required: bool = False
    login_needs_tls: bool = False
    limits: ServerLimits = ServerLimits()


@dataclass(frozen=True, slots=True)
class Delivery:
    """Received message: the envelope from MAIL and RCPT, and the content unchanged."""

    origin: MailFrom
    recipients: tuple[RcptTo, ...]
    content: bytes = field(repr=False)
    session_findings: tuple[Finding, ...] = ()
    """Findings on the session that brought it, up to then."""
    single_dots: int = 0
    """Lines that began with a single dot, which is lost."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings on the session and on the octets, which are looked through each time: of most nobody asks."""
        announced = self.origin.eight_bit or self.origin.utf8
        return *self.session_findings, *check_message(self.in_lines, eight_bit=announced, single_dots=self.single_dots)

    @property
    def in_lines(self) -> bytes:
        """Octets in lines: the content, and of a binary one the header alone."""
        return self.content.partition(b"\r\n\r\n")[0] if self.origin.binary else self.content


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Scripted behaviour: close the connection without a reply."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Scripted behaviour: send nothing more, until the client hangs up or times out."""


@dataclass(frozen=True, slots=True)
class DuringData:
    """Scripted behaviour for DATA: accept it, and apply `then` when the first octets of the content arrive."""

    then: Reply | bytes | Disconnect | Stall


@dataclass(frozen=True, slots=True)
class LineFault:
    """Fault of a connection, whatever is said: answers octet by octet, or cut when so many octets have arrived."""

    drip: bool = False
    cut_at: int | None = None


@dataclass(frozen=True, slots=True)
class Quirk:
    """Scripted behaviour for IMAP: answer as usual, with the quirk of a real server (`wire/imap_server/quirks.py`)."""

    name: str


Answer: TypeAlias = "Reply | bytes | Disconnect | Stall | DuringData | Quirk"
"""Scripted answer in place of the usual reply; bytes are sent unchanged, valid or not."""
ANSWERS = (Reply, bytes, Disconnect, Stall, DuringData, Quirk)


class Maildrop:
    """Letters of an open mailbox, unchanged from login to logout.

    `letters` are pairs of unique id and octets, oldest first.
    """

    def __init__(self, letters: Sequence[tuple[str, bytes]] = ()) -> None:
        self.letters = letters

    def remove(self, uids: Sequence[str]) -> None:
        """Delete these letters now."""

    def release(self) -> None:
        """Unlock the mailbox after the session."""


Note: TypeAlias = Callable[[Literal["C", "S", "*"], str], None]


class NotedLine(Protocol):
    """One line of a session's transcript."""

    @property
    def seconds(self) -> float: ...
    @property
    def who(self) -> str: ...
    @property
    def text(self) -> str: ...


class NotedLines(Protocol):
    """Transcript of a session, as far as the server's handlers look at it."""

    @property
    def elapsed(self) -> float:
        """Seconds since its start."""
        ...

    def __iter__(self) -> Iterator[NotedLine]: ...


class ServerSession:
    """State of one session on the server side."""

    def __init__(
        self, *, peer: str = "", tls_version: str = "", note: Note | None = None, noted: NotedLines | None = None
    ) -> None:
        """`note` adds a line to the transcript, `noted` is the transcript itself."""
        self.peer = peer
        self.tls_version = tls_version
        self.secured = bool(tls_version)
        self.hello = ""
        self.extended = False
        """Whether the client sent EHLO or LHLO, so that extensions may be used."""
        self.user = ""
        self.mechanism = ""
        """How the client logged in, such as PLAIN."""
        self.noted = noted
        self.messages = 0
        self.refused_logins = 0
        self.findings: list[Finding] = []
        self.failures: list[Exception] = []
        """Exceptions of the handler; the client got 451, the owner of the server may log them."""
        self.wake: Callable[[], None] = _nobody
        """Ends the wait of this session for what its client says, on any thread: something has happened."""
        self.note: Note = note or _noted_nowhere
        """Adds a line to the transcript, if there is one; callers leave secrets out."""

    def add_finding(self, kind: str, text: str) -> None:
        """Report a deviation of the client, once a session."""
        if all(known.kind != kind for known in self.findings):
            self.findings.append(Finding(kind, text))


class ServerHandler:
    """Handler of a server's decisions, one method for each event; this base class accepts everything.

    Each may return None (the usual reply), a Reply, raw bytes, `Disconnect` or `Stall`; `data` also `DuringData`. A
    Reply of 2xx or 3xx replaces the usual one and the conversation goes on; any other is a refusal. They run between
    two steps of the conversation and must not block.
    """

    def line(self, session: ServerSession) -> LineFault | None:
        """Fault of the connection itself; asked once, when it begins."""

    def connect(self, session: ServerSession) -> Answer | None:
        """New connection, before the greeting."""

    def greeting(self, session: ServerSession) -> Answer | None:
        """Greeting."""

    def hello(self, session: ServerSession, name: str) -> Answer | None:
        """EHLO, HELO, LHLO with the client's name, or CAPA, CAPABILITY."""

    def secure(self, session: ServerSession) -> Answer | None:
        """STARTTLS or STLS."""

    def authenticate(self, session: ServerSession, mechanism: str) -> Answer | None:
        """Start of a login; the user is not known yet."""

    def check(self, user: str, secret: str) -> bool:
        """Whether this secret (a password, or a token) is this user's."""
        return True

    def secret_of(self, user: str) -> str | None:
        """Password of a user, for mechanisms that never send it; None when there is none."""
        return None

    def sender(self, session: ServerSession, origin: MailFrom) -> Answer | None:
        """MAIL."""

    def recipient(self, session: ServerSession, recipient: RcptTo) -> Answer | None:
        """RCPT with one more recipient."""

    def data(self, session: ServerSession) -> Answer | None:
        """DATA, or the first BDAT, before the content."""

    def message(self, session: ServerSession, delivery: Delivery) -> Answer | Mapping[str, Reply] | None:
        """Complete message. In LMTP a mapping gives replies to recipients by address; the others get the usual one."""

    def open_mailbox(self, session: ServerSession, user: str) -> Maildrop | Answer | None:
        """Mailbox of a user who has logged in (POP3); None when there is none, an answer when it cannot be opened."""

    def open_account(self, session: ServerSession, user: str) -> MailAccount | Answer | None:
        """Folders of a user who has logged in (IMAP); None when there are none, an answer when they cannot be had."""

    def mailbox(self, session: ServerSession, verb: str) -> Answer | None:
        """Command about the mailbox as a whole, or DELE; in IMAP any command behind the login (`UID FETCH` is one)."""

    def letter(self, session: ServerSession, uid: str) -> Answer | None:
        """RETR or TOP of one letter, FETCH of its text; `uid` is the unique id of POP3."""

    def goodbye(self, session: ServerSession) -> Answer | None:
        """QUIT, LOGOUT."""


def _noted_nowhere(direction: Literal["C", "S", "*"], text: str) -> None:
    """Note nothing: the default of a session without a transcript."""


def _nobody() -> None:
    """Wake nobody: the default of a session without a connection."""
