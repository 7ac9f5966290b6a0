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
from courriel.dialogue.smtp.send_queue import QueuedMessage
from courriel.model.receipt import Receipt, Result
from courriel.model.submission import SendOptions
from courriel.session.encoding import Sendable, submission_of
from courriel.session.pool.base import OPENING
from courriel.session.pool.state import Waiter
from courriel.wire.smtp.extensions import Extensions

if TYPE_CHECKING:
    import asyncio

    from courriel.model.content import Content
    from courriel.session.smtp import AsyncSmtpSession

SendOutcome: TypeAlias = "Receipt | Exception | None"
"""Result of a pending message; None: send it alone."""


class PendingSend(QueuedMessage):
    """One pending message, and the future of the task that awaits its result."""

    def __init__(
        self,
        pending: PendingSends,
        message: Sendable,
        options: SendOptions | None,
        until: float,
        future: asyncio.Future[SendOutcome],
    ) -> None:
        self.message, self.options, self.until = message, options, until
        self.future = future
        self._pending = pending

    _known: Result | None = None
    _batch_sender: BatchSender | None = None
    """The batch it is being sent in."""

    def resolve(self, future: SendOutcome) -> None:
        """Set the result; ignored when the task was cancelled."""
        if not self.future.done():
            self.future.set_result(future)

    def cancel(self) -> None:
        """Remove the message after its task was cancelled."""
        if self._batch_sender is not None:
            self._batch_sender.withdraw(self)
        else:
            self._pending.remove(self)

    @property
    def wanted(self) -> bool:
        """Whether a task still awaits the result."""
        return not self.future.done()

    def load(self, sender: BatchSender, extensions: Extensions) -> None:
        """Encode the message for these capabilities and add it to the batch; an error becomes its result."""
        try:
            ready = submission_of(self.message, extensions, self.options)
        except Exception as wrong:  # noqa: BLE001 - the caller's own; raised where they await it
            self.resolve(wrong)
            return
        self.envelope, self.content, self.message_id = ready.envelope, ready.content, ready.message_id
        self.notes, self.before_end, self.all_or_nothing = ready.notes, ready.before_end, ready.all_or_nothing
        self.rewrite = self._rewritten if self.content.binary else None
        self.reset_transaction()
        self._known, self._batch_sender, self.tries = None, sender, 0
        sender.put(self)

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
            self.resolve(result)
        elif result is not None and result.stage in OPENING:
            # The session was lost and could not be reopened: nothing of it was sent, and another session may send it.
            self._batch_sender = None
            self._pending.returned.append(self)
        elif result is not None:
            self.resolve(result)


class PendingSends:
    """The pending messages in order of arrival, and the waiter for a session on their behalf."""

    def __init__(self) -> None:
        self.waiter: Waiter[AsyncSmtpSession] | None = None
        self.returned: list[PendingSend] = []  # by a session that could not be opened again
        self._waiting: deque[PendingSend] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def until(self) -> float:
        """Time until which the first message waits for a session."""
        return self._waiting[0].until if self._waiting else float("inf")

    def put(self, pending_send: PendingSend) -> None:
        """Append a message."""
        self._waiting.append(pending_send)

    def take(self) -> PendingSend:
        """Remove and return the first message."""
        return self._waiting.popleft()

    def put_back(self) -> None:
        """Requeue the returned messages in front, without those whose task was cancelled."""
        self._waiting.extendleft(pending_send for pending_send in reversed(self.returned) if pending_send.wanted)
        self.returned.clear()

    def remove(self, pending_send: PendingSend) -> None:
        """Remove a message whose task was cancelled."""
        if pending_send in self._waiting:
            self._waiting.remove(pending_send)

    def late(self, now: float) -> list[PendingSend]:
        """Remove and return the messages whose waiting time is over."""
        late: list[PendingSend] = []
        while self._waiting and self._waiting[0].until <= now:
            late.append(self._waiting.popleft())
        return late

    def fail_first(self, failed: errors.CourrielError) -> None:
        """Fail the oldest message."""
        if self._waiting:
            self._waiting.popleft().resolve(failed)

    def resolve_all(self, future: errors.CourrielError | None) -> None:
        """Give all messages this result; each caller gets its own copy of an error."""
        while self._waiting:
            self._waiting.popleft().resolve(future and errors.copy(future))
