"""Envelope of a message: sender and recipients for the servers, which may differ from those of the headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from courriel import errors
from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.model.address import Address

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

OnRefused: TypeAlias = "Literal['deliver', 'abandon']"
"""What one refused recipient means for the others: "deliver" to them, or "abandon" the message before it is sent."""


class Notify(Enum):
    """Events of a recipient that the sender wants a report about (DSN, RFC 3461 4.1)."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


class Return(Enum):
    """Part of the message that a delivery report carries back (DSN, RFC 3461 4.3)."""

    FULL = "FULL"
    HEADERS = "HDRS"


_USE_OF = "an envelope is made of values of Address; Envelope.of(sender, recipients) takes text"
_ENVID = expression(r"[\x21-\x7e]{1,100}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender and recipients for the servers, and the options of the delivery.

    `sender` is None for the null sender `<>`, to which no reply is possible (RFC 5321 4.5.5). Each recipient stands
    once. `notify`, `ret` and `envid` ask for delivery reports (RFC 3461); `require_tls` forbids every later hop in
    clear (RFC 8689). Raises InvalidMessage when there is no recipient, or when the options contradict each other.
    """

    sender: Address | None
    recipients: tuple[Address, ...]
    notify: frozenset[Notify] = frozenset()
    ret: Return | None = None
    envid: str = ""
    require_tls: bool = False

    def __post_init__(self) -> None:
        sender, recipients = self.sender, self.recipients
        if type(recipients) is not tuple or not (sender is None or isinstance(sender, Address)):
            raise errors.InvalidMessage(_USE_OF, stage="compose")
        for recipient in recipients:
            if not isinstance(recipient, Address):
                raise errors.InvalidMessage(_USE_OF, stage="compose")
        if not recipients:
            raise errors.InvalidMessage("no recipient was given", stage="compose", hint_id="NO-RECIPIENT")
        if self.notify:
            self._check_notify()
        if self.require_tls is not False and self.require_tls is not True:
            raise errors.InvalidMessage(f"require_tls: True or False, not {self.require_tls!r:.50}", stage="compose")
        if self.ret is not None and not isinstance(self.ret, Return):
            raise errors.InvalidMessage("RET: Return.FULL or Return.HEADERS, not text", stage="compose")
        if self.envid and not (isinstance(self.envid, str) and _ENVID.fullmatch(self.envid)):
            raise errors.InvalidMessage("ENVID: 1 to 100 printable ASCII characters, no space", stage="compose")

    def _check_notify(self) -> None:
        if isinstance(self.notify, str | bytes | Notify) or not isinstance(self.notify, Iterable):
            raise errors.InvalidMessage("NOTIFY: a set of courriel.Notify, {Notify.FAILURE}", stage="compose")
        if not all(isinstance(condition, Notify) for condition in self.notify):
            raise errors.InvalidMessage("NOTIFY: values of courriel.Notify, not text", stage="compose")
        if Notify.NEVER in self.notify and len(self.notify) > 1:
            raise errors.InvalidMessage("NOTIFY: NEVER cannot stand beside other wishes", stage="compose")

    @classmethod
    def of(
        cls, sender: Address | str | None, recipients: Address | str | Iterable[Address | str], **options: object
    ) -> Envelope:
        """Make an envelope from addresses as text or values; a recipient named twice stands once.

        One string is one recipient; more are a list.

        Raises InvalidAddress for text that is no address.
        """
        unique = {address.spec: address for address in _parse_recipients(recipients)}
        origin = None if sender is None or sender == "" else Address.of(sender)
        return cls(origin, tuple(unique.values()), **options)  # type: ignore[arg-type]

    @classmethod
    def stored(cls, sender: Address | None, recipients: tuple[Address, ...], options: Mapping[str, object]) -> Envelope:
        """Make an envelope of options as `options` gives them; other names in the mapping do not matter."""
        if not options or options.keys().isdisjoint(STORED_OPTIONS):
            return cls(sender, recipients)
        given = {name: options[name] for name in STORED_OPTIONS if name in options}
        if "notify" in given:
            given["notify"] = frozenset(map(Notify, given["notify"]))  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
        if "ret" in given:
            given["ret"] = Return(given["ret"])
        return cls(sender, recipients, **given)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @property
    def options(self) -> dict[str, object]:
        """Options that are set, as JSON can hold them; see `stored`."""
        options: dict[str, object] = {}
        for name in STORED_OPTIONS:
            value: object = getattr(self, name)
            if value:
                options[name] = value.value if isinstance(value, Return) else value
        if self.notify:
            options["notify"] = sorted(notice.value for notice in self.notify)
        return options

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address cannot be written in ASCII, so that every server on the way must support RFC 6531."""
        if self.sender is not None and not self.sender.narrow:
            return True
        for recipient in self.recipients:  # noqa: SIM110 - called for each message of a million
            if not recipient.narrow:
                return True
        return False

    @property
    def requests_reports(self) -> bool:
        """Whether any option is set: delivery reports, or REQUIRETLS."""
        return bool(self.notify or self.ret or self.envid or self.require_tls)

    @property
    def wants_reports(self) -> bool:
        """Whether an option of the DSN extension is set."""
        return bool(self.notify or self.ret or self.envid)


STORED_OPTIONS = Envelope.__match_args__[2:]  # pyright: ignore[reportAttributeAccessIssue]
"""Names of the options of an envelope."""


# The steps.


def _parse_recipients(recipients: Address | str | Iterable[Address | str]) -> tuple[Address, ...]:
    """Parse one recipient or several; an empty string is an invalid address, not an empty list."""
    return (Address.of(recipients),) if isinstance(recipients, str) else Address.all_of(recipients)
