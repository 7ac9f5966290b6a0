"""A message that was prepared beforehand, most of its octets too: what a template makes of a row."""

from __future__ import annotations

from courriel.model.address import Address
from courriel.model.attachment import Attachment
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.message import Priority

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime

    from courriel.model.message import Addresses


class Prepared:
    """What a session has to know of a message that writes its own octets; its fields mean what those of Message do.

    Everything in it was checked when it was made: whoever holds one can send it.
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
        """From whom and to whom servers carry it: what its fields say, or what is said here instead."""
        raise NotImplementedError

    def content(self, *, eight_bit: bool = False, utf8: bool = False, binary: bool = False) -> Content:
        """Its octets, for a server that takes 8BITMIME or not, SMTPUTF8 or not, BINARYMIME or not; always the same."""
        raise NotImplementedError
