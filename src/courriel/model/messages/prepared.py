"""Interface of a message whose octets are mostly prepared beforehand: what a template makes for one row."""

from __future__ import annotations

from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.messages.attachment import Attachment
from courriel.model.messages.message import Priority

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime

    from courriel.model.address import Addresses


class Prepared:
    """Message that writes its own octets; its fields mean what those of Message do.

    Every field was checked when the value was made: it can be sent without further checks.
    """

    __slots__ = ()

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
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

    def envelope(self, sender: str | Address | None = None, to: Addresses | None = None) -> Envelope:
        """Envelope for the servers: sender and recipients of its fields, or those given here."""
        raise NotImplementedError

    def content(self, *, eight_bit: bool = False, utf8: bool = False, binary: bool = False) -> Content:
        """Octets for a server with or without 8BITMIME, SMTPUTF8, BINARYMIME; always the same ones."""
        raise NotImplementedError
