"""One message of a mailing: a template filled with the values of one row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.envelope import Envelope, Notify
from courriel.model.messages.message import Message
from courriel.model.messages.prepared import Prepared
from courriel.wire.mime.build import assembled, build, header_fields, in_one, nested

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from courriel.compose.template import Template
    from courriel.model.address import Addresses

_SUCCESS_AND_FAILURE = frozenset((Notify.SUCCESS, Notify.FAILURE))


class MergedMessage(Prepared):
    """A message made of a template and a row: complete and validated, with its own Message-ID and Date.

    It is sent like any other. `message()` returns the same as an ordinary Message, which can be changed.
    """

    __slots__ = (
        "_template", "_values", "attachments", "bcc", "cc", "date", "delivery_receipt", "headers", "in_reply_to",
        "list_unsubscribe", "message_id", "one_click", "priority", "read_receipt", "references", "reply_to", "sender",
        "subject", "to",
    )  # fmt: skip

    def __init__(
        self,
        template: Template,
        values: Mapping[str, str],
        people: list[tuple[Address, ...]],
        subject: str,
        headers: tuple[tuple[str, str], ...],
        links: tuple[str, ...],
        message_id: str,
        date: datetime,
    ) -> None:
        sample = template.sample
        self._template, self._values = template, values
        (self.sender,), self.to, self.cc, self.bcc, self.reply_to = people
        self.subject, self.headers, self.list_unsubscribe = subject, headers, links
        self.message_id, self.date = message_id, date
        self.attachments = sample.attachments
        self.priority = sample.priority
        self.read_receipt = self.sender if template.receipt_to_sender else sample.read_receipt
        self.delivery_receipt = sample.delivery_receipt
        self.in_reply_to, self.references = sample.in_reply_to, sample.references
        self.one_click = sample.one_click

    @property
    def text(self) -> str:
        """The filled text; "" when the template has none, and it is made of the HTML when sending."""
        return self._template.text_of(self._values)

    @property
    def html(self) -> str:
        """The filled HTML, with escaped values."""
        return self._template.html_of(self._values)

    @property
    def recipients(self) -> tuple[Address, ...]:
        """All recipients: To, Cc and Bcc, each once."""
        everybody = self.to + self.cc + self.bcc
        if len(everybody) == 1:
            return everybody
        return tuple({address.spec: address for address in everybody}.values())

    def envelope(self, sender: str | Address | None = None, to: Addresses | None = None) -> Envelope:
        """The envelope from the header fields, or with this sender and these recipients instead ("": null sender)."""
        if sender is None and to is None and not self.delivery_receipt:
            return Envelope(self.sender, self.recipients)
        return Envelope.of(
            self.sender if sender is None else sender,
            self.recipients if to is None else Address.all_of(to),
            notify=_SUCCESS_AND_FAILURE if self.delivery_receipt else frozenset(),
        )

    def content(self, *, eight_bit: bool = False, utf8: bool = False, binary: bool = False) -> Content:
        """The encoded message, the same bytes as of `message()`. Raises InvalidAddress if SMTPUTF8 is needed."""
        if self._template.may_lack_parts and not (self.text and self.html):
            return build(self.message(), eight_bit=eight_bit, utf8=utf8, binary=binary)
        fields = header_fields(self, utf8)
        frame = self._template.frame
        if frame is not None and (data := frame.fill(self._values, self.message_id, eight_bit)):
            return in_one(fields, b"", data, frame.wide, frame.dotless, utf8)
        bodies, files = self._template.parts(self._values, eight_bit, binary)
        return assembled(fields, nested(bodies, files, self.message_id), utf8)

    def as_bytes(self) -> bytes:
        """The message as bytes; see `Message.as_bytes`."""
        return bytes(self.content(utf8=True))

    def preview(self, path: str | os.PathLike[str] | None = None, *, browser: bool = True) -> Path:
        """Write the HTML page that a reader will see, and open it; see `Message.preview`."""
        return self.message().preview(path, browser=browser)

    def message(self) -> Message:
        """The same as an ordinary Message."""
        return Message(
            sender=self.sender, to=self.to, cc=self.cc, bcc=self.bcc, reply_to=self.reply_to, subject=self.subject,
            text=self.text, html=self.html, attachments=self.attachments, priority=self.priority,
            read_receipt=self.read_receipt, delivery_receipt=self.delivery_receipt, headers=self.headers,
            message_id=self.message_id, date=self.date, in_reply_to=self.in_reply_to, references=self.references,
            list_unsubscribe=self.list_unsubscribe, one_click=self.one_click,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.message_id} to {', '.join(each.spec for each in self.recipients)}>"
