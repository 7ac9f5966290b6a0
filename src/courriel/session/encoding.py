"""Messages as callers pass them, and as the SMTP dialogue takes them: envelope, content, Message-ID."""

from __future__ import annotations

from courriel import errors
from courriel.model.address import USUAL_LOCAL_PART, Address
from courriel.model.content import Content
from courriel.model.envelope import Envelope, OnRefused
from courriel.model.messages.message import Message
from courriel.model.messages.prepared import Prepared
from courriel.model.messages.ready_message import ReadyMessage
from courriel.model.submission import SendOptions, Submission
from courriel.wire.mime.build import content_of
from courriel.wire.smtp.extensions import Extensions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from email.message import EmailMessage
    from typing import TypeAlias

    from courriel.model.submission import EndGuard


Sendable: TypeAlias = "Message | ReadyMessage | EmailMessage | Submission"
"""A message to send: a Message, a ReadyMessage, an EmailMessage, or bytes with their envelope."""

Fields: TypeAlias = "tuple[Envelope, Content, str, tuple[str, ...], EndGuard | None, OnRefused]"
"""The fields of a Submission, in their order."""

IN_EIGHT_BITS = Extensions({"8BITMIME": "", "SMTPUTF8": "", "DSN": ""})
"""Capabilities for messages kept locally: the shortest encoding."""

IN_SEVEN_BITS = Extensions({"SMTPUTF8": ""})
"""Capabilities for messages shown, or stored for a server not known yet."""


def submission_of(message: Sendable, extensions: Extensions, options: SendOptions | None = None) -> Submission:
    """Encode a message for a server with these capabilities; a Submission is returned as it is.

    Raises InvalidMessage, InvalidAddress; UsageError for options beside a Submission, which has its own.
    """
    if isinstance(message, Submission) and options is None:
        return message
    return Submission(*fields_of(message, extensions, options))


def fields_of(message: Sendable, extensions: Extensions, options: SendOptions | None = None) -> Fields:
    """Fields of the Submission of a message, as a tuple: for the hot path, which builds queue entries from them."""
    if isinstance(message, Submission):
        if options is not None:
            raise errors.UsageError("a Submission has its options already; make it with them", stage="compose")
        return (
            message.envelope, message.content, message.message_id, message.notes, message.before_end, message.on_refused
        )  # fmt: skip
    ready = message if isinstance(message, _OURS) else _as_ready_message(_standard_message(message), extensions)
    envelope = ready.envelope() if options is None else options.envelope_of(ready)
    content = content_of(ready, eight_bit=extensions.eight_bit, utf8=extensions.utf8, binary=extensions.binary)
    notes: tuple[str, ...] = _NO_REPORTS if not extensions.reports and envelope.wants_reports else ()
    for address in envelope.recipients:
        if len(address.spec) > USUAL_LOCAL_PART and address.has_long_local_part:
            notes += (_long(address),)
    sender = envelope.sender
    if sender is not None and len(sender.spec) > USUAL_LOCAL_PART and sender.has_long_local_part:
        notes += (_long(sender),)
    return envelope, content, ready.message_id, notes, None, "deliver" if options is None else options.on_refused


def check_sendable(message: object) -> None:
    """Raise UsageError, with advice, for anything that is not a message, before a connection is opened."""
    if not isinstance(message, (*_OURS, Submission)):
        _standard_message(message)


def check_several(messages: object) -> None:
    """Raise UsageError for anything that is not a list of messages; one EmailMessage alone is iterable too."""
    if isinstance(messages, str | bytes) or hasattr(messages, "envelope") or hasattr(messages, "as_bytes"):
        raise errors.UsageError(f"messages: a list of them, not one {type(messages).__name__}", stage="compose")
    if not hasattr(messages, "__iter__") and not hasattr(messages, "__aiter__"):
        raise errors.UsageError(f"messages: a list of them, not {type(messages).__name__}", stage="compose")


# The steps.


def _as_ready_message(message: EmailMessage, extensions: Extensions) -> ReadyMessage:
    from courriel.wire.mime.library_message import ready_of

    return ready_of(message, eight_bit=extensions.eight_bit)


def _long(address: Address) -> str:
    return (
        f"{address.spec}: the part before the @ is longer than the {USUAL_LOCAL_PART} octets that every server takes "
        "(RFC 5321 4.5.3.1); it was sent as it is"
    )


def _standard_message(message: object) -> EmailMessage:
    """An EmailMessage of the standard library. Raises UsageError, with advice, for anything else."""
    if callable(getattr(message, "as_bytes", None)) and callable(getattr(message, "get_content_type", None)):
        return message  # type: ignore[return-value]  # pyright: ignore[reportReturnType]
    match message:
        case None:
            advice = "there is none"
        case str() | bytes() | bytearray():
            advice = "a mail that is written already is Message.parse(octets)"
        case _ if hasattr(message, "merge") and hasattr(message, "fill"):
            advice = "a template makes them: template.fill(name=…), or template.merge(rows)"
        case _ if hasattr(message, "raw") and hasattr(message, "reply_to"):
            advice = "a received one is sent on by Message.parse(letter.raw), answered by Message.replying_to(letter)"
        case _ if hasattr(message, "__iter__") or hasattr(message, "__aiter__"):
            advice = "one at a time, or several by session.send_many(messages)"
        case _:
            advice = "a Message, a ReadyMessage, or an EmailMessage"
    raise errors.UsageError(f"message: {advice}; not {type(message).__name__}", stage="compose")


_OURS = (Message, Prepared, ReadyMessage)
_NO_REPORTS = ("this server sends no delivery reports: the request for them was left out",)
