"""APPEND: the messages that can be stored in a folder, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel.model.messages.message import Message
from courriel.model.messages.prepared import Prepared
from courriel.model.messages.ready_message import ReadyMessage
from courriel.model.submission import Submission
from courriel.wire.mime.build import content_of
from courriel.wire.parse.letter import Letter

if TYPE_CHECKING:
    from email.message import EmailMessage

Putable: TypeAlias = "bytes | Message | ReadyMessage | Prepared | Submission | EmailMessage | Letter"
"""Anything that can be stored in a folder: bytes as they are, any message that can be sent, a received letter."""


def octets_of(message: Putable) -> bytes:
    """The complete letter, with CRLF line endings. Raises InvalidMessage for one that IMAP cannot carry."""
    octets = _octets(message)
    if not octets:
        raise errors.InvalidMessage("an empty letter cannot be put into a folder")
    if b"\0" in octets:
        # RFC 3501 4.3: a literal holds no NUL; servers close the connection, or cut the letter there.
        raise errors.InvalidMessage("the letter holds a NUL octet, which IMAP cannot carry")
    return octets


def _octets(message: Putable) -> bytes:
    match message:
        case bytes():
            return message
        case str():
            raise errors.InvalidMessage("a letter is octets: encode the text, or make a Message")
        case Submission():
            return bytes(message.content)
        case Letter():
            return message.raw
        case Message() | Prepared() | ReadyMessage():
            return bytes(content_of(message, eight_bit=True, utf8=True))
        case _:
            return bytes(content_of(message, eight_bit=True, utf8=True))
