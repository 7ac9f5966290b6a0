"""Keyword arguments of `send`, for type checkers and `courriel.types` (see courriel.model.typed)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from os import PathLike

from courriel.compose.html_page import Embedding
from courriel.model.address import Address, Addresses
from courriel.model.messages.attachment import Attachments
from courriel.model.messages.message import Priority
from courriel.model.typed import SendArguments
from courriel.network.transcripts.transcript import Transcript


class SendFields(SendArguments, total=False):
    """Fields of the message, send options of the call, and a transcript.

    `sender` and `to` are those of the message, and of the envelope of a message that is made already.
    """

    cc: Addresses
    bcc: Addresses
    reply_to: Addresses
    subject: str
    text: str
    html: str
    html_file: str | PathLike[str] | None
    base: str | PathLike[str] | None
    embed: Embedding
    alternatives: Iterable[tuple[str, str]]
    attachments: Attachments
    priority: Priority | str
    read_receipt: bool | str | Address | None
    delivery_receipt: bool
    headers: Mapping[str, str] | Iterable[tuple[str, str]]
    message_id: str
    date: datetime | None
    in_reply_to: str | Iterable[str]
    references: str | Iterable[str]
    list_unsubscribe: str | Iterable[str]
    one_click: bool
    transcript: Transcript | None
