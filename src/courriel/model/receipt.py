"""What became of a message, recipient by recipient."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from courriel.errors import UsageError
from courriel.reply import Reply
from courriel.values import dataclass, replace

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn


class Outcome(Enum):
    """What is known of one recipient: there is no fourth."""

    ACCEPTED = "accepted"  # the server said 250 and has taken the message over
    REFUSED = "refused"  # the server said no, or the message was abandoned: nothing was taken over
    IN_DOUBT = "in doubt"  # the final dot left and no answer came


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient; `reply` is the server's word on it, None when it never gave one."""

    recipient: str
    outcome: Outcome
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A server's word that it took a message over, and for whom.

    It says "accepted", never "delivered": what happens after this server is not known here. `fates` has one entry for
    each recipient of the envelope, in its order; `notes` holds what went wrong after the answer, which no longer
    matters to the mail.
    """

    server: str
    message_id: str
    reply: Reply
    fates: tuple[Fate, ...]
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[str, ...]:
        """The recipients that this server has taken the message over for."""
        return tuple(fate.recipient for fate in self.fates if fate.outcome is Outcome.ACCEPTED)

    @property
    def refused(self) -> dict[str, Reply]:
        """The recipients that were refused, and the server's words to each."""
        return {fate.recipient: fate.reply for fate in self.fates if fate.outcome is Outcome.REFUSED and fate.reply}

    @property
    def complete(self) -> bool:
        """Whether every recipient was accepted."""
        for fate in self.fates:  # a generator costs more than most receipts hold  # noqa: SIM110
            if fate.outcome is not Outcome.ACCEPTED:
                return False
        return True

    def with_notes(self, *notes: str) -> Receipt:
        """The same receipt with something more to say about it."""
        return replace(self, notes=self.notes + notes) if notes else self

    def noting(self, *_: object) -> NoReturn:
        """Raise UsageError: a receipt does not change; `with_notes` returns one that says more."""
        raise UsageError("Receipt.noting(): a receipt does not change; write receipt = receipt.with_notes(…)")

    def to_dict(self) -> dict[str, object]:
        """The receipt as plain values, for JSON."""
        return {
            "server": self.server,
            "message_id": self.message_id,
            "reply": _plain(self.reply),
            "fates": [
                {"recipient": fate.recipient, "outcome": fate.outcome.value, "reply": _plain(fate.reply)}
                for fate in self.fates
            ],
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Receipt:
        """The receipt that `to_dict` was made from; raises ValueError for anything else."""
        match stored:
            case {
                "server": str(server), "message_id": str(message_id), "reply": dict(reply), "fates": list(fates),
                "notes": list(notes),
            }:  # fmt: skip
                return cls(server, message_id, _reply(reply), tuple(map(_fate, fates)), tuple(map(str, notes)))
            case _:
                raise ValueError("this is not a stored receipt")

    def __str__(self) -> str:
        counts = [
            f"{count} {outcome.value}"
            for outcome in (Outcome.REFUSED, Outcome.IN_DOUBT)
            if (count := self._count(outcome))
        ]
        return (
            f"accepted by {self.server} for {', '.join([str(self._count(Outcome.ACCEPTED)), *counts])} ({self.reply})"
        )

    def _count(self, outcome: Outcome) -> int:
        return sum(fate.outcome is outcome for fate in self.fates)


def _plain(reply: Reply | None) -> dict[str, object] | None:
    return None if reply is None else {"code": reply.code, "lines": list(reply.lines)}


def _reply(stored: Mapping[str, object]) -> Reply:
    match stored:
        case {"code": int(code), "lines": list(lines)}:
            return Reply(code, tuple(map(str, lines)))
        case _:
            raise ValueError("this is not a stored reply")


def _fate(stored: object) -> Fate:
    match stored:
        case {"recipient": str(recipient), "outcome": str(outcome), "reply": None}:
            return Fate(recipient, Outcome(outcome))
        case {"recipient": str(recipient), "outcome": str(outcome), "reply": dict(reply)}:
            return Fate(recipient, Outcome(outcome), _reply(reply))
        case _:
            raise ValueError("this is not a stored fate")
