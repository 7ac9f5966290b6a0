"""
Send options of one call to `send`, and the envelope and content that a transport takes.

A `Submission` is made once, where a message meets the capabilities of its server. Sessions, pools, the outbox and the
command line hand the same value on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.envelope import Envelope, Notify, OnRefused, Return

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeAlias

    from courriel.model.messages.message import Message
    from courriel.model.messages.prepared import Prepared
    from courriel.model.messages.ready_message import ReadyMessage

WINDOW = 100
"""Submissions in flight, where the server takes whole messages at a time: enough to keep any connection busy."""

EndGuard: TypeAlias = "Callable[[], object]"
"""A function asked directly before the octets leave that may complete a message; a false answer cuts the connection."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Options of one call to `send`, beyond the message.

    `sender` and `to` replace those of the envelope, not those that the headers show. `on_refused="abandon"` sends
    nothing when one recipient is refused; "deliver", the default, sends to the others. `notify`, `ret` and `envid` ask
    for delivery reports (RFC 3461), `require_tls` forbids later hops in clear (RFC 8689). Raises UsageError,
    InvalidAddress, InvalidMessage.
    """

    sender: Address | str | None = None
    to: Address | str | Iterable[Address | str] | None = None
    on_refused: OnRefused = "deliver"
    notify: Iterable[Notify] = ()
    ret: Return | None = None
    envid: str = ""
    require_tls: bool = False

    def __post_init__(self) -> None:
        if self.on_refused != "deliver":
            check_on_refused(self.on_refused)
        if self.notify != ():
            object.__setattr__(self, "notify", _notify_conditions(self.notify))
        if self.sender is not None and self.sender != "":
            object.__setattr__(self, "sender", Address.of(self.sender))
        if self.to is not None:
            recipients = Address.all_of(self.to)
            if not recipients:
                raise errors.InvalidMessage("to: no recipient was given", stage="compose", hint_id="NO-RECIPIENT")
            object.__setattr__(self, "to", recipients)
        if self.notify or self.ret is not None or self.envid or self.require_tls is not False:
            _check_reports(self)

    def envelope_of(self, message: Message | Prepared | ReadyMessage) -> Envelope:
        """The message's envelope with these options in it."""
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


@dataclass(frozen=True, slots=True)
class Submission:
    """A message as a transport takes it: its envelope, and its content as bytes.

    `notes` are put on its receipt. `before_end` is asked directly before the octets leave that may complete the message
    (the dot, BDAT LAST, a rename), once for each attempt: at a false answer or an exception the connection is cut, and
    nothing was delivered (NotPermitted). Raises UsageError for values of other types.
    """

    envelope: Envelope
    content: Content
    message_id: str = ""
    notes: tuple[str, ...] = ()
    before_end: EndGuard | None = None
    on_refused: OnRefused = "deliver"
    signed: bool = False
    """Whether its DKIM signatures are in the content: a transport that signs hands it on as it is."""

    def __post_init__(self) -> None:
        content = self.content
        usual = (
            type(self.envelope) is Envelope
            and type(content) is Content
            and type(content.size) is int
            and content.alone is not None
            and type(self.message_id) is str
            and self.before_end is None
            and self.on_refused == "deliver"
        )
        if not usual:
            self._check_types()

    def _check_types(self) -> None:
        if not isinstance(self.envelope, Envelope):
            raise errors.UsageError(f"envelope: a value of Envelope, not {type(self.envelope).__name__}")
        if not isinstance(self.content, Content):
            raise errors.UsageError(
                f"content: a value of Content, not {type(self.content).__name__}; "
                "send(ReadyMessage.parse(…)) takes octets"
            )
        pieces = self.content.pieces
        if not isinstance(pieces, tuple) or not isinstance(self.content.size, int) or not all(map(_is_piece, pieces)):
            raise errors.UsageError("content: its pieces are a tuple of octets, and its size is their length")
        if not isinstance(self.message_id, str):
            raise errors.UsageError(f"message_id: a text, not {type(self.message_id).__name__}")
        if self.before_end is not None and not callable(self.before_end):
            raise errors.UsageError(f"before_end: a function without arguments, not {type(self.before_end).__name__}")
        if self.on_refused != "deliver":
            check_on_refused(self.on_refused)

    @property
    def all_or_nothing(self) -> bool:
        """Whether one refused recipient is enough for nothing to be sent."""
        return self.on_refused == "abandon"


def check_on_refused(on_refused: object) -> None:
    """Raise UsageError for a word that `on_refused` does not have."""
    if on_refused not in ("deliver", "abandon"):
        raise errors.UsageError(f'on_refused is "deliver" or "abandon", not {on_refused!r}')


def _is_piece(piece: object) -> bool:
    return isinstance(piece, bytes) or (hasattr(piece, "size") and hasattr(piece, "__iter__"))


def _check_reports(options: SendOptions) -> None:
    """Refuse options that no envelope takes, before anything is opened. Raises InvalidMessage."""
    Envelope(
        None,
        (Address("somebody", "example.org"),),
        notify=frozenset(options.notify),
        ret=options.ret,
        envid=options.envid,
        require_tls=options.require_tls,
    )


def _notify_conditions(given: object) -> Iterable[Notify]:
    """Conditions of delivery reports: a list of Notify, or one alone. Raises UsageError."""
    if isinstance(given, Notify):
        return (given,)
    listed: tuple[object, ...] = tuple(given) if isinstance(given, Iterable) else (given,)
    notices = tuple(each for each in listed if isinstance(each, Notify))
    if len(notices) < len(listed):
        raise errors.UsageError(f"notify: a list of courriel.Notify, [Notify.FAILURE], not {given!r:.80}")
    return notices
