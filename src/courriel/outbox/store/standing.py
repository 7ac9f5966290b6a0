"""Where each recipient of a mail stands, from what the outbox keeps of it: every recipient has one standing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol

from courriel._dataclass import dataclass

if TYPE_CHECKING:
    from courriel.outbox.store.states import Answer, State


class Standing(Enum):
    """Where one recipient of a mail in the outbox stands."""

    WAITING = "waiting"  # nothing was sent to it, and no server has said anything
    DEFERRED = "deferred"  # refused for now: it is tried again
    IN_DOUBT = "in doubt"  # the end of the mail may have left, and no answer is written down
    ACCEPTED = "accepted"  # a server took the mail over, or it was found among the sent mails
    REFUSED = "refused"  # refused for good, or it could not be sent
    EXPIRED = "expired"  # the time of the mail was over before a server took it
    CANCELED = "canceled"  # the mail was taken back
    RETURNED = "returned"  # a server took the mail over, and a later one sent it back
    COMPLAINED = "complained"  # it arrived, and its recipient has complained


@dataclass(frozen=True, slots=True)
class LaterFate:
    """Fate of a recipient after a server had accepted the mail for it.

    `fate` is "returned" or "complained"; `status` is the enhanced code of the report ("5.1.1") or "", `text` what the
    reporting server said, `at` the time of the report in seconds since 1970.
    """

    fate: Literal["returned", "complained"]
    status: str
    text: str
    at: float

    @property
    def permanent(self) -> bool:
        """Whether the mail came back for good, and not because a server gave up after a while (4.x.x)."""
        return self.fate == "returned" and self.status.startswith("5.")


class MailFacts(Protocol):
    """Fields of a mail that its standings depend on; see MailInfo."""

    @property
    def state(self) -> State: ...
    @property
    def unsure(self) -> int: ...
    @property
    def waiting(self) -> tuple[str, ...]: ...
    @property
    def unserved(self) -> tuple[str, ...]: ...
    @property
    def results(self) -> Mapping[str, Answer]: ...
    @property
    def later(self) -> Mapping[str, LaterFate]: ...


def standings_of(mail: MailFacts) -> dict[str, Standing]:
    """The standing of each recipient, those first that a server has given its word on."""
    found = {name: _answered(code) for name, (code, *_) in mail.results.items()}
    # Whoever may have the mail already is in doubt, whatever a server has said of another try.
    doubt = mail.unsure > 0 or mail.state.name == "IN_FLIGHT"
    for name in mail.waiting:
        known = Standing.DEFERRED if name in mail.results else Standing.WAITING
        found[name] = Standing.IN_DOUBT if doubt else known
    for name in mail.unserved:
        ended = _AT_THE_END.get(mail.state.name, Standing.EXPIRED)
        found[name] = Standing.IN_DOUBT if doubt and ended is not Standing.ACCEPTED else ended
    for name, fate in mail.later.items():
        if name in found:
            found[name] = Standing.RETURNED if fate.fate == "returned" else Standing.COMPLAINED
    return found


# The steps.

_AT_THE_END = {"SENT": Standing.ACCEPTED, "CANCELED": Standing.CANCELED}


def _answered(code: int) -> Standing:
    return Standing.ACCEPTED if 200 <= code < 300 else Standing.REFUSED
