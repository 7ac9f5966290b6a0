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
    sent_again = False
    """Whether it is sent again because the server discarded the envelope behind the end of the message before."""

    @property
    def early_refusal(self) -> Reply | None:
        """The 503 to an envelope behind the end of the message before, which the server discarded there."""
        return self.out_of_sequence if self.behind_end and not self.data_accepted else None

    def reset_transaction(self) -> None:
        """Reset the transaction, to begin the message again."""
        self.sender = self.data_reply = None
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

    def put(self, queued: QueuedMessage | errors.CourrielError) -> None:
        """Add one message; an error stands for a message that could not be encoded, and keeps its place."""
        self._order.append(queued)
        if isinstance(queued, QueuedMessage):
            self.waiting.append(queued)

    def put_settled(self, queued: QueuedMessage) -> None:
        """Add one that has its result already: it is not sent, and keeps its place."""
        self._order.append(queued)

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

    def withdraw(self, queued: QueuedMessage) -> None:
        """Withdraw a message: it is not begun, nor begun again. One that has begun is finished."""
        queued.withdrawn = True
        for queue in (self.waiting, self._refused, self._held):
            if queued in queue:
                queue.remove(queued)
                self._order.remove(queued)

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
        queued = self.waiting.popleft()
        queued.tries += 1
        self.begun.append(queued)
        return queued

    def put_back(self, queued: QueuedMessage) -> None:
        """Return a begun message, of which nothing can be delivered, to the head of the queue.

        This try is not counted.
        """
        self.begun.remove(queued)
        queued.reset_transaction()
        queued.tries -= 1
        self.waiting.appendleft(queued)

    def settle(self, queued: QueuedMessage, result: Result) -> None:
        """Set the result of a message; one refused only because the session is full goes to the next session."""
        full = self._count.note(result)
        if full and queued.tries < _MOST_TRIES and not (queued.forbidden or queued.withdrawn):
            self.begun.remove(queued)
            queued.reset_transaction()
            self._refused.append(queued)
            self.hold_back()
            return
        queued.result = result.with_notes(*queued.notes) if queued.notes and isinstance(result, Receipt) else result
        if self.begun[0] is queued:
            del self.begun[0]
        else:
            self.begun.remove(queued)

    def part_with(self, broken: errors.CourrielError) -> None:
        """Settle the begun messages after a lost connection: those that may have been accepted are in doubt, the others
        wait again, unless this was their second try.

        After a 421 nothing is in doubt: the server does not accept what it has not answered by then (RFC 5321 3.8).
        """
        closing = broken.reply is not None and broken.reply.code == CLOSING
        again: list[QueuedMessage] = []
        while self.begun:
            queued = self.begun.popleft()
            refusal = queued.refusal()
            if refusal is not None and queued.early_refusal is None:
                queued.result = refusal
            elif queued.end_sent and not closing:
                queued.result = _own_error(broken, queued, in_doubt=True)
            elif queued.tries < _MOST_TRIES and not (queued.forbidden or queued.withdrawn):
                queued.reset_transaction()
                again.append(queued)
            else:
                queued.result = _own_error(broken, queued, in_doubt=False)
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


def _own_error(broken: errors.CourrielError, queued: QueuedMessage, *, in_doubt: bool) -> errors.CourrielError:
    """Copy of a connection error for one message, with the message's own `in_doubt` and refused recipients."""
    own = errors.copy(broken)
    own.in_doubt = in_doubt
    own.refused = queued.refused
    return own
