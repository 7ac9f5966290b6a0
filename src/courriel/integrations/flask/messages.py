"""Message and attachment with the fields of Flask-Mail: changeable values, checked when they are sent."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from mimetypes import guess_type
from typing import TYPE_CHECKING, Protocol

from flask import current_app

from courriel import Address, ReadyMessage, errors
from courriel.integrations.flask import rendering

if TYPE_CHECKING:
    from courriel import Receipt
    from courriel.integrations.flask.rendering import Mailbox


class BadHeaderError(errors.InvalidMessage):
    """A header field with a line break in it, or one that the message writes itself."""


class Unaddressed(errors.InvalidMessage, AssertionError):
    """A message without a recipient or without a sender; Flask-Mail raises AssertionError."""


class MessageSender(Protocol):
    """Connection that a message is sent on."""

    def send(self, message: Message, /) -> Receipt | None:
        """Send a message."""
        ...


class Attachment:
    """File of a message: its octets, name and type."""

    def __init__(
        self,
        filename: str | None = None,
        content_type: str | None = None,
        data: str | bytes | None = None,
        disposition: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the octets of a file; text becomes UTF-8, and `data` is never a path.

        The type is guessed from the name when it is not given. `disposition` is "attachment" (default) or "inline".
        Raises InvalidMessage without `data`, and for data that is neither octets nor text: a file's are `file.read()`.
        """
        if data is None:
            raise errors.InvalidMessage("attachment: its octets (data) are missing", stage="compose")
        if not isinstance(data, str | bytes | bytearray | memoryview):
            raise errors.InvalidMessage(
                f"attachment: octets or text (file.read()), not {type(data).__name__}", stage="compose"
            )
        guessed = guess_type(filename)[0] if filename is not None else None
        self.filename = filename
        self.data = data
        self.content_type = (
            content_type or guessed or ("text/plain" if isinstance(data, str) else "application/octet-stream")
        )
        self.disposition = disposition or "attachment"
        self.headers: dict[str, str] = dict(headers or {})


class Message:
    """Message as Flask-Mail has it: fields that may be changed until it is sent.

    `recipients`, `cc` and `bcc` are lists of addresses, as text or as `(name, address)`. `sender` is
    MAIL_DEFAULT_SENDER unless given. `alts` are further versions of the text by the second half of their type ("html",
    "calendar"), and `html` is one of them. `date` is a time in seconds; the default is when it is sent. `charset` is
    that of text and header, UTF-8 unless given.
    """

    def __init__(
        self,
        subject: str = "",
        recipients: list[Mailbox] | None = None,
        body: str | None = None,
        html: str | None = None,
        alts: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        sender: Mailbox | None = None,
        cc: list[Mailbox] | None = None,
        bcc: list[Mailbox] | None = None,
        attachments: list[Attachment] | None = None,
        reply_to: Mailbox | None = None,
        date: float | None = None,
        charset: str | None = None,
        extra_headers: Mapping[str, str] | None = None,
        mail_options: list[str] | None = None,
        rcpt_options: list[str] | None = None,
    ) -> None:
        """Collect the fields; what is wrong with them is said by `send`, `ready` and `as_bytes`."""
        sender = sender or current_app.extensions["mail"].default_sender
        self.subject = subject
        self.recipients: list[Mailbox] = recipients or []
        self.body = body
        self.alts: dict[str, str] = {}
        self.alts.update(alts or {})
        if html is not None:
            self.html = html
        self.sender: str | None = rendering.as_text(sender) if sender else None
        self.cc: list[Mailbox] = cc or []
        self.bcc: list[Mailbox] = bcc or []
        self.attachments: list[Attachment] = attachments or []
        self.reply_to = reply_to
        self.date = date
        self.charset = charset
        self.extra_headers: dict[str, str] = dict(extra_headers or {})
        self.mail_options: list[str] = mail_options or []
        self.rcpt_options: list[str] = rcpt_options or []
        self.msgId = rendering.new_message_id(self.sender)

    @property
    def html(self) -> str | None:
        """The text as HTML; None when there is none."""
        return self.alts.get("html")

    @html.setter
    def html(self, value: str | None) -> None:
        if value is None:
            self.alts.pop("html", None)
        else:
            self.alts["html"] = value

    @property
    def send_to(self) -> set[Mailbox]:
        """All recipients: To, Cc and Bcc, each once."""
        return {*self.recipients, *self.cc, *self.bcc}

    def add_recipient(self, recipient: Mailbox) -> None:
        """Add a recipient."""
        self.recipients.append(recipient)

    def attach(
        self,
        filename: str | None = None,
        content_type: str | None = None,
        data: str | bytes | None = None,
        disposition: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Attach a file; see Attachment."""
        self.attachments.append(Attachment(filename, content_type, data, disposition, headers))

    def has_bad_headers(self) -> bool:
        """Whether a line break stands in an address or a header field, other than before a continued line."""
        return self.bad_header() != ""

    def bad_header(self) -> str:
        """Name of the first header field with a line break in it, or "" when each is good."""
        for name, values in (
            ("sender", [self.sender]), ("recipients", self.recipients), ("cc", self.cc), ("bcc", self.bcc),
            ("reply_to", [self.reply_to]),
        ):  # fmt: skip
            if any(rendering.has_line_break(each) for each in values if each is not None):
                return name
        if rendering.is_badly_continued(str(self.subject)):
            return "subject"
        return rendering.bad_extra_header(self.extra_headers)

    def as_bytes(self) -> bytes:
        """The message as octets, lines ended by CRLF, Bcc left out. Raises InvalidMessage."""
        return rendering.rendered(self)

    def as_string(self) -> str:
        """The message as text; see `as_bytes`."""
        return self.as_bytes().decode("utf-8")

    def ready(self) -> ReadyMessage:
        """The message as courriel's own value, Bcc in its envelope: for `outbox.put` and `courriel.send`.

        Sets its date when it has none. Raises BadHeaderError, InvalidMessage, InvalidAddress.
        """
        self.check()
        hidden = f"Bcc: {', '.join(address.wire(utf8=True) for address in self._addresses(self.bcc))}\r\n"
        return ReadyMessage.parse((hidden.encode() if self.bcc else b"") + self.as_bytes())

    def check(self) -> None:
        """Check header and addresses, and set the date when there is none.

        Raises BadHeaderError, InvalidAddress, InvalidMessage, and Unaddressed without a sender or a recipient.
        """
        if not self.send_to:
            raise Unaddressed("no recipient was given", stage="compose", hint_id="NO-RECIPIENT")
        if not self.sender:
            raise Unaddressed("a message comes from somebody; no sender was given", stage="compose")
        if bad := self.bad_header():
            raise BadHeaderError(f"{bad}: a line break", stage="compose", hint_id="HEADER-LINE-BREAK")
        for each in (self.sender, *self.send_to, *([self.reply_to] if self.reply_to else ())):
            rendering.address_of(each)
        rendering.check_text("subject", str(self.subject or ""))
        rendering.check_text("body", self.body or "")
        for kind, content in self.alts.items():
            rendering.check_text(f"alts: {kind!r:.40}", content)
        if self.date is None:
            self.date = time.time()
        rendering.check_date(self.date)

    def envelope_recipients(self) -> list[Address]:
        """Recipients for the server, in order, each once. Raises InvalidAddress."""
        return self._addresses([*self.recipients, *self.cc, *self.bcc])

    def send(self, connection: MessageSender) -> Receipt | None:
        """Send the message on an open connection; see Connection.send."""
        return connection.send(self)

    def __str__(self) -> str:
        return self.as_string()

    def __bytes__(self) -> bytes:
        return self.as_bytes()

    # The steps.

    @staticmethod
    def _addresses(given: list[Mailbox]) -> list[Address]:
        unique = {address.spec: address for address in map(rendering.address_of, given)}
        return list(unique.values())
