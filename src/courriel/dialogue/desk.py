"""Behind the counter: on which terms a server serves, whom it serves, and who decides what is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from courriel.errors import Stage
from courriel.model.server import Dialect
from courriel.reply import Reply
from courriel.values import dataclass, field
from courriel.wire.parameters import MailFrom, RcptTo
from courriel.wire.scrutiny import Remark


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one visitor may ask of a server: octets, counts and seconds, every one of them finite."""

    command: int = 2048  # octets; RFC 5321 4.5.3.1.4 says 512, and each extension adds to it
    login: int = 12288  # octets of one line while AUTH runs (RFC 4954 4)
    message: int = 32 * 1024 * 1024  # octets, said in the answer to EHLO (RFC 1870)
    line: int = 64 * 1024  # octets of one line of content; RFC 5321 allows 998, and a practice server shows more
    recipients: int = 1000  # of one message; RFC 5321 4.5.3.1.8 asks for 100 at least
    mistakes: int = 20  # commands that were refused as such, before the session ends
    logins: int = 5  # refused logins, before the session ends
    messages: int = 10_000  # in one session
    sessions: int = 200  # at a time; who comes then is told 421
    patience: float = 300  # seconds of silence between two commands (RFC 5321 4.5.3.2.7)
    content_patience: float = 180  # seconds of silence within a message
    session: float = 3600  # seconds of a whole session

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"limit {name}: a finite number above zero is needed")

    def seconds(self, stage: Stage) -> float:
        """How long a silence is borne."""
        return self.content_patience if stage == "message" else self.patience


@dataclass(frozen=True, slots=True)
class Terms:
    """How a server presents itself. `mechanisms` are offered in this order; none of them: nobody logs in."""

    name: str = "localhost"
    dialect: Dialect = Dialect.SMTP
    starttls: bool = False
    mechanisms: tuple[str, ...] = ()
    login_required: bool = False
    login_needs_tls: bool = False
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it was handed over: the envelope in the words of MAIL and RCPT, and the content to the octet."""

    origin: MailFrom
    recipients: tuple[RcptTo, ...]
    content: bytes = field(repr=False)
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """Not an answer: the line is cut, without a word."""


@dataclass(frozen=True, slots=True)
class Mute:
    """Not an answer: nothing is said any more, until the visitor goes or the time is over."""


@dataclass(frozen=True, slots=True)
class Within:
    """At DATA: go on as usual, and have this happen when the first octets of the content are there."""

    then: Reply | bytes | Cut | Mute


Answer: TypeAlias = "Reply | bytes | Cut | Mute | Within"
"""What somebody behind the counter has said instead of us; bytes go on the line as they are, right or wrong."""


class Stock:
    """What one visitor of a mailbox has before him: the letters as they were when he came, until he goes.

    `letters` are a unique id and the octets of each, oldest first.
    """

    def __init__(self, letters: Sequence[tuple[str, bytes]] = ()) -> None:
        self.letters = letters

    def remove(self, uids: Sequence[str]) -> None:
        """Delete these, now."""

    def release(self) -> None:
        """He is gone: somebody else may come in."""


Note: TypeAlias = Callable[[Literal["C", "S", "*"], str], None]


class Visit:
    """One session as the server knows it."""

    def __init__(self, *, peer: str = "", tls_version: str = "", note: Note | None = None) -> None:
        self.peer = peer
        self.tls_version = tls_version
        self.secured = bool(tls_version)
        self.hello = ""
        self.extended = False
        """Whether the visitor said EHLO or LHLO, so that extensions may be used."""
        self.user = ""
        self.messages = 0
        self.refused_logins = 0
        self.remarks: list[Remark] = []
        self.mishaps: list[Exception] = []
        """What went wrong on our side; the visitor was told 451, the owner may want to know more."""
        self._note = note

    def note(self, who: Literal["C", "S", "*"], text: str) -> None:
        """Say it to the transcript, if anybody keeps one; what must not be there is not said here."""
        if self._note is not None:
            self._note(who, text)

    def remark(self, kind: str, text: str) -> None:
        """Remember what the visitor did, once a session."""
        if all(known.kind != kind for known in self.remarks):
            self.remarks.append(Remark(kind, text))


class Desk:
    """Who decides what is answered, one method for each moment; this one takes everything from everybody.

    Each may return None (go on as usual), a Reply, raw bytes, `Cut` or `Mute`; `data` also `Within`. A Reply of 2xx or
    3xx is said in place of ours and the conversation goes on; any other is a refusal. They run between two steps of the
    conversation and must not wait.
    """

    def connect(self, visit: Visit) -> Answer | None:
        """Somebody came, nothing has been said."""

    def greeting(self, visit: Visit) -> Answer | None:
        """The greeting is due."""

    def hello(self, visit: Visit, name: str) -> Answer | None:
        """Somebody introduced himself."""

    def secure(self, visit: Visit) -> Answer | None:
        """The line is to be made secure."""

    def authenticate(self, visit: Visit, mechanism: str) -> Answer | None:
        """Somebody wants to log in; who it is will be known later."""

    def check(self, user: str, secret: str) -> bool:
        """Whether this secret (a password, or a token) is this user's."""
        return True

    def secret_of(self, user: str) -> str | None:
        """The password of a user, for mechanisms that never say it."""
        return None

    def sender(self, visit: Visit, origin: MailFrom) -> Answer | None:
        """A message begins."""

    def recipient(self, visit: Visit, recipient: RcptTo) -> Answer | None:
        """It is to go to this address, too."""

    def data(self, visit: Visit) -> Answer | None:
        """The content is about to come."""

    def message(self, visit: Visit, delivery: Delivery) -> Answer | Mapping[str, Reply] | None:
        """It is there. In LMTP a mapping answers some recipients, by address, and the others as usual."""

    def open_mailbox(self, visit: Visit, user: str) -> Stock | Answer | None:
        """Somebody who has logged in wants his mailbox; None when he has none, an answer when not now."""

    def mailbox(self, visit: Visit, verb: str) -> Answer | None:
        """Something about the mailbox as a whole is asked, or a letter is to be deleted."""

    def letter(self, visit: Visit, uid: str) -> Answer | None:
        """A letter is to be handed over, or the head of it."""

    def goodbye(self, visit: Visit) -> Answer | None:
        """Somebody leaves politely."""
