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
from courriel.model.server import Dialect
from courriel.wire.smtp.extensions import Extensions

_AHEAD = 16  # messages encoded before they are pipelined, so that common work is done once


class BatchSender:
    """
    Sender of many messages on one open session.

    `put` messages while it has `room`, run `talk`, take the `results` available; at the end run `finish`. `window` is
    the number of messages that may be in flight, and so in doubt when the connection is lost, or a function that
    returns it; with 1, chunking is not used. `ahead` is the number of messages encoded before they are pipelined.
    """

    def __init__(self, dialogue: SmtpDialogue, *, window: int | Window, ahead: int = _AHEAD) -> None:
        self._dialogue = dialogue
        self._window: Window = window if callable(window) else lambda: window
        self._several = callable(window) or window > 1
        self._ahead = ahead if callable(window) else min(window, ahead)
        server = dialogue.server
        self._tray = SendQueue(dialogue.count, server=dialogue.name, protocol=server.dialect.value)
        self._go_the_best_way()
        self.put = self._tray.put
        """Add one more message; an error stands for one that could not be encoded, and keeps its place."""
        self.results = self._tray.results
        """Results available, in order; each is returned once."""

    @property
    def room(self) -> int:
        """Number of messages wanted before the next `talk`; one at least when the queue is empty."""
        return max(self._way.most - self.in_hand, not self._tray.waiting)

    @property
    def in_hand(self) -> int:
        """Number of messages without a result."""
        return len(self._tray.waiting) + len(self._tray.begun)

    def withdraw(self, parcel: QueuedMessage) -> None:
        """Withdraw a message that is not wanted any more: it is not sent, unless it has begun; then it is finished."""
        self._tray.withdraw(parcel)

    def break_off(self, broken: errors.CourrielError) -> None:
        """Give each message without a result this error, in doubt or not by its own state; nothing more is sent."""
        self._tray.part_with(broken)
        self._tray.give_up(broken)

    def talk(self, *, last: bool = False) -> Flow[None]:
        """Send what can be sent, and settle what was answered; all of it when this is the `last` call for a while.

        After a lost connection a session is opened again. When that fails too, every message without a result gets that
        error, and it is raised.
        """
        if self._dialogue.facts.bdat_taken is False and isinstance(self._way, Chunking) and not self._tray.begun:
            yield from self._way.wind_up()  # nothing is in flight; another session has found out meanwhile
            self._go_the_best_way()
        self._tray.hold_back()
        try:
            yield from self._way.advance(last=last or self._tray.holds_back)
        except errors.CourrielError as broken:
            if self._dialogue.count.note(broken):
                self._dialogue.count.end_session()
            self._tray.part_with(broken)
            yield from self._open_anew()
        else:
            self._tray.release()
            if self._tray.waiting and not self._tray.begun and not self._dialogue.count.room:
                yield from self._go_on_with_next_session()

    def finish(self) -> Flow[None]:
        """Run until each message has its result."""
        while not self._tray.empty:
            yield from self.talk(last=True)

    def wind_up(self) -> Flow[None]:
        """Stop without further results: read replies to complete messages, leave no partial one on the connection."""
        try:
            yield from self._way.wind_up()
        except errors.CourrielError:
            yield HangUp("message")

    # The steps.

    def _go_the_best_way(self) -> None:
        self._way = self._best_way()
        chunking = isinstance(self._way, Chunking)
        self.extensions = (
            self._dialogue.extensions if chunking else Extensions(self._dialogue.capabilities, chunking=False)
        )
        """Capabilities for which messages are encoded: those sent by DATA are never binary."""
        if not self.extensions.binary:
            self._rewrite_binary()

    def _rewrite_binary(self) -> None:
        """Encode binary messages again, for a server that turns out not to support them."""
        for parcel in tuple(self._tray.waiting):
            if parcel.content.binary and parcel.rewrite is not None:
                try:
                    parcel.content = parcel.rewrite(self.extensions)
                except errors.CourrielError as impossible:
                    self._tray.waiting.remove(parcel)
                    parcel.result = impossible

    def _best_way(self) -> LockStep | Pipelining | Chunking:
        extensions, lmtp = self._dialogue.capabilities, self._dialogue.server.dialect is Dialect.LMTP
        if "PIPELINING" not in extensions or lmtp:
            return LockStep(self._dialogue, self._tray)
        if self._dialogue.extensions.chunking and self._dialogue.facts.bdat_taken is not False and self._several:
            return Chunking(self._dialogue, self._tray, self._window)
        return Pipelining(self._dialogue, self._tray, self._ahead)

    def _open_anew(self) -> Flow[None]:
        yield HangUp("sender")
        self._tray.release()
        if not self._tray.waiting:
            return
        try:
            yield from self._dialogue.open()
        except errors.CourrielError as failed:
            self._tray.give_up(failed)
            raise
        self._go_the_best_way()

    def _go_on_with_next_session(self) -> Flow[None]:
        """Open a new session: this one has carried as many messages as its server takes."""
        try:
            yield from self._dialogue.begin_next_session()
        except errors.CourrielError as failed:
            self._tray.give_up(failed)
            raise
        self._go_the_best_way()
