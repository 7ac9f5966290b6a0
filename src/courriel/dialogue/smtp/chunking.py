"""Many messages by chunking: complete transactions are sent one behind the other, replies are read later (RFC 3030)."""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.flow import Flow, Send
from courriel.dialogue.smtp.bdat import measured
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.dialogue.smtp.pipelining import LockStep
from courriel.dialogue.smtp.send_queue import QueuedMessage, SendQueue, Window
from courriel.model.receipt import Receipt
from courriel.reply import Reply

_MOST_OCTETS = 256 * 1024  # in flight: more fills the buffers of both sides, and leaves more in doubt
_LARGE = 64 * 1024  # octets; a larger message is not sent before a recipient was accepted


class Chunking:
    """Strategy without a round trip per message: a window of messages is in flight, and in doubt when it breaks."""

    def __init__(self, dialogue: SmtpDialogue, tray: SendQueue, window: Window) -> None:
        self._dialogue, self._tray = dialogue, tray
        self._exchange = dialogue.exchange
        self._alone = LockStep(dialogue, tray)
        self._in_flight = 0  # octets
        self._may_be_open = False  # the last one failed, and its transaction may still be open at the server
        self._window = window

    @property
    def most(self) -> int:
        """Number of messages that may be in flight now."""
        return self._window()

    def advance(self, *, last: bool) -> Flow[None]:
        """Fill the window, then read replies until half of it is free; for guarded messages until a quarter is."""
        if not self._tray.begun:
            yield from self._exchange.expect_silence("sender")
            taken = self._dialogue.facts.bdat_taken
            if self._tray.waiting and (not taken or self._goes_alone(self._tray.waiting[0])):
                yield from self._close_what_may_be_open()
                yield from self._alone.advance(last=last)
                return
        batch = yield from self._load()
        if batch:
            yield Send(batch, "message")
        begun = self._tray.begun
        if begun and begun[0].before_end is not None:
            # A guard means that results are written down at a commit each: few wait for one another.
            yield from self._hear(max(0, min(len(begun) - 1, self.most - max(1, self.most // 4))))
            return
        # Half of it stays in flight, so that the connection is busy while more messages are encoded.
        yield from self._hear(self.most // 2 if batch and not last else 0)

    def wind_up(self) -> Flow[None]:
        """Read the replies to those in flight; no partial message is left on the connection."""
        yield from self._hear(0)
        yield from self._close_what_may_be_open()

    def _load(self) -> Flow[bytes]:
        """Join as many complete messages as the window has room for."""
        batch: list[bytes] = []
        tray, extensions = self._tray, self._dialogue.extensions
        waiting, begun, most = tray.waiting, tray.begun, self.most
        if not self._dialogue.facts.bdat_taken:
            return b""  # another session has found out meanwhile that the server does not know BDAT
        while waiting and len(begun) < most:
            parcel = waiting[0]
            content = parcel.content
            in_flight = self._in_flight + content.size
            if (in_flight > _MOST_OCTETS and begun) or self._goes_alone(parcel):
                break
            parcel = tray.begin()
            try:
                if parcel.before_end is not None:
                    yield from parcel.ask_permit()
                octets = content.alone or b"".join(measured(content))
                batch += (parcel.whole(extensions), octets)
            except errors.CourrielError as impossible:
                tray.settle(parcel, impossible)
            else:
                self._in_flight = in_flight
        return b"".join(batch)

    def _goes_alone(self, parcel: QueuedMessage) -> bool:
        return parcel.content.size > _LARGE or parcel.bdat_refused or (parcel.all_or_nothing and parcel.apart)

    def _hear(self, enough: int) -> Flow[None]:
        """Read replies, oldest first, until at most `enough` messages are in flight, and those already received."""
        begun, exchange = self._tray.begun, self._exchange
        while begun:
            parcel = begun[0]
            replies = exchange.take_whole(len(parcel.envelope.recipients) + parcel.ANSWERS)
            if replies:
                self._settle(parcel, replies)
            elif len(begun) > enough:
                self._settle(parcel, (yield from exchange.hear_all(parcel.stages_of_whole)))
            else:
                return

    def _settle(self, parcel: QueuedMessage, replies: list[Reply]) -> None:
        try:
            outcome = parcel.apply_bdat_replies(replies, self._dialogue.name)
        except errors.ConnectionFailed as closing:
            if closing.stage == "message":
                self._tray.settle(parcel, closing)  # a 421 is its final reply
            raise
        self._may_be_open = not isinstance(outcome, Receipt)
        self._in_flight -= parcel.content.size
        if (
            self._may_be_open
            and isinstance(outcome, errors.MessageRefused)
            and self._dialogue.note_bdat_refused(parcel, outcome)
        ):
            self._part_over_bdat(parcel, outcome)
        self._tray.settle(parcel, outcome)

    def _part_over_bdat(self, parcel: QueuedMessage, refused: errors.MessageRefused) -> None:
        """End the session of a server that accepted BDAT before and refuses it now. This message goes by DATA, on a new
        session; later replies may answer lines of its content, so that the others in flight are in doubt."""
        if parcel.withdrawn:
            self._tray.settle(parcel, refused)
        else:
            self._tray.put_back(parcel)
        raise errors.ConnectionFailed(
            f"the session was ended, because the server refused BDAT: {refused}",
            stage="message",
            hint_id="SESSION-LOST",
        ) from refused

    def _close_what_may_be_open(self) -> Flow[None]:
        """Send RSET before a message that does not begin with one: a transaction left open would have it refused."""
        if self._may_be_open:
            self._may_be_open = False
            yield from self._dialogue.reset()
