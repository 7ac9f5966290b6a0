"""The messages in hand while many are handed over: which wait, which have begun, and what became of each, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TypeAlias

from courriel import errors
from courriel.dialogue.exchange import CLOSING
from courriel.dialogue.flow import Asking
from courriel.dialogue.transaction import Transaction
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.receipt import Receipt

Result: TypeAlias = "Receipt | errors.CourrielError"

_MOST_TRIES = 2  # sessions on which one message is begun: a line may break once without anybody hearing of it


class Parcel:
    """One message on its way, the transaction it is in, and its result once there is one."""

    __slots__ = ("content", "envelope", "message_id", "notes", "permit", "result", "transaction", "tries")

    def __init__(
        self,
        envelope: Envelope,
        content: Content,
        message_id: str,
        notes: tuple[str, ...] = (),
        permit: Asking | None = None,
    ) -> None:
        self.envelope, self.content, self.message_id, self.notes = envelope, content, message_id, notes
        self.permit = permit
        self.transaction: Transaction | None = None
        self.result: Result | None = None
        self.tries = 0


class Tray:
    """Every message that was put in and not given back yet."""

    def __init__(self, *, all_or_nothing: bool) -> None:
        self.waiting: deque[Parcel] = deque()
        self.begun: deque[Parcel] = deque()
        self._all_or_nothing = all_or_nothing
        self._order: deque[Parcel | errors.CourrielError] = deque()

    def put(self, parcel: Parcel | errors.CourrielError) -> None:
        """Take one more; an error stands for a message that could not be made ready, and keeps its place."""
        self._order.append(parcel)
        if isinstance(parcel, Parcel):
            self.waiting.append(parcel)

    def results(self) -> Iterator[Result]:
        """The results that are there, in the order of the messages; each is given once."""
        while self._order:
            head = self._order[0]
            result = head.result if isinstance(head, Parcel) else head
            if result is None:
                return
            del self._order[0]
            yield result

    @property
    def empty(self) -> bool:
        """Whether nothing is on its way."""
        return not self.waiting and not self.begun

    def begin(self) -> tuple[Parcel, Transaction]:
        """Take the next one that waits."""
        parcel = self.waiting.popleft()
        parcel.tries += 1
        parcel.transaction = Transaction(
            parcel.envelope,
            parcel.content,
            parcel.message_id,
            all_or_nothing=self._all_or_nothing,
            permit=parcel.permit,
        )
        self.begun.append(parcel)
        return parcel, parcel.transaction

    def settle(self, parcel: Parcel, result: Result) -> None:
        """This is what became of it."""
        parcel.result = result.noting(*parcel.notes) if isinstance(result, Receipt) and parcel.notes else result
        self.begun.remove(parcel)

    def alone(self, parcel: Parcel) -> bool:
        """Whether each recipient has to be heard of before anything else is said: all or nothing among several."""
        return self._all_or_nothing and len(parcel.envelope.recipients) > 1

    def part_with(self, broken: errors.CourrielError) -> None:
        """The line broke. What the server may have taken is in doubt; everything else waits again, unless it did so
        before.

        After a 421 nothing is in doubt: what the server has not answered by then it does not take any more (RFC 5321
        3.8).
        """
        closing = broken.reply is not None and broken.reply.code == CLOSING
        again: list[Parcel] = []
        while self.begun:
            parcel = self.begun.popleft()
            transaction = parcel.transaction
            assert transaction is not None
            if (refusal := transaction.refusal()) is not None:
                parcel.result = refusal
            elif transaction.dot_sent and not closing:
                parcel.result = _told_apart(broken, transaction, in_doubt=True)
            elif parcel.tries < _MOST_TRIES and not transaction.forbidden:
                again.append(parcel)
            else:
                parcel.result = _told_apart(broken, transaction, in_doubt=False)
        self.waiting.extendleft(reversed(again))

    def give_up(self, failed: errors.CourrielError) -> None:
        """There is nobody to talk to any more: everything that waits has this as its result."""
        while self.waiting:
            self.waiting.popleft().result = failed


def _told_apart(broken: errors.CourrielError, transaction: Transaction, *, in_doubt: bool) -> errors.CourrielError:
    """The same error as news of one message: what broke is one event, and each message has its own doubt."""
    own = errors.copy(broken)
    own.in_doubt = in_doubt
    own.refused = transaction.refused
    return own
