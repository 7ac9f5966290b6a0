"""The messages in hand while many are handed over: which wait, which have begun, and what became of each, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from courriel import errors
from courriel.dialogue.exchange import CLOSING
from courriel.dialogue.flow import Asking
from courriel.dialogue.session_limit import MessageCount
from courriel.dialogue.transaction import Transaction
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.receipt import Receipt

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

    def __init__(
        self,
        envelope: Envelope,
        content: Content,
        message_id: str,
        notes: tuple[str, ...] = (),
        permit: Asking | None = None,
    ) -> None:
        self.envelope, self.content, self.message_id = envelope, content, message_id
        self.notes, self.permit = notes, permit

    all_or_nothing = False
    result: Result | None = None
    tries = 0

    def start_over(self) -> None:
        """Nothing that a server said of it counts any more: it is begun again, on another session."""
        self.sender = self.door = None
        self.dot_sent = self.door_is_open = False
        self._answers, self._all_accepted = (), True


class Tray:
    """Every message that was put in and not given back yet."""

    def __init__(self, count: MessageCount, *, all_or_nothing: bool) -> None:
        self._count = count
        self.waiting: deque[Parcel] = deque()
        self._refused: deque[Parcel] = deque()  # because the session was full, and for no other reason
        self._held: deque[Parcel] = deque()  # this session has no room for them
        self.begun: deque[Parcel] = deque()
        self._all_or_nothing = all_or_nothing
        self._order: deque[Parcel | errors.CourrielError] = deque()

    def put(self, parcel: Parcel | errors.CourrielError) -> None:
        """Take one more; an error stands for a message that could not be made ready, and keeps its place."""
        self._order.append(parcel)
        if isinstance(parcel, Parcel):
            if self._all_or_nothing:
                parcel.all_or_nothing = True
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
            yield result

    def withdraw(self, parcel: Parcel) -> None:
        """Nobody wants this one any more: it is not begun, nor begun again. What was begun is finished."""
        parcel.tries = _MOST_TRIES
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

    def settle(self, parcel: Parcel, result: Result) -> None:
        """This is what became of it; a message that this session alone had no room for goes to the next one."""
        full = self._count.note(result)
        if full and parcel.tries < _MOST_TRIES and not parcel.forbidden:
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
            if (refusal := parcel.refusal()) is not None:
                parcel.result = refusal
            elif parcel.dot_sent and not closing:
                parcel.result = _told_apart(broken, parcel, in_doubt=True)
            elif parcel.tries < _MOST_TRIES and not parcel.forbidden:
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


def _told_apart(broken: errors.CourrielError, parcel: Parcel, *, in_doubt: bool) -> errors.CourrielError:
    """The same error as news of one message: what broke is one event, and each message has its own doubt."""
    own = errors.copy(broken)
    own.in_doubt = in_doubt
    own.refused = parcel.refused
    return own
