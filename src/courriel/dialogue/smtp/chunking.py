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

    def __init__(self, dialogue: SmtpDialogue, queue: SendQueue, window: Window) -> None:
        self._dialogue, self._queue = dialogue, queue
        self._exchange = dialogue.exchange
        self._alone = LockStep(dialogue, queue)
        self._in_flight = 0  # octets
        self._may_be_open = False  # the last one failed, and its transaction may still be open at the server
        self._window = window

    @property
    def most(self) -> int:
        """Number of messages that may be in flight now."""
        return self._window()

    def advance(self, *, last: bool) -> Flow[None]:
        """Fill the window, then read replies until half of it is free; for guarded messages until a quarter is."""
        if not self._queue.begun:
            yield from self._exchange.expect_silence("sender")
            taken = self._dialogue.facts.bdat_taken
            if self._queue.waiting and (not taken or self._goes_alone(self._queue.waiting[0])):
                yield from self._close_open_transaction()
                yield from self._alone.advance(last=last)
                return
        batch = yield from self._load()
        if batch:
            yield Send(batch, "message")
        begun = self._queue.begun
        if begun and begun[0].before_end is not None:
            # A guard means that results are written down at a commit each: few wait for one another.
            yield from self._read_replies(max(0, min(len(begun) - 1, self.most - max(1, self.most // 4))))
            return
        # Half of it stays in flight, so that the connection is busy while more messages are encoded.
        yield from self._read_replies(self.most // 2 if batch and not last else 0)

    def wind_up(self) -> Flow[None]:
        """Read the replies to those in flight; no partial message is left on the connection."""
        yield from self._read_replies(0)
        yield from self._close_open_transaction()

    def _load(self) -> Flow[bytes]:
        """Join as many complete messages as the window has room for."""
        batch: list[bytes] = []
        queue, extensions = self._queue, self._dialogue.extensions
        waiting, begun, most = queue.waiting, queue.begun, self.most
        if not self._dialogue.facts.bdat_taken:
            return b""  # another session has found out meanwhile that the server does not know BDAT
        while waiting and len(begun) < most:
            queued = waiting[0]
            content = queued.content
            in_flight = self._in_flight + content.size
            if (in_flight > _MOST_OCTETS and begun) or self._goes_alone(queued):
                break
            queued = queue.begin()
            try:
                if queued.before_end is not None:
                    yield from queued.ask_guard()
                octets = content.alone or b"".join(measured(content))
                batch += (queued.whole(extensions), octets)
            except errors.CourrielError as impossible:
                queue.settle(queued, impossible)
            else:
                self._in_flight = in_flight
        return b"".join(batch)

    def _goes_alone(self, queued: QueuedMessage) -> bool:
        return queued.content.size > _LARGE or queued.bdat_refused or (queued.all_or_nothing and queued.apart)

    def _read_replies(self, enough: int) -> Flow[None]:
        """Read replies, oldest first, until at most `enough` messages are in flight, and those already received."""
        begun, exchange = self._queue.begun, self._exchange
        while begun:
            queued = begun[0]
            replies = exchange.take_whole(len(queued.envelope.recipients) + queued.ANSWERS)
            if replies:
                self._settle(queued, replies)
            elif len(begun) > enough:
                self._settle(queued, (yield from exchange.read_replies(queued.bdat_stages)))
            else:
                return

    def _settle(self, queued: QueuedMessage, replies: list[Reply]) -> None:
        try:
            outcome = queued.apply_bdat_replies(replies, self._dialogue.name)
        except errors.ConnectionFailed as closing:
            if closing.stage == "message":
                self._queue.settle(queued, closing)  # a 421 is its final reply
            raise
        self._may_be_open = not isinstance(outcome, Receipt)
        self._in_flight -= queued.content.size
        if (
            self._may_be_open
            and isinstance(outcome, errors.MessageRefused)
            and self._dialogue.note_bdat_refused(queued, outcome)
        ):
            self._part_over_bdat(queued, outcome)
        self._queue.settle(queued, outcome)

    def _part_over_bdat(self, queued: QueuedMessage, refused: errors.MessageRefused) -> None:
        """End the session of a server that accepted BDAT before and refuses it now. This message goes by DATA, on a new
        session; later replies may answer lines of its content, so that the others in flight are in doubt."""
        if queued.withdrawn:
            self._queue.settle(queued, refused)
        else:
            self._queue.put_back(queued)
        raise errors.ConnectionFailed(
            f"the session was ended, because the server refused BDAT: {refused}",
            stage="message",
            hint_id="SESSION-LOST",
        ) from refused

    def _close_open_transaction(self) -> Flow[None]:
        """Send RSET before a message that does not begin with one: a transaction left open would have it refused."""
        if self._may_be_open:
            self._may_be_open = False
            yield from self._dialogue.reset()
