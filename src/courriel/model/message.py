"""What is to be said, to whom, and under which subject: a message that is complete, or refuses to be made."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from enum import Enum

from courriel.model.address import Address
from courriel.model.envelope import Envelope, Notify
from courriel.model.field import (
    check_body,
    check_text,
    checked_headers,
    checked_id,
    checked_ids,
    checked_links,
    refusal,
)
from courriel.model.stamp import new_id, now, stamped
from courriel.values import Filler, dataclass, replace

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime
    from typing import BinaryIO

    from courriel.model.attachment import Attachment
    from courriel.model.ready import ReadyMessage

Addresses = str | Address | Iterable[str | Address]
"""Addresses as people give them: one, several, or several in one string, set apart by commas."""


class Priority(Enum):
    """How much a message presses. Normal is said by saying nothing."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True, init=False)
class Message:
    """A message as a person thinks of it. Its Message-ID and Date are made once, when it is made (scar 4).

    Bcc recipients stand in the envelope only; nothing of them is ever written into the message (scar 35).
    """

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    priority: Priority
    read_receipt: Address | None
    delivery_receipt: bool
    headers: tuple[tuple[str, str], ...]
    message_id: str
    date: datetime
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    list_unsubscribe: tuple[str, ...]
    one_click: bool

    def __init__(
        self,
        *,
        sender: str | Address,
        to: Addresses = (),
        cc: Addresses = (),
        bcc: Addresses = (),
        reply_to: Addresses = (),
        subject: str = "",
        text: str = "",
        html: str = "",
        attachments: Iterable[Attachment] = (),
        priority: Priority | str = Priority.NORMAL,
        read_receipt: bool | str | Address | None = None,
        delivery_receipt: bool = False,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        message_id: str = "",
        date: datetime | None = None,
        in_reply_to: str | Iterable[str] = (),
        references: str | Iterable[str] = (),
        list_unsubscribe: str | Iterable[str] = (),
        one_click: bool = False,
    ) -> None:
        """Make a message out of what people write.

        `text` is made from `html` when only that is given. `read_receipt` asks the reader's program to say that it was
        read: True means that the answer goes to the sender. `delivery_receipt` asks the servers for a report of success
        or failure (DSN). `one_click` says that the https link of `list_unsubscribe` takes a POST (RFC 8058).
        `date` has a time zone; the default is now. Raises InvalidAddress, or InvalidMessage with the field named.
        """
        if not sender:
            raise refusal("sender", "a message comes from somebody; no sender was given")
        origin = Address.of(sender)
        to = Address.all_of(to)
        cc = Address.all_of(cc) if cc else ()
        bcc = Address.all_of(bcc) if bcc else ()
        reply_to = Address.all_of(reply_to) if reply_to else ()
        if not (to or cc or bcc):
            raise refusal("to, cc, bcc", "no recipient was given", "NO-RECIPIENT")
        check_text("subject", subject)
        check_body("text", text)
        if html != "":
            check_body("html", html)
        attachments = tuple(attachments)
        if not isinstance(priority, Priority):
            priority = _priority(priority)
        if read_receipt is not None:
            read_receipt = _receipt_address(read_receipt, origin)
        headers = checked_headers(headers) if headers else ()
        if message_id or date is not None:
            message_id = checked_id("message_id", message_id) if message_id else new_id(origin.dns_domain)
            date = now() if date is None else _checked_date(date)
        else:
            message_id, date = stamped(origin.dns_domain)
        in_reply_to = checked_ids("in_reply_to", in_reply_to) if in_reply_to else ()
        references = checked_ids("references", references) if references else ()
        links = checked_links("list_unsubscribe", list_unsubscribe) if list_unsubscribe else ()
        if one_click and not any(link.startswith("https:") for link in links):
            raise refusal("one_click", "it needs an https link in list_unsubscribe (RFC 8058)")
        _values.fill(
            self, origin, to, cc, bcc, reply_to, subject, text, html, attachments, priority, read_receipt,
            delivery_receipt, headers, message_id, date, in_reply_to, references, links, one_click,
        )  # fmt: skip

    @staticmethod
    def parse(raw: bytes, *, normalise: bool = False) -> ReadyMessage:
        """Take a message that is written already, as it is: see `ReadyMessage.parse`."""
        from courriel.model.ready import ReadyMessage

        return ReadyMessage.parse(raw, normalise=normalise)

    def attach(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        content_type: str | None = None,
        inline: bool = False,
        content_id: str | None = None,
    ) -> Message:
        """The same message, with the file at `path`. An `inline` one is shown where the HTML says `cid:` and its id.

        Raises InvalidMessage at once when there is no such file, and for URLs, network shares, devices, directories.
        """
        from courriel.model.attachment import Attachment

        file = Attachment.file(path, name=name, content_type=content_type, inline=inline, content_id=content_id)
        return replace(self, attachments=(*self.attachments, file))

    def attach_data(
        self,
        content: bytes | str | BinaryIO,
        name: str,
        *,
        content_type: str | None = None,
        inline: bool = False,
        content_id: str | None = None,
    ) -> Message:
        """The same message, with these octets, this stream (read now) or this text as a file, never as a path."""
        from courriel.model.attachment import Attachment

        file = Attachment.data(content, name, content_type=content_type, inline=inline, content_id=content_id)
        return replace(self, attachments=(*self.attachments, file))

    @property
    def recipients(self) -> tuple[Address, ...]:
        """Everybody it goes to: To, Cc and Bcc, each once."""
        everybody = self.to + self.cc + self.bcc
        if len(everybody) == 1:
            return everybody
        return tuple({address.spec: address for address in everybody}.values())

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address in its header cannot be written in ASCII (RFC 6531); those of Bcc are the envelope's."""
        shown = (self.sender, *self.to, *self.cc, *self.reply_to, *((self.read_receipt,) if self.read_receipt else ()))
        return any(address.needs_smtputf8 for address in shown)

    def envelope(self, sender: str | Address | None = None, to: Addresses | None = None) -> Envelope:
        """From whom and to whom servers carry it: what its fields say, or what is said here instead.

        A `sender` of "" is the null sender, whom nobody can answer.
        """
        if sender is None and to is None and not self.delivery_receipt:
            return Envelope(self.sender, self.recipients)
        return Envelope.of(
            self.sender if sender is None else sender,
            self.recipients if to is None else Address.all_of(to),
            notify=_SUCCESS_AND_FAILURE if self.delivery_receipt else frozenset(),
        )


# The steps.

_values = Filler(Message)
_SUCCESS_AND_FAILURE = frozenset((Notify.SUCCESS, Notify.FAILURE))


def _priority(word: str) -> Priority:
    try:
        return Priority(word)
    except ValueError:
        raise refusal("priority", f"high, normal or low, not {word!r:.50}") from None


def _receipt_address(wish: bool | str | Address | None, sender: Address) -> Address | None:
    if wish is True:
        return sender
    return Address.of(wish) if wish else None


def _checked_date(date: datetime) -> datetime:
    if date.utcoffset() is None:
        raise refusal(
            "date", "it has no time zone, and a reader elsewhere could not tell when that was: .astimezone() adds one"
        )
    if not 1900 <= date.year <= 9998:
        raise refusal("date", "a year between 1900 and 9998 (RFC 5322 3.3)")
    return date
