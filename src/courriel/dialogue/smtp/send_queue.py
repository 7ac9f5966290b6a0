"""Queue of messages being sent on one session: waiting, begun, and settled with their results, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from courriel import errors
from courriel.dialogue.smtp.replies import CLOSING
from courriel.dialogue.smtp.session_limit import MessageCount
from courriel.dialogue.smtp.transaction import Transaction
from courriel.model.content import Content
from courriel.model.receipt import Receipt, Result
from courriel.reply import Reply
from courriel.wire.smtp.extensions import Extensions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

Window: TypeAlias = "Callable[[], int]"
"""Returns the number of messages that may be in flight now; called each time that more may leave."""

_MOST_TRIES = 2  # sessions on which one message is begun: a connection may be lost once unnoticed


class QueuedMessage(Transaction):
    """Queued message: its current transaction, and its result once there is one."""

    result: Result | None = None
    tries = 0
    rewrite: Callable[[Extensions], Content] | None = None
    """Encodes the content again, when it is binary (BINARYMIME) and the server does not support that after all."""
    withdrawn = False
    """Whether the caller withdrew it: it is not begun, nor begun again."""
    behind_end = False
    """Whether its envelope was pipelined behind the end of the message before; some servers discard it there."""
    handed_over_again = False
    """Whether it is sent again because the server discarded the envelope behind the end of the message before."""

    @property
    def said_too_early(self) -> Reply | None:
        """The 503 to an envelope behind the end of the message before, which the server discarded there."""
        return self.out_of_sequence if self.behind_end and not self.data_accepted else None

    def start_over(self) -> None:
        """Reset the transaction, to begin the message again."""
        self.sender = self.door = None
        self.length, self.ahead = b"", 0
        self.end_sent = self.data_accepted = self.behind_end = False
        self._answers, self._all_accepted = (), True


class SendQueue:
    """Messages that were put in and whose results were not returned yet."""

    def __init__(self, count: MessageCount, *, server: str = "", protocol: str = "") -> None:
        self._count = count
        self.server, self.protocol = server, protocol
        self.waiting: deque[QueuedMessage] = deque()
        self._refused: deque[QueuedMessage] = deque()  # only because the session was full
        self._held: deque[QueuedMessage] = deque()  # beyond the limit of this session
        self.begun: deque[QueuedMessage] = deque()
        self._order: deque[QueuedMessage | errors.CourrielError] = deque()

    def put(self, parcel: QueuedMessage | errors.CourrielError) -> None:
        """Add one message; an error stands for a message that could not be encoded, and keeps its place."""
        self._order.append(parcel)
        if isinstance(parcel, QueuedMessage):
            self.waiting.append(parcel)

    def results(self) -> Iterator[Result]:
        """Yield the results available, in the order of the messages; each once."""
        order = self._order
        while order:
            head = order[0]
            result = head.result if isinstance(head, QueuedMessage) else head
            if result is None:
                return
            del order[0]
            if result.__class__ is not Receipt:
                self._name_mail(head, result)
            yield result

    def withdraw(self, parcel: QueuedMessage) -> None:
        """Withdraw a message: it is not begun, nor begun again. One that has begun is finished."""
        parcel.withdrawn = True
        for queue in (self.waiting, self._refused, self._held):
            if parcel in queue:
                queue.remove(parcel)
                self._order.remove(parcel)

    @property
    def empty(self) -> bool:
        """Whether no message is waiting or begun."""
        return not self.waiting and not self.begun

    def hold_back(self) -> None:
        """Set aside, until `release`, the messages beyond the limit of this session."""
        excess = len(self.begun) + len(self.waiting) - self._count.room
        for _ in range(min(excess, len(self.waiting))):
            self._held.appendleft(self.waiting.pop())

    @property
    def holds_back(self) -> bool:
        """Whether messages are set aside for the next session."""
        return bool(self._held or self._refused)

    def release(self) -> None:
        """Return the messages set aside to the queue, in their order."""
        self.waiting.extendleft(reversed(self._refused))
        self.waiting.extend(self._held)
        self._refused.clear()
        self._held.clear()

    def begin(self) -> QueuedMessage:
        """Begin the next waiting message."""
        parcel = self.waiting.popleft()
        parcel.tries += 1
        self.begun.append(parcel)
        return parcel

    def put_back(self, parcel: QueuedMessage) -> None:
        """Return a begun message, of which nothing can be delivered, to the head of the queue.

        This try is not counted.
        """
        self.begun.remove(parcel)
        parcel.start_over()
        parcel.tries -= 1
        self.waiting.appendleft(parcel)

    def settle(self, parcel: QueuedMessage, result: Result) -> None:
        """Set the result of a message; one refused only because the session is full goes to the next session."""
        full = self._count.note(result)
        if full and parcel.tries < _MOST_TRIES and not (parcel.forbidden or parcel.withdrawn):
            self.begun.remove(parcel)
            parcel.start_over()
            self._refused.append(parcel)
            self.hold_back()
            return
        parcel.result = result.with_notes(*parcel.notes) if parcel.notes and isinstance(result, Receipt) else result
        if self.begun[0] is parcel:
            del self.begun[0]
        else:
            self.begun.remove(parcel)

    def part_with(self, broken: errors.CourrielError) -> None:
        """Settle the begun messages after a lost connection: those that may have been accepted are in doubt, the others
        wait again, unless this was their second try.

        After a 421 nothing is in doubt: the server does not accept what it has not answered by then (RFC 5321 3.8).
        """
        closing = broken.reply is not None and broken.reply.code == CLOSING
        again: list[QueuedMessage] = []
        while self.begun:
            parcel = self.begun.popleft()
            refusal = parcel.refusal()
            if refusal is not None and parcel.said_too_early is None:
                parcel.result = refusal
            elif parcel.end_sent and not closing:
                parcel.result = _told_apart(broken, parcel, in_doubt=True)
            elif parcel.tries < _MOST_TRIES and not (parcel.forbidden or parcel.withdrawn):
                parcel.start_over()
                again.append(parcel)
            else:
                parcel.result = _told_apart(broken, parcel, in_doubt=False)
        self.waiting.extendleft(reversed(again))

    def give_up(self, failed: errors.CourrielError) -> None:
        """Give every waiting message this error as its result, each a copy of its own: no session can be opened."""
        self.release()
        while self.waiting:
            self.waiting.popleft().result = errors.copy(failed)

    def _name_mail(self, head: QueuedMessage | errors.CourrielError, result: Result) -> None:
        """Fill in server, protocol and Message-ID of an error that is a result."""
        if isinstance(head, QueuedMessage) and isinstance(result, errors.CourrielError):
            result.server, result.protocol = result.server or self.server, result.protocol or self.protocol
            result.message_id = head.message_id


def _told_apart(broken: errors.CourrielError, parcel: QueuedMessage, *, in_doubt: bool) -> errors.CourrielError:
    """Copy of a connection error for one message, with the message's own `in_doubt` and refused recipients."""
    own = errors.copy(broken)
    own.in_doubt = in_doubt
    own.refused = parcel.refused
    return own
