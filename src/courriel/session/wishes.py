"""Send options of one call: other envelope addresses, delivery reports, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable

from courriel import errors
from courriel.model.address import Address
from courriel.model.envelope import Envelope, Notify, Return
from courriel.values import dataclass, replace

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from courriel.model.message import Message
    from courriel.model.prepared import Prepared
    from courriel.model.ready import ReadyMessage

OnRefused: TypeAlias = "Literal['deliver', 'abandon']"
"""On a refused recipient "deliver" to the others, or "abandon" the message before its content is sent."""

WINDOW = 100
"""Messages in flight on a server with CHUNKING: enough to keep any connection busy."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """Options of one call of `send`; see `SmtpSession.send`."""

    sender: Address | str | None = None
    to: Address | str | Iterable[Address | str] | None = None
    notify: Iterable[Notify] = ()
    ret: Return | None = None
    envid: str = ""
    require_tls: bool = False

    def __post_init__(self) -> None:
        if self.notify != ():
            object.__setattr__(self, "notify", _notified(self.notify))
        if self.sender is not None and self.sender != "":
            object.__setattr__(self, "sender", Address.of(self.sender))
        if self.to is not None:
            recipients = Address.all_of(self.to)
            if not recipients:
                raise errors.InvalidMessage("to: no recipient was given", stage="compose", hint_id="NO-RECIPIENT")
            object.__setattr__(self, "to", recipients)
        if self.notify or self.ret is not None or self.envid or self.require_tls is not False:
            _check_options(self)

    def envelope_of(self, message: Message | Prepared | ReadyMessage) -> Envelope:
        """The message's envelope, with these options in place of the header's addresses."""
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


def _check_options(wishes: Wishes) -> None:
    """Check the envelope options before a connection is opened. Raises InvalidMessage."""
    Envelope(
        None,
        (Address("somebody", "example.org"),),
        notify=frozenset(wishes.notify),
        ret=wishes.ret,
        envid=wishes.envid,
        require_tls=wishes.require_tls,
    )


def _notified(wish: object) -> Iterable[Notify]:
    """A list of Notify from one or several. Raises UsageError."""
    if isinstance(wish, Notify):
        return (wish,)
    listed: tuple[object, ...] = tuple(wish) if isinstance(wish, Iterable) else (wish,)
    notices = tuple(each for each in listed if isinstance(each, Notify))
    if len(notices) < len(listed):
        raise errors.UsageError(f"notify: a list of courriel.Notify, [Notify.FAILURE], not {wish!r:.80}")
    return notices


def wished(
    sender: Address | str | None,
    to: Address | str | Iterable[Address | str] | None,
    notify: Iterable[Notify],
    ret: Return | None,
    envid: str,
    require_tls: bool,
) -> Wishes | None:
    """The options, or None when none is set."""
    if sender is None and to is None and notify == () and ret is None and not envid and not require_tls:
        return None
    return Wishes(sender, to, notify, ret, envid, require_tls)


def all_or_nothing(on_refused: OnRefused) -> bool:
    """Whether one refused recipient abandons the message. Raises UsageError for an unknown word."""
    if on_refused not in ("deliver", "abandon"):
        raise errors.UsageError(f'on_refused is "deliver" or "abandon", not {on_refused!r}')
    return on_refused == "abandon"
