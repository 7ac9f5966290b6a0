"""What one call asks for beyond the message: other people than the header names, reports, all or nothing."""

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
"""What one refused recipient means for the others: "deliver" to them, or "abandon" the message before it is sent."""

WINDOW = 100
"""Messages in flight, where the server takes whole messages at a time: enough to keep any line busy."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one call to `send` asks for beyond the message itself; see `SmtpSession.send`."""

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


def _check_options(wishes: Wishes) -> None:
    """Refuse options that no envelope takes, before anything is opened. Raises InvalidMessage."""
    Envelope(
        None,
        (Address("somebody", "example.org"),),
        notify=frozenset(wishes.notify),
        ret=wishes.ret,
        envid=wishes.envid,
        require_tls=wishes.require_tls,
    )


def _notified(wish: object) -> Iterable[Notify]:
    """When to be told: a list of Notify, or one alone. Raises UsageError."""
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
    """The same, where anything is asked for at all."""
    if sender is None and to is None and notify == () and ret is None and not envid and not require_tls:
        return None
    return Wishes(sender, to, notify, ret, envid, require_tls)


def all_or_nothing(on_refused: OnRefused) -> bool:
    """Whether one refused recipient is enough for nothing to be sent. Raises UsageError for a word that is neither."""
    if on_refused not in ("deliver", "abandon"):
        raise errors.UsageError(f'on_refused is "deliver" or "abandon", not {on_refused!r}')
    return on_refused == "abandon"
