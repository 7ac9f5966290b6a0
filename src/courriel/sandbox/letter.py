"""Mail received by the sandbox, with the facts of its session."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from courriel._dataclass import dataclass, field, replace
from courriel.dialogue.server.handler import Delivery, ServerSession
from courriel.model.received.address import ReceivedAddress
from courriel.model.received.attachment import ReceivedAttachment
from courriel.model.received.authentication import Authentication
from courriel.model.received.report import Report
from courriel.sandbox.said import Said
from courriel.wire.mime.checks import Finding
from courriel.wire.parse.letter import Letter

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_EXPECTED = (
    ("Date", "no-date", "the message has no Date (RFC 5322 3.6.1)"),
    ("From", "no-from", "the message has no From (RFC 5322 3.6.2)"),
    ("Message-ID", "no-message-id", "the message has no Message-ID (RFC 5322 3.6.4)"),
)


@dataclass(frozen=True, slots=True)
class CapturedMessage:
    """One received mail: its envelope, the facts of its session, and everything that a received `Letter` reads.

    `sender` is the envelope's, "" for the null sender, and so are `recipients`; what the mail itself says of its sender
    is `letter.sender`. `user` is the login name of the client, `mechanism` how it logged in, `path` is the
    `.eml` file when there is one.
    """

    number: int
    sender: str
    recipients: tuple[str, ...]
    source: bytes | Callable[[], bytes] = field(repr=False)
    """The octets, or what reads them from a file."""
    size: int
    """Octets of the content."""
    received: datetime
    user: str = ""
    hello: str = ""
    peer: str = ""
    tls_version: str = ""
    mechanism: str = ""
    path: Path | None = None
    delivery: Delivery | None = field(default=None, repr=False)
    """The envelope with all parameters of MAIL and RCPT; None for a mail of an earlier run."""
    said: Said = field(default_factory=Said, repr=False, compare=False)
    """The dialogue of the session that brought it."""
    known_findings: tuple[Finding, ...] | None = field(default=None, repr=False, compare=False)
    """The findings, once somebody asked for them, or from a file."""
    _letter: Letter | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls, number: int, delivery: Delivery, session: ServerSession, received: datetime, path: Path | None
    ) -> CapturedMessage:
        """Make it from a delivery and its session."""
        return cls(
            number=number,
            sender=delivery.origin.sender.spec if delivery.origin.sender else "",
            recipients=tuple(recipient.address.spec for recipient in delivery.recipients),
            source=delivery.content,
            size=len(delivery.content),
            received=received,
            user=session.user,
            hello=session.hello,
            peer=session.peer,
            tls_version=session.tls_version,
            mechanism=session.mechanism,
            path=path,
            delivery=delivery,
            said=Said.of(session.noted),
        )

    def stored(self, read: Callable[[], bytes]) -> CapturedMessage:
        """Return a copy whose octets are read when they are asked for, and not kept in memory."""
        return replace(self, source=read, delivery=None, known_findings=self.findings)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings on what other servers may not accept; looked for when they are first asked for."""
        if self.known_findings is None:
            found = () if self.delivery is None else self.delivery.findings
            object.__setattr__(self, "known_findings", (*found, *_findings_on_headers(self.content)))
        return self.known_findings or ()

    # The mail, as reading by POP3 or IMAP would hand it out.

    @property
    def content(self) -> bytes:
        """All octets, exactly as they came."""
        return self.source if isinstance(self.source, bytes) else self.source()

    @property
    def raw(self) -> bytes:
        """All octets, exactly as they came, as `Letter.raw`."""
        return self.content

    @property
    def letter(self) -> Letter:
        """The mail as reading hands it out; kept as long as the mail itself is in memory."""
        if not isinstance(self.source, bytes):
            return Letter.parse(self.content)
        if self._letter is None:
            object.__setattr__(self, "_letter", Letter.parse(self.source))
        assert self._letter is not None
        return self._letter

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """All fields of the header in order, decoded."""
        return self.letter.headers

    def header(self, name: str) -> str:
        """First field of that name, decoded; "" when there is none."""
        return self.letter.header(name)

    @property
    def subject(self) -> str:
        """The decoded subject, "" when there is none."""
        return self.letter.subject

    @property
    def to(self) -> tuple[ReceivedAddress, ...]:
        """Addresses of To in the header; who really receives it is in `recipients`."""
        return self.letter.to

    @property
    def cc(self) -> tuple[ReceivedAddress, ...]:
        """Addresses of Cc in the header."""
        return self.letter.cc

    @property
    def reply_to(self) -> tuple[ReceivedAddress, ...]:
        """Addresses for replies."""
        return self.letter.reply_to

    @property
    def date(self) -> datetime | None:
        """Date of the header; None when there is no valid one."""
        return self.letter.date

    @property
    def message_id(self) -> str:
        """Message-ID, "" when there is none."""
        return self.letter.message_id

    @property
    def text(self) -> str:
        """Plain text, made from the HTML when there is HTML only; lines end in "\\n"."""
        return self.letter.text

    @property
    def html(self) -> str:
        """The HTML, "" when there is none."""
        return self.letter.html

    @property
    def attachments(self) -> tuple[ReceivedAttachment, ...]:
        """The attachments, inline images and attached mails included; file names are safe."""
        return self.letter.attachments

    @property
    def report(self) -> Report | None:
        """Report about an earlier mail: a bounce, a complaint, an automatic reply; None for any other letter."""
        return self.letter.report

    @property
    def authentication(self) -> Authentication:
        """Checks of its sender by hosts that it passed; the practice server itself makes none."""
        return self.letter.authentication

    @property
    def defects(self) -> tuple[str, ...]:
        """Defects of the mail, a sentence each."""
        return self.letter.defects

    @property
    def message(self) -> EmailMessage:
        """The mail as an EmailMessage of the standard library, read each time; errors in it are in its `defects`."""
        from email import message_from_bytes, policy

        return message_from_bytes(self.content, policy=policy.default)

    def fits(self, to: str | None, subject: str | None) -> bool:
        """Whether it has this recipient, and this text in its subject; None matches every mail."""
        return (to is None or to.lower() in map(str.lower, self.recipients)) and (
            subject is None or subject in self.subject
        )

    def __str__(self) -> str:
        to = ", ".join(self.recipients)
        return f"{self.number}: {self.subject or '(no subject)'} from {self.sender or '<>'} to {to}"


# The steps.


def _findings_on_headers(content: bytes) -> tuple[Finding, ...]:
    end = _END_OF_HEAD.search(content)
    head = content[: end.start()] if end else content
    names = {name.lower() for name in re.findall(rb"^([!-9;-~]+)[ \t]*:", head, re.MULTILINE)}
    findings = [Finding(kind, text) for name, kind, text in _EXPECTED if name.lower().encode() not in names]
    if b"bcc" in names:
        # Every recipient can read the others' addresses (hazard H34).
        findings.append(Finding("bcc", "the message carries a Bcc header: every recipient reads it"))
    return tuple(findings)
