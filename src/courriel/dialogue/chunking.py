"""Many messages by chunking: whole transactions leave one behind the other, and are answered behind (RFC 3030)."""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.flow import Flow, Send
from courriel.dialogue.pipelining import LockStep
from courriel.dialogue.smtp import SmtpDialogue
from courriel.dialogue.tray import Parcel, Tray
from courriel.model.receipt import Receipt

_MOST_OCTETS = 256 * 1024  # in flight: more fills the buffers of both sides, and is more in doubt when the line breaks
_LARGE = 64 * 1024  # octets; a larger message is not uploaded before somebody wants it


class Chunking:
    """No round trip a message: a window of them is in flight, and in doubt when the line breaks."""

    def __init__(self, dialogue: SmtpDialogue, tray: Tray, window: int) -> None:
        self._dialogue, self._tray = dialogue, tray
        self._exchange = dialogue.exchange
        self._alone = LockStep(dialogue, tray)
        self._may_be_open = False  # the last one failed, and the server may think that its transaction goes on
        self.most = window

    def advance(self, *, last: bool) -> Flow[None]:
        """Fill the window, then hear until half of it is free."""
        if not self._tray.begun:
            yield from self._exchange.expect_silence("sender")
            if self._tray.waiting and self._goes_alone(self._tray.waiting[0]):
                yield from self._close_what_may_be_open()
                yield from self._alone.advance(last=last)
                return
        batch = yield from self._load()
        if batch:
            yield Send(batch, "message")
        # Half of it stays in flight, so that the line is busy while more is made ready.
        enough = self.most // 2 if batch and not last else 0
        while self._tray.begun and (len(self._tray.begun) > enough or self._has_answers()):
            yield from self._hear_of_the_oldest()

    def wind_up(self) -> Flow[None]:
        """Hear of those in flight, which leave nothing half said."""
        while self._tray.begun:
            yield from self._hear_of_the_oldest()
        yield from self._close_what_may_be_open()

    def _load(self) -> Flow[bytes]:
        """As many whole messages as the window has room for, in one piece."""
        batch = bytearray()
        in_flight = sum(parcel.content.size for parcel in self._tray.begun)
        while self._tray.waiting and len(self._tray.begun) < self.most:
            parcel = self._tray.waiting[0]
            in_flight += parcel.content.size
            if self._goes_alone(parcel) or (self._tray.begun and in_flight > _MOST_OCTETS):
                break
            _, transaction = self._tray.begin()
            try:
                if transaction.permit is not None:
                    yield from transaction.ask_permit()
                batch += transaction.whole(self._dialogue.capabilities)
            except errors.CourrielError as impossible:
                self._tray.settle(parcel, impossible)
        return bytes(batch)

    def _goes_alone(self, parcel: Parcel) -> bool:
        return parcel.content.size > _LARGE or self._tray.alone(parcel)

    def _has_answers(self) -> bool:
        transaction = self._tray.begun[0].transaction
        return transaction is not None and self._exchange.holds(len(transaction.stages))

    def _hear_of_the_oldest(self) -> Flow[None]:
        parcel = self._tray.begun[0]
        transaction = parcel.transaction
        assert transaction is not None
        stages = transaction.stages
        if self._exchange.holds(len(stages)):
            replies = self._exchange.take(len(stages))
        else:
            replies = yield from self._exchange.hear_all(stages)
        try:
            transaction.note_all(replies)
        except errors.ConnectionFailed as closing:
            if closing.stage == "message":
                self._tray.settle(parcel, closing)  # a 421 is its verdict
            raise
        outcome = transaction.outcome(replies[-1], str(self._dialogue.server))
        self._may_be_open = not isinstance(outcome, Receipt)
        self._tray.settle(parcel, outcome)

    def _close_what_may_be_open(self) -> Flow[None]:
        """Whole messages say RSET themselves; who comes after them in another way must not be refused for them."""
        if self._may_be_open:
            self._may_be_open = False
            yield from self._dialogue.reset()
