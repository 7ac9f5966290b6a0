"""
Messages that wait for a session together, and leave together: one bag for all the tasks of a pool.

Who finds no session free puts an errand into the bag and awaits its result. One ticket waits in the pool's queue for
the whole bag; whoever is given a session for it takes as much as it can carry, and each errand is told of its own fate
at the moment it is known. An errand whose caller is gone is taken out while nothing of it was said; what was begun is
finished, for the neighbours' sake.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel.dialogue.stream import Stream
from courriel.dialogue.tray import Parcel, Result
from courriel.model.receipt import Receipt
from courriel.model.submission import SendOptions
from courriel.session.lending import OPENING
from courriel.session.outgoing import Sendable, submission_of
from courriel.session.shelf import Ticket
from courriel.wire.abilities import Abilities

if TYPE_CHECKING:
    import asyncio

    from courriel.model.content import Content
    from courriel.session.smtp import AsyncSmtpSession

Told: TypeAlias = "Receipt | Exception | None"
"""What became of an errand; None: go yourself."""


class Errand(Parcel):
    """One message, and the caller who awaits what becomes of it."""

    def __init__(
        self, bag: Mailbag, message: Sendable, options: SendOptions | None, until: float, told: asyncio.Future[Told]
    ) -> None:
        self.message, self.options, self.until = message, options, until
        self.told = told
        self._bag = bag

    _known: Result | None = None
    _stream: Stream | None = None
    """Whoever has it in hand."""

    def tell(self, told: Told) -> None:
        """This is what became of it; the caller may be gone."""
        if not self.told.done():
            self.told.set_result(told)

    def call_off(self) -> None:
        """The caller is gone."""
        if self._stream is not None:
            self._stream.withdraw(self)
        else:
            self._bag.remove(self)

    @property
    def wanted(self) -> bool:
        """Whether somebody still waits for it."""
        return not self.told.done()

    def load(self, stream: Stream, able: Abilities) -> None:
        """Get ready for a server that can do this, and go; who cannot is told so."""
        try:
            ready = submission_of(self.message, able, self.options)
        except Exception as wrong:  # noqa: BLE001 - the caller's own; raised where they await it
            self.tell(wrong)
            return
        self.envelope, self.content, self.message_id = ready.envelope, ready.content, ready.message_id
        self.notes, self.before_end, self.all_or_nothing = ready.notes, ready.before_end, ready.all_or_nothing
        self.rewrite = self._rewritten if self.content.binary else None
        self.start_over()
        self._known, self._stream, self.tries = None, stream, 0
        stream.put(self)

    def _rewritten(self, able: Abilities) -> Content:
        return submission_of(self.message, able, self.options).content

    # What a tray says of its parcels.

    # A plain attribute of the tray's parcels; here whoever awaits it hears of it at once.
    @property
    def result(self) -> Result | None:
        """What became of it on this session."""
        return self._known

    @result.setter
    def result(self, result: Result | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride] - read alike
        self._known = result
        if isinstance(result, Receipt):
            self.tell(result)
        elif result is not None and result.stage in OPENING:
            # Its session broke and could not be opened again: nothing was said of it, and there may be other sessions.
            self._stream = None
            self._bag.returned.append(self)
        elif result is not None:
            self.tell(result)


class Mailbag:
    """What waits, in the order in which it came, and the ticket that waits for a session on its behalf."""

    def __init__(self) -> None:
        self.ticket: Ticket[AsyncSmtpSession] | None = None
        self.returned: list[Errand] = []  # by a session that could not be opened again
        self._waiting: deque[Errand] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def until(self) -> float:
        """How long the first one waits for a session."""
        return self._waiting[0].until if self._waiting else float("inf")

    def put(self, errand: Errand) -> None:
        """Take one more."""
        self._waiting.append(errand)

    def take(self) -> Errand:
        """The next one."""
        return self._waiting.popleft()

    def put_back(self) -> None:
        """Those that were returned come first, unless nobody waits for them any more."""
        self._waiting.extendleft(errand for errand in reversed(self.returned) if errand.wanted)
        self.returned.clear()

    def remove(self, errand: Errand) -> None:
        """Nobody waits for this one any more."""
        if errand in self._waiting:
            self._waiting.remove(errand)

    def late(self, now: float) -> list[Errand]:
        """Those that have waited as long as they wanted; they wait no more."""
        late: list[Errand] = []
        while self._waiting and self._waiting[0].until <= now:
            late.append(self._waiting.popleft())
        return late

    def tell_first(self, failed: errors.CourrielError) -> None:
        """The oldest one is out of luck."""
        if self._waiting:
            self._waiting.popleft().tell(failed)

    def tell_all(self, told: errors.CourrielError | None) -> None:
        """This is for everybody; an error belongs to one caller, so each has its own."""
        while self._waiting:
            self._waiting.popleft().tell(told and errors.copy(told))
