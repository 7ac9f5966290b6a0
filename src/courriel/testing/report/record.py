"""Record of one mail in the report: what people see of it, without what differs in every run."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from courriel.types import CapturedMessage

_SHAPE = 1  # of the JSON; records of another are not read
_LEFT_OUT = {"date", "message-id", "received", "content-type", "mime-version", "content-transfer-encoding"}
_LONGEST = 3_000_000  # characters of one text
_MOST_PICTURES = 8_000_000  # octets of pictures within the text


@dataclass(frozen=True)
class MailRecord:
    """One mail of a test: the `number`-th of it. `fields` are the others of the header, but for times and ids."""

    test: str
    number: int
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str
    fields: tuple[tuple[str, str], ...]
    attachments: tuple[tuple[str, str], ...]
    """Name and digest of each."""
    shown: str
    """HTML to be shown, with its own pictures."""

    @classmethod
    def of(cls, test: str, number: int, mail: CapturedMessage) -> MailRecord:
        """Make it from a mail as it came."""
        fields = tuple((name, value) for name, value in mail.headers if name.lower() not in _LEFT_OUT | {"subject"})
        return cls(
            test=test,
            number=number,
            sender=mail.sender,
            recipients=mail.recipients,
            subject=mail.subject,
            text=mail.text[:_LONGEST],
            html=mail.html[:_LONGEST],
            fields=fields,
            attachments=tuple((file.name, sha256(file.content).hexdigest()) for file in mail.attachments),
            shown=_with_pictures(mail),
        )

    def as_json(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return {"shape": _SHAPE, **asdict(self)}

    @classmethod
    def from_json(cls, found: object) -> MailRecord | None:
        """Record read from JSON; None for one of another shape."""
        if not isinstance(found, dict) or found.pop("shape", None) != _SHAPE:
            return None
        values: dict[str, Any] = dict(found)
        try:
            values["recipients"] = tuple(values["recipients"])
            values["fields"] = tuple((name, value) for name, value in values["fields"])
            values["attachments"] = tuple((name, digest) for name, digest in values["attachments"])
            return cls(**values)
        except (KeyError, TypeError, ValueError):
            return None

    def facts(self) -> list[str]:
        """Everything but the texts, in lines."""
        return [
            f"Envelope: {self.sender or '<>'} to {', '.join(self.recipients)}",
            f"Subject: {self.subject}",
            *(f"{name}: {value}" for name, value in self.fields),
            *(f"Attachment: {name} (sha256 {digest[:12]}…)" for name, digest in self.attachments),
        ]


# The steps.


def _with_pictures(mail: CapturedMessage) -> str:
    """The HTML with the pictures of the mail in place of their `cid:`."""
    from base64 import b64encode

    pictures: dict[str, str] = {}
    left = _MOST_PICTURES
    for file in mail.attachments:
        if file.content_id and file.content_type.startswith("image/") and file.size <= left:
            left -= file.size
            pictures[file.content_id] = f"data:{file.content_type};base64,{b64encode(file.content).decode()}"

    def in_place(found: re.Match[str]) -> str:
        return pictures.get(found[1], found[0])

    return re.sub(r"cid:([^\s\"'<>)]{1,300})", in_place, mail.html[:_LONGEST])
