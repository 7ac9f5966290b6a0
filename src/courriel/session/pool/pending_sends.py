"""Queue of messages that wait for a session together, for all the tasks of a pool.

A task that finds no free session queues its message and awaits the result. One waiter in the pool's queue stands for
all of them; the session it gets sends as many as it may, and each task gets its own result as soon as it is known. A
message whose task was cancelled is removed while nothing of it was sent; one already begun is finished, since others
share the connection.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel.dialogue.smtp.batch_sender import BatchSender
from courriel.dialogue.smtp.send_queue import QueuedMessage, Result
from courriel.model.receipt import Receipt
from courriel.model.submission import SendOptions
from courriel.session.encoding import Sendable, submission_of
from courriel.session.pool.base import OPENING
from courriel.session.pool.state import Waiter
from courriel.wire.smtp.extensions import Extensions

if TYPE_CHECKING:
    import asyncio

    from courriel.model.content import Content
    from courriel.session.smtp import AsyncSmtpSession

Told: TypeAlias = "Receipt | Exception | None"
"""Result of a pending message; None: send it alone."""


class PendingSend(QueuedMessage):
    """One pending message, and the future of the task that awaits its result."""

    def __init__(
        self,
        bag: PendingSends,
        message: Sendable,
        options: SendOptions | None,
        until: float,
        told: asyncio.Future[Told],
    ) -> None:
        self.message, self.options, self.until = message, options, until
        self.told = told
        self._bag = bag

    _known: Result | None = None
    _stream: BatchSender | None = None
    """The batch it is being sent in."""

    def tell(self, told: Told) -> None:
        """Set the result; ignored when the task was cancelled."""
        if not self.told.done():
            self.told.set_result(told)

    def call_off(self) -> None:
        """Remove the message after its task was cancelled."""
        if self._stream is not None:
            self._stream.withdraw(self)
        else:
            self._bag.remove(self)

    @property
    def wanted(self) -> bool:
        """Whether a task still awaits the result."""
        return not self.told.done()

    def load(self, stream: BatchSender, extensions: Extensions) -> None:
        """Encode the message for these capabilities and add it to the batch; an error becomes its result."""
        try:
            ready = submission_of(self.message, extensions, self.options)
        except Exception as wrong:  # noqa: BLE001 - the caller's own; raised where they await it
            self.tell(wrong)
            return
        self.envelope, self.content, self.message_id = ready.envelope, ready.content, ready.message_id
        self.notes, self.before_end, self.all_or_nothing = ready.notes, ready.before_end, ready.all_or_nothing
        self.rewrite = self._rewritten if self.content.binary else None
        self.reset_transaction()
        self._known, self._stream, self.tries = None, stream, 0
        stream.put(self)

    def _rewritten(self, extensions: Extensions) -> Content:
        return submission_of(self.message, extensions, self.options).content

    # Attributes that the send queue reads.

    # A plain attribute in the base class; here setting it resolves the future.
    @property
    def result(self) -> Result | None:
        """Result on this session."""
        return self._known

    @result.setter
    def result(self, result: Result | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride] - read alike
        self._known = result
        if isinstance(result, Receipt):
            self.tell(result)
        elif result is not None and result.stage in OPENING:
            # The session was lost and could not be reopened: nothing of it was sent, and another session may send it.
            self._stream = None
            self._bag.returned.append(self)
        elif result is not None:
            self.tell(result)


class PendingSends:
    """The pending messages in order of arrival, and the waiter for a session on their behalf."""

    def __init__(self) -> None:
        self.ticket: Waiter[AsyncSmtpSession] | None = None
        self.returned: list[PendingSend] = []  # by a session that could not be opened again
        self._waiting: deque[PendingSend] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def until(self) -> float:
        """Time until which the first message waits for a session."""
        return self._waiting[0].until if self._waiting else float("inf")

    def put(self, errand: PendingSend) -> None:
        """Append a message."""
        self._waiting.append(errand)

    def take(self) -> PendingSend:
        """Remove and return the first message."""
        return self._waiting.popleft()

    def put_back(self) -> None:
        """Requeue the returned messages in front, without those whose task was cancelled."""
        self._waiting.extendleft(errand for errand in reversed(self.returned) if errand.wanted)
        self.returned.clear()

    def remove(self, errand: PendingSend) -> None:
        """Remove a message whose task was cancelled."""
        if errand in self._waiting:
            self._waiting.remove(errand)

    def late(self, now: float) -> list[PendingSend]:
        """Remove and return the messages whose waiting time is over."""
        late: list[PendingSend] = []
        while self._waiting and self._waiting[0].until <= now:
            late.append(self._waiting.popleft())
        return late

    def tell_first(self, failed: errors.CourrielError) -> None:
        """Fail the oldest message."""
        if self._waiting:
            self._waiting.popleft().tell(failed)

    def tell_all(self, told: errors.CourrielError | None) -> None:
        """Give all messages this result; each caller gets its own copy of an error."""
        while self._waiting:
            self._waiting.popleft().tell(told and errors.copy(told))
