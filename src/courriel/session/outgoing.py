"""A message as people hand it over, and as a conversation needs it: envelope, content, identity."""

from __future__ import annotations

from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.message import Message
from courriel.model.prepared import Prepared
from courriel.model.ready import ReadyMessage
from courriel.session.wishes import Wishes
from courriel.values import dataclass
from courriel.wire.abilities import Abilities
from courriel.wire.mime import content_of

TYPE_CHECKING = False

if TYPE_CHECKING:
    from email.message import EmailMessage
    from typing import TypeAlias

    from courriel.dialogue.flow import Asking

Sendable: TypeAlias = "Message | ReadyMessage | EmailMessage | Outgoing"
"""What a session sends: a message of ours, a ready one, one of the standard library, or octets with their envelope."""

IN_EIGHT_BITS = Abilities({"8BITMIME": "", "SMTPUTF8": "", "DSN": ""})
"""For those who carry a message to no server: it is written as shortly as it can be."""

IN_SEVEN_BITS = Abilities({"SMTPUTF8": ""})
"""The same, where the octets are shown or kept for a server that nobody knows yet."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it leaves: the envelope that servers act upon, and the octets that they carry."""

    envelope: Envelope
    content: Content
    message_id: str = ""
    notes: tuple[str, ...] = ()
    permit: Asking | None = None
    """Asked just before its end leaves; at a no the line is cut, and nothing was delivered."""


def prepare(message: Sendable, able: Abilities, wishes: Wishes | None = None) -> Outgoing:
    """Make a message ready for a server with these abilities. Raises InvalidMessage, InvalidAddress."""
    return message if isinstance(message, Outgoing) else Outgoing(*made_ready(message, able, wishes))


def made_ready(
    message: Sendable, able: Abilities, wishes: Wishes | None = None
) -> tuple[Envelope, Content, str, tuple[str, ...], Asking | None]:
    """The same, in the parts of an Outgoing: for those who make something else of them, a million times."""
    if isinstance(message, Outgoing):
        return message.envelope, message.content, message.message_id, message.notes, message.permit
    ready = message if isinstance(message, _OURS) else _library_message(message, able)
    envelope = ready.envelope() if wishes is None else wishes.envelope_of(ready)
    content = content_of(ready, eight_bit=able.eight_bit, utf8=able.utf8, binary=able.binary)
    notes = _NO_REPORTS if envelope.wants_reports and not able.reports else ()
    return envelope, content, ready.message_id, notes, None


def _library_message(message: EmailMessage, able: Abilities) -> ReadyMessage:
    from courriel.wire.library_message import ready_of

    return ready_of(message, eight_bit=able.eight_bit)


_OURS = (Message, Prepared, ReadyMessage)
_NO_REPORTS = ("this server sends no delivery reports: the request for them was left out",)
