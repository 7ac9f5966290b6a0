"""
Many messages, one after the other, on one session, without waiting for each.

Three ways, by what the server can do; each costs fewer round trips than the one before: lock-step, pipelining,
chunking. Whatever happens, each message has one result, in the order in which they came: a receipt, or an error. What
the server has accepted nothing of is handed over again, once, on a new session; what it may have taken is in doubt and
never sent again; a refusal of one never touches its neighbours.
"""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.chunking import Chunking
from courriel.dialogue.flow import Flow, HangUp
from courriel.dialogue.pipelining import LockStep, Pipelining
from courriel.dialogue.smtp import SmtpDialogue
from courriel.dialogue.tray import Parcel, Tray, Window
from courriel.model.server import Dialect
from courriel.wire.abilities import Abilities

_AHEAD = 16  # messages made ready before they are pipelined: what is common to them is done once


class Stream:
    """
    Hands many messages over on one open session.

    `put` messages while it has `room`, run `talk`, take the `results` that are there; at the end run `finish`.
    `window` is the number of messages that may be in flight, and so in doubt when the line breaks, or what gives it
    from one moment to the next; with 1, chunking is not used. `ahead` is the number of messages made ready before they
    are pipelined.
    """

    def __init__(self, dialogue: SmtpDialogue, *, window: int | Window, ahead: int = _AHEAD) -> None:
        self._dialogue = dialogue
        self._window: Window = window if callable(window) else lambda: window
        self._several = callable(window) or window > 1
        self._ahead = ahead if callable(window) else min(window, ahead)
        server = dialogue.server
        self._tray = Tray(dialogue.count, server=dialogue.name, protocol=server.dialect.value)
        self._go_the_best_way()
        self.put = self._tray.put
        """Take one more message; an error stands for one that could not be made ready, and keeps its place."""
        self.results = self._tray.results
        """The results that are there, in order; each is given once."""

    @property
    def room(self) -> int:
        """How many more messages are wanted before the next talk; one at least when none waits."""
        return max(self._way.most - self.in_hand, not self._tray.waiting)

    @property
    def in_hand(self) -> int:
        """How many messages have no result yet."""
        return len(self._tray.waiting) + len(self._tray.begun)

    def withdraw(self, parcel: Parcel) -> None:
        """Nobody wants this message any more: it stays at home, unless it has begun; then it is finished."""
        self._tray.withdraw(parcel)

    def break_off(self, broken: errors.CourrielError) -> None:
        """Nothing will be said any more: each message in hand has its share of this error as its result."""
        self._tray.part_with(broken)
        self._tray.give_up(broken)

    def talk(self, *, last: bool = False) -> Flow[None]:
        """What may leave leaves, what was answered is settled; everything of it when this is the `last` for a while.

        A session that breaks is opened anew. When that fails too, every message in hand has that error as its result,
        and it is raised: there is nobody to talk to any more.
        """
        if self._dialogue.facts.bdat_taken is False and isinstance(self._way, Chunking) and not self._tray.begun:
            yield from self._way.wind_up()  # nothing is in flight; another session has learnt it meanwhile
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
        """Talk until everything has its result."""
        while not self._tray.empty:
            yield from self.talk(last=True)

    def wind_up(self) -> Flow[None]:
        """Nobody wants more results: hear of what has left whole, and leave nothing half said on the line."""
        try:
            yield from self._way.wind_up()
        except errors.CourrielError:
            yield HangUp("message")

    # The steps.

    def _go_the_best_way(self) -> None:
        self._way = self._best_way()
        chunking = isinstance(self._way, Chunking)
        self.able = self._dialogue.able if chunking else Abilities(self._dialogue.capabilities, chunking=False)
        """What messages may be made ready for: those that leave by DATA are never binary."""
        if not self.able.binary:
            self._rewrite_binary()

    def _rewrite_binary(self) -> None:
        """Messages that were made with files as they are, for a server that turns out not to take them so."""
        for parcel in tuple(self._tray.waiting):
            if parcel.content.binary and parcel.rewrite is not None:
                try:
                    parcel.content = parcel.rewrite(self.able)
                except errors.CourrielError as impossible:
                    self._tray.waiting.remove(parcel)
                    parcel.result = impossible

    def _best_way(self) -> LockStep | Pipelining | Chunking:
        able, lmtp = self._dialogue.capabilities, self._dialogue.server.dialect is Dialect.LMTP
        if "PIPELINING" not in able or lmtp:
            return LockStep(self._dialogue, self._tray)
        if self._dialogue.able.chunking and self._dialogue.facts.bdat_taken is not False and self._several:
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
        """This session has carried as many messages as its server takes."""
        try:
            yield from self._dialogue.begin_next_session()
        except errors.CourrielError as failed:
            self._tray.give_up(failed)
            raise
        self._go_the_best_way()
