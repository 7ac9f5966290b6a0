"""Mail received by the sandbox, with the facts of its session."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from courriel.dialogue.server.handler import Delivery, ServerSession
from courriel.wire.mime.checks import Finding

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

_EXPECTED = (
    ("Date", "no-date", "the message has no Date (RFC 5322 3.6.1)"),
    ("From", "no-from", "the message has no From (RFC 5322 3.6.2)"),
    ("Message-ID", "no-message-id", "the message has no Message-ID (RFC 5322 3.6.4)"),
)


@dataclass(frozen=True)
class CapturedMessage:
    """One received mail; `message`, `subject`, `text`, `html` and `attachments` are parsed from it on access.

    `sender` is the envelope's, "" for the null sender, and so are `recipients`. `user` is the login name of the client,
    `findings` are findings on what other servers may not accept, `path` is the `.eml` file when there is one.
    """

    number: int
    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    received: datetime
    findings: tuple[Finding, ...] = ()
    user: str = ""
    hello: str = ""
    peer: str = ""
    tls_version: str = ""
    path: Path | None = None
    delivery: Delivery | None = field(default=None, repr=False)
    """The envelope with all parameters of MAIL and RCPT."""

    @classmethod
    def of(
        cls, number: int, delivery: Delivery, session: ServerSession, received: datetime, path: Path | None
    ) -> CapturedMessage:
        """Make it from a delivery and its session."""
        return cls(
            number=number,
            sender=delivery.origin.sender.spec if delivery.origin.sender else "",
            recipients=tuple(recipient.address.spec for recipient in delivery.recipients),
            content=delivery.content,
            received=received,
            findings=(*delivery.findings, *_findings_on_headers(delivery.content)),
            user=session.user,
            hello=session.hello,
            peer=session.peer,
            tls_version=session.tls_version,
            path=path,
            delivery=delivery,
        )

    @cached_property
    def message(self) -> EmailMessage:
        """The mail as an EmailMessage of the standard library; errors in it are in its `defects`."""
        from email import message_from_bytes, policy

        return message_from_bytes(self.content, policy=policy.default)

    @property
    def subject(self) -> str:
        """The decoded subject."""
        return self._header("Subject")

    @property
    def text(self) -> str:
        """The plain text, "" when there is none; lines end in "\\n"."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The HTML, "" when there is none."""
        return self._body("html")

    @property
    def attachments(self) -> dict[str, bytes]:
        """The attachments by file name; never use a name as a path unchecked.

        Equal or missing names are numbered.
        """
        found: dict[str, bytes] = {}
        for part in self.message.iter_attachments():
            name = shown = part.get_filename() or "attachment"
            number = 1
            while shown in found:
                number += 1
                shown = f"{name} ({number})"
            payload = part.get_content() if part.is_multipart() else part.get_payload(decode=True)
            found[shown] = payload if isinstance(payload, bytes) else bytes(payload)
        return found

    def fits(self, to: str | None, subject: str | None) -> bool:
        """Whether it has this recipient, and this text in its subject; None matches every mail."""
        return (to is None or to.lower() in map(str.lower, self.recipients)) and (
            subject is None or subject in self.subject
        )

    def __str__(self) -> str:
        to = ", ".join(self.recipients)
        return f"{self.number}: {self.subject or '(no subject)'} from {self.sender or '<>'} to {to}"

    def _header(self, name: str) -> str:
        try:
            return str(self.message[name] or "")
        except Exception:  # noqa: BLE001 - the standard parser breaks on some hostile headers in many ways
            return ""

    def _body(self, kind: str) -> str:
        try:
            part = self.message.get_body((kind,))
            return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
        except Exception:  # noqa: BLE001 - the same: an unknown character set, a broken transfer encoding
            return ""


# The steps.


def _findings_on_headers(content: bytes) -> tuple[Finding, ...]:
    head = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[0]
    names = {name.lower() for name in re.findall(rb"^([!-9;-~]+)[ \t]*:", head, re.MULTILINE)}
    findings = [Finding(kind, text) for name, kind, text in _EXPECTED if name.lower().encode() not in names]
    if b"bcc" in names:
        # Every recipient can read the others' addresses (hazard H34).
        findings.append(Finding("bcc", "the message carries a Bcc header: every recipient reads it"))
    return tuple(findings)
