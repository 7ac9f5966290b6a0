"""Result of sending a message, recipient by recipient."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.reply import Reply

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn, TypeAlias


class Outcome(Enum):
    """Result for one recipient; there is no fourth."""

    ACCEPTED = "accepted"  # the server replied 250 and is responsible for the message now
    REFUSED = "refused"  # the server refused, or the message was abandoned: not accepted for this recipient
    IN_DOUBT = "in doubt"  # the final dot was sent and no reply came


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """Result for one recipient; `reply` is the server's reply about it, None when there was none."""

    recipient: str
    outcome: Outcome
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Acceptance of a message by a server, with the result for each recipient.

        receipt = courriel.send(message, to=["bob@example.org", "gone@example.org"])
        print(receipt.accepted)  # ('bob@example.org',)
        for recipient, reply in receipt.refused.items():
            print(recipient, reply.code)  # gone@example.org 550

    It means "accepted", never "delivered": later hops are not known here. `fates` has one entry for each recipient of
    the envelope, in its order; `notes` are problems after the final reply, which do not affect the mail.
    """

    server: str
    message_id: str
    reply: Reply
    fates: tuple[RecipientResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[str, ...]:
        """Recipients for which this server accepted the message."""
        return tuple(fate.recipient for fate in self.fates if fate.outcome is Outcome.ACCEPTED)

    @property
    def refused(self) -> dict[str, Reply]:
        """Refused recipients, each with the server's reply."""
        return {fate.recipient: fate.reply for fate in self.fates if fate.outcome is Outcome.REFUSED and fate.reply}

    @property
    def preview_url(self) -> str:
        """Page at which a practice server on this machine shows the message, from its reply; "" for any other server.

        Only an address of loopback, and of the form that our practice server has, is believed.
        """
        import re

        text = self.reply.text if self.reply.code == 250 else ""
        found = re.search(r"(?<!\S)http://(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5}/m/\d{1,12}(?!\S)", text)
        return found[0] if found else ""

    @property
    def complete(self) -> bool:
        """Whether every recipient was accepted."""
        for fate in self.fates:  # a generator costs more than most receipts hold  # noqa: SIM110
            if fate.outcome is not Outcome.ACCEPTED:
                return False
        return True

    def with_notes(self, *notes: str) -> Receipt:
        """Return a copy of the receipt with these notes added."""
        return replace(self, notes=self.notes + notes) if notes else self

    def noting(self, *_: object) -> NoReturn:
        """Raise UsageError: a receipt is immutable; `with_notes` returns one with more notes."""
        raise errors.UsageError("Receipt.noting(): a receipt does not change; write receipt = receipt.with_notes(…)")

    def to_dict(self) -> dict[str, object]:
        """Receipt as plain values, for JSON."""
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
        """Receipt from the values of `to_dict`; raises ValueError for anything else."""
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


Result: TypeAlias = "Receipt | errors.CourrielError"
"""The receipt of one message, or its error."""


def _plain(reply: Reply | None) -> dict[str, object] | None:
    return None if reply is None else {"code": reply.code, "lines": list(reply.lines)}


def _reply(stored: Mapping[str, object]) -> Reply:
    match stored:
        case {"code": int(code), "lines": list(lines)}:
            return Reply(code, tuple(map(str, lines)))
        case _:
            raise ValueError("this is not a stored reply")


def _fate(stored: object) -> RecipientResult:
    match stored:
        case {"recipient": str(recipient), "outcome": str(outcome), "reply": None}:
            return RecipientResult(recipient, Outcome(outcome))
        case {"recipient": str(recipient), "outcome": str(outcome), "reply": dict(reply)}:
            return RecipientResult(recipient, Outcome(outcome), _reply(reply))
        case _:
            raise ValueError("this is not a stored fate")
