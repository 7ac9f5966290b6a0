"""A message as people hand it over, and as a conversation needs it: envelope, content, identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias

from courriel import errors
from courriel.dialogue.flow import Asking
from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.envelope import Envelope, Notify, Return
from courriel.model.message import Message
from courriel.model.prepared import Prepared
from courriel.model.ready import ReadyMessage
from courriel.values import dataclass, replace
from courriel.wire.abilities import Abilities
from courriel.wire.mime import content_of

if TYPE_CHECKING:
    from email.message import EmailMessage

Sendable: TypeAlias = "Message | ReadyMessage | EmailMessage | Outgoing"
"""What a session sends: a message of ours, a ready one, one of the standard library, or octets with their envelope."""

OnRefused: TypeAlias = Literal["deliver", "abandon"]
"""What one refused recipient means for the others: "deliver" to them, or "abandon" the message before it is sent."""


IN_EIGHT_BITS = Abilities({"8BITMIME": "", "SMTPUTF8": "", "DSN": ""})
"""For those who carry a message to no server: it is written as shortly as it can be."""

IN_SEVEN_BITS = Abilities({"SMTPUTF8": ""})
"""The same, where the octets are shown or kept for a server that nobody knows yet."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one call to `send` asks for beyond the message itself; see `SmtpSession.send`."""

    sender: Address | str | None = None
    to: Address | str | Iterable[Address | str] | None = None
    notify: Iterable[Notify] = ()
    ret: Return | None = None
    envid: str = ""
    require_tls: bool = False

    def envelope_of(self, message: Message | Prepared | ReadyMessage) -> Envelope:
        """The message's envelope, with what was wished instead of what its header says."""
        envelope = message.envelope(self.sender, self.to)
        if not (self.notify or self.ret or self.envid or self.require_tls):
            return envelope
        return replace(
            envelope,
            notify=frozenset(self.notify) or envelope.notify,
            ret=self.ret or envelope.ret,
            envid=self.envid or envelope.envid,
            require_tls=self.require_tls or envelope.require_tls,
        )


def wished(
    sender: Address | str | None,
    to: Address | str | Iterable[Address | str] | None,
    notify: Iterable[Notify],
    ret: Return | None,
    envid: str,
    require_tls: bool,
) -> Wishes | None:
    """The same, where anything is asked for at all."""
    if sender is None and to is None and notify == () and ret is None and not envid and not require_tls:
        return None
    return Wishes(sender, to, notify, ret, envid, require_tls)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it leaves: the envelope that servers act upon, and the octets that they carry."""

    envelope: Envelope
    content: Content
    message_id: str = ""
    notes: tuple[str, ...] = ()
    permit: Asking | None = None
    """Asked just before its end leaves; at a no the line is cut, and nothing was delivered."""


def all_or_nothing(on_refused: OnRefused) -> bool:
    """Whether one refused recipient is enough for nothing to be sent. Raises UsageError for a word that is neither."""
    if on_refused not in ("deliver", "abandon"):
        raise errors.UsageError(f'on_refused is "deliver" or "abandon", not {on_refused!r}')
    return on_refused == "abandon"


def prepare(message: Sendable, able: Abilities, wishes: Wishes | None = None) -> Outgoing:
    """Make a message ready for a server with these abilities. Raises InvalidMessage, InvalidAddress."""
    return message if isinstance(message, Outgoing) else Outgoing(*made_ready(message, able, wishes))


def made_ready(
    message: Sendable, able: Abilities, wishes: Wishes | None = None
) -> tuple[Envelope, Content, str, tuple[str, ...], Asking | None]:
    """The same, in the parts of an Outgoing: for those who make something else of them, a million times."""
    if isinstance(message, Outgoing):
        return message.envelope, message.content, message.message_id, message.notes, message.permit
    ready = message if isinstance(message, _OURS) else ReadyMessage.of(message)
    envelope = ready.envelope() if wishes is None else wishes.envelope_of(ready)
    content = content_of(ready, eight_bit=able.eight_bit, utf8=able.utf8)
    notes = _NO_REPORTS if envelope.wants_reports and not able.reports else ()
    return envelope, content, ready.message_id, notes, None


_OURS = (Message, Prepared, ReadyMessage)
_NO_REPORTS = ("this server sends no delivery reports: the request for them was left out",)
