"""The messages in hand while many are handed over: which wait, which have begun, and what became of each, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from courriel import errors
from courriel.dialogue.exchange import CLOSING
from courriel.dialogue.session_limit import MessageCount
from courriel.dialogue.transaction import Transaction
from courriel.model.content import Content
from courriel.model.receipt import Receipt
from courriel.reply import Reply
from courriel.wire.abilities import Abilities

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

Result: TypeAlias = "Receipt | errors.CourrielError"

Window: TypeAlias = "Callable[[], int]"
"""How many messages may be in flight now; it is asked each time that more may leave."""

_MOST_TRIES = 2  # sessions on which one message is begun: a line may break once without anybody hearing of it


class Parcel(Transaction):
    """One message on its way: the notes on its transaction, the one it is in now, and its result once there is one."""

    result: Result | None = None
    tries = 0
    rewrite: Callable[[Abilities], Content] | None = None
    """Makes the content anew, where files as they are (BINARYMIME) cannot leave as they are after all."""
    withdrawn = False
    """By its sender: it is not begun, nor begun again."""
    behind_end = False
    """Whether its envelope was said behind the end of the message before; a server may not have read it there."""
    handed_over_again = False
    """Because the server did not read what was pipelined behind the end of the message before."""

    @property
    def said_too_early(self) -> Reply | None:
        """The 503 to an envelope behind the end of the message before: the server read none of it there."""
        return self.out_of_sequence if self.behind_end and not self.door_is_open else None

    def start_over(self) -> None:
        """Nothing that a server said of it counts any more: it is begun again."""
        self.sender = self.door = None
        self.length, self.ahead = b"", 0
        self.dot_sent = self.door_is_open = self.behind_end = False
        self._answers, self._all_accepted = (), True


class Tray:
    """Every message that was put in and not given back yet."""

    def __init__(self, count: MessageCount, *, server: str = "", protocol: str = "") -> None:
        self._count = count
        self.server, self.protocol = server, protocol
        self.waiting: deque[Parcel] = deque()
        self._refused: deque[Parcel] = deque()  # because the session was full, and for no other reason
        self._held: deque[Parcel] = deque()  # this session has no room for them
        self.begun: deque[Parcel] = deque()
        self._order: deque[Parcel | errors.CourrielError] = deque()

    def put(self, parcel: Parcel | errors.CourrielError) -> None:
        """Take one more; an error stands for a message that could not be made ready, and keeps its place."""
        self._order.append(parcel)
        if isinstance(parcel, Parcel):
            self.waiting.append(parcel)

    def results(self) -> Iterator[Result]:
        """The results that are there, in the order of the messages; each is given once."""
        order = self._order
        while order:
            head = order[0]
            result = head.result if isinstance(head, Parcel) else head
            if result is None:
                return
            del order[0]
            if result.__class__ is not Receipt:
                self._name_mail(head, result)
            yield result

    def withdraw(self, parcel: Parcel) -> None:
        """Nobody wants this one any more: it is not begun, nor begun again. What was begun is finished."""
        parcel.withdrawn = True
        for queue in (self.waiting, self._refused, self._held):
            if parcel in queue:
                queue.remove(parcel)
                self._order.remove(parcel)

    @property
    def empty(self) -> bool:
        """Whether nothing is on its way."""
        return not self.waiting and not self.begun

    def hold_back(self) -> None:
        """Let wait, until `release`, what this session has no room for."""
        excess = len(self.begun) + len(self.waiting) - self._count.room
        for _ in range(min(excess, len(self.waiting))):
            self._held.appendleft(self.waiting.pop())

    @property
    def holds_back(self) -> bool:
        """Whether something waits for the next session."""
        return bool(self._held or self._refused)

    def release(self) -> None:
        """Have what was held back wait with the others again, in the order in which it came."""
        self.waiting.extendleft(reversed(self._refused))
        self.waiting.extend(self._held)
        self._refused.clear()
        self._held.clear()

    def begin(self) -> Parcel:
        """Take the next one that waits."""
        parcel = self.waiting.popleft()
        parcel.tries += 1
        self.begun.append(parcel)
        return parcel

    def put_back(self, parcel: Parcel) -> None:
        """It has begun, nothing of its content can be delivered, and it is the next to begin once more.

        This try is not counted.
        """
        self.begun.remove(parcel)
        parcel.start_over()
        parcel.tries -= 1
        self.waiting.appendleft(parcel)

    def settle(self, parcel: Parcel, result: Result) -> None:
        """This is what became of it; a message that this session alone had no room for goes to the next one."""
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
        """The line broke. What the server may have taken is in doubt; everything else waits again, unless it did so
        before.

        After a 421 nothing is in doubt: what the server has not answered by then it does not take any more (RFC 5321
        3.8).
        """
        closing = broken.reply is not None and broken.reply.code == CLOSING
        again: list[Parcel] = []
        while self.begun:
            parcel = self.begun.popleft()
            refusal = parcel.refusal()
            if refusal is not None and parcel.said_too_early is None:
                parcel.result = refusal
            elif parcel.dot_sent and not closing:
                parcel.result = _told_apart(broken, parcel, in_doubt=True)
            elif parcel.tries < _MOST_TRIES and not (parcel.forbidden or parcel.withdrawn):
                parcel.start_over()
                again.append(parcel)
            else:
                parcel.result = _told_apart(broken, parcel, in_doubt=False)
        self.waiting.extendleft(reversed(again))

    def give_up(self, failed: errors.CourrielError) -> None:
        """There is nobody to talk to any more: everything that waits has this as its result, each a copy of its own."""
        self.release()
        while self.waiting:
            self.waiting.popleft().result = errors.copy(failed)

    def _name_mail(self, head: Parcel | errors.CourrielError, result: Result) -> None:
        """Write into an error that is a result which mail it is about, and who was spoken to."""
        if isinstance(head, Parcel) and isinstance(result, errors.CourrielError):
            result.server, result.protocol = result.server or self.server, result.protocol or self.protocol
            result.message_id = head.message_id


def _told_apart(broken: errors.CourrielError, parcel: Parcel, *, in_doubt: bool) -> errors.CourrielError:
    """The same error as news of one message: what broke is one event, and each message has its own doubt."""
    own = errors.copy(broken)
    own.in_doubt = in_doubt
    own.refused = parcel.refused
    return own
