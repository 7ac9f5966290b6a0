"""
Batch sending: many messages on one session, without waiting for each reply.

Three strategies, by the server's capabilities, each with fewer round trips than the one before: lock-step, pipelining,
chunking. Each message has exactly one result, in the order in which they came: a receipt, or an error. A message of
which the server has accepted nothing is sent again, once, on a new session; one that it may have accepted is in doubt
and never sent again; a refusal of one does not affect the others.
"""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.flow import Flow, HangUp
from courriel.dialogue.smtp.chunking import Chunking
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.dialogue.smtp.pipelining import LockStep, Pipelining
from courriel.dialogue.smtp.send_queue import QueuedMessage, SendQueue, Window
from courriel.model.servers.server import Dialect
from courriel.wire.smtp.extensions import Extensions

_AHEAD = 16  # messages encoded before they are pipelined, so that common work is done once


class BatchSender:
    """
    Sender of many messages on one open session.

    `put` messages while it has `room`, run `advance`, take the `results` available; at the end run `finish`. `window`
    is the number of messages that may be in flight, and so in doubt when the connection is lost, or a function that
    returns it; with 1, chunking is not used. `ahead` is the number of messages encoded before they are pipelined.
    """

    def __init__(self, dialogue: SmtpDialogue, *, window: int | Window, ahead: int = _AHEAD) -> None:
        self._dialogue = dialogue
        self._window: Window = window if callable(window) else lambda: window
        self._measured = window if callable(window) else None
        self._several = callable(window) or window > 1
        self._ahead = ahead if callable(window) else min(window, ahead)
        server = dialogue.server
        self._queue = SendQueue(dialogue.count, server=dialogue.name, protocol=server.dialect.value)
        self._choose_strategy()
        self.put = self._put_by_rules if dialogue.rules else self._queue.put
        """Add one more message; an error stands for one that could not be encoded, and keeps its place."""
        self.results = self._queue.results
        """Results available, in order; each is returned once."""

    @property
    def room(self) -> int:
        """Number of messages wanted before the next `advance`; one at least when the queue is empty."""
        return max(self._strategy.most - self.in_hand, not self._queue.waiting)

    @property
    def in_hand(self) -> int:
        """Number of messages without a result."""
        return len(self._queue.waiting) + len(self._queue.begun)

    def withdraw(self, queued: QueuedMessage) -> None:
        """Withdraw a message that is not wanted any more: it is not sent, unless it has begun; then it is finished."""
        self._queue.withdraw(queued)

    def break_off(self, broken: errors.CourrielError) -> None:
        """Give each message without a result this error, in doubt or not by its own state; nothing more is sent."""
        self._queue.part_with(broken)
        self._queue.give_up(broken)

    def advance(self, *, last: bool = False) -> Flow[None]:
        """Send what can be sent, and settle what was answered; all of it when this is the `last` call for a while.

        After a lost connection a session is opened again. When that fails too, every message without a result gets that
        error, and it is raised.
        """
        if self._dialogue.facts.bdat_taken is False and isinstance(self._strategy, Chunking) and not self._queue.begun:
            yield from self._strategy.wind_up()  # nothing is in flight; another session has found out meanwhile
            self._choose_strategy()
        self._queue.hold_back()
        try:
            yield from self._strategy.advance(last=last or self._queue.holds_back)
        except errors.CourrielError as broken:
            if self._dialogue.count.note(broken):
                self._dialogue.count.end_session()
            self._queue.part_with(broken)
            yield from self._open_anew()
        else:
            self._queue.release()
            if self._queue.waiting and not self._queue.begun and not self._dialogue.count.room:
                yield from self._open_next_session()

    def finish(self) -> Flow[None]:
        """Run until each message has its result."""
        while not self._queue.empty:
            yield from self.advance(last=True)

    def wind_up(self) -> Flow[None]:
        """Stop without further results: read replies to complete messages, leave no partial one on the connection."""
        try:
            yield from self._strategy.wind_up()
        except errors.CourrielError:
            yield HangUp("message")

    # The steps.

    def _put_by_rules(self, queued: QueuedMessage | errors.CourrielError) -> None:
        """Add one more message as it may leave; one for a stranger is refused, and keeps its place."""
        if isinstance(queued, QueuedMessage):
            original, rewrite, by_rules = queued.envelope, queued.rewrite, self._dialogue.by_rules
            try:
                queued.envelope, queued.content = by_rules(original, queued.content)
            except errors.CourrielError as refused:
                queued.result = refused
                self._queue.put_settled(queued)
                return
            if rewrite is not None:
                queued.rewrite = lambda extensions: by_rules(original, rewrite(extensions))[1]
        self._queue.put(queued)

    def _choose_strategy(self) -> None:
        self._strategy = self._best_strategy()
        chunking = isinstance(self._strategy, Chunking)
        self.extensions = (
            self._dialogue.extensions if chunking else Extensions(self._dialogue.capabilities, chunking=False)
        )
        """Capabilities for which messages are encoded: those sent by DATA are never binary."""
        if not self.extensions.binary:
            self._rewrite_binary()

    def _rewrite_binary(self) -> None:
        """Encode binary messages again, for a server that turns out not to support them."""
        for queued in tuple(self._queue.waiting):
            if queued.content.binary and queued.rewrite is not None:
                try:
                    queued.content = queued.rewrite(self.extensions)
                except errors.CourrielError as impossible:
                    self._queue.waiting.remove(queued)
                    queued.result = impossible

    def _best_strategy(self) -> LockStep | Pipelining | Chunking:
        extensions, lmtp = self._dialogue.capabilities, self._dialogue.server.dialect is Dialect.LMTP
        if "PIPELINING" not in extensions or lmtp:
            return LockStep(self._dialogue, self._queue)
        if self._dialogue.extensions.chunking and self._dialogue.facts.bdat_taken is not False and self._several:
            return Chunking(self._dialogue, self._queue, self._window)
        return Pipelining(self._dialogue, self._queue, self._ahead, self._measured)

    def _open_anew(self) -> Flow[None]:
        yield HangUp("sender")
        self._queue.release()
        if not self._queue.waiting:
            return
        try:
            yield from self._dialogue.open()
        except errors.CourrielError as failed:
            self._queue.give_up(failed)
            raise
        self._choose_strategy()

    def _open_next_session(self) -> Flow[None]:
        """Open a new session: this one has carried as many messages as its server takes."""
        try:
            yield from self._dialogue.begin_next_session()
        except errors.CourrielError as failed:
            self._queue.give_up(failed)
            raise
        self._choose_strategy()
