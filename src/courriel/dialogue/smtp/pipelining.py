"""
Many messages by pipelining: the end of one is sent together with the envelope of the next (RFC 2920 3.1).

Some servers discard everything behind the end of a message, as possible smuggling, and answer 503 to each command of it
(Haraka, GHSA-rp4q-8m6x-c43c). That is no refusal of the message: once RSET is answered 250 it is sent again, once, on
the same session, and from then on nothing is pipelined behind the end of a message to this server.
"""

from __future__ import annotations

from collections.abc import Sequence

from courriel import errors
from courriel.dialogue.flow import Flow, HangUp
from courriel.dialogue.reply_reader import closed
from courriel.dialogue.smtp.client import BDAT_REFUSED, SmtpDialogue
from courriel.dialogue.smtp.replies import CLOSING
from courriel.dialogue.smtp.send_queue import QueuedMessage, SendQueue, Window
from courriel.dialogue.smtp.transaction import Burst
from courriel.reply import Reply

_MOST_BEHIND_END = 8 * 1024
"""Octets: a server that discards them may hang up on more, and the message before would be in doubt."""


class Pipelining:
    """Strategy with one round trip per message: only one final dot is ever unanswered, one message in doubt."""

    def __init__(self, dialogue: SmtpDialogue, queue: SendQueue, ahead: int, window: Window | None = None) -> None:
        self.most = ahead  # messages encoded ahead; only the dot of one is ever unanswered
        self._window = window
        self._dialogue = dialogue
        self._exchange = dialogue.exchange
        self._facts = dialogue.facts
        self._queue = queue
        self._open: QueuedMessage | None = None  # answered by 354, its content not sent

    def advance(self, *, last: bool) -> Flow[None]:
        """Send the waiting messages; the content of the last one waits for the next envelope, unless `last`.

        The results of guarded messages are written down at a commit each: no more than a quarter of the window wait for
        one another, and each is returned at once without one.
        """
        few = max(1, self._window() // 4) if self._window is not None else 1
        while self._queue.waiting or (last and self._open):
            current = self._open
            yield from self._take_a_step()
            if current is not None and current.before_end is not None:
                few -= 1
                if few <= 0:
                    return

    def _take_a_step(self) -> Flow[None]:
        """Send the content of the open message with the envelope of the next; then read the replies to both."""
        current, self._open = self._open, None
        if current is None or self._facts.pipeline_after_end:
            following, bursts = self._announcement()
        else:
            following, bursts = None, []
        envelope, behind, also = bursts[0].octets if bursts else b"", b"", 0
        replies: Sequence[Reply] = ()
        if current is not None:
            if following is not None and len(envelope) <= _MOST_BEHIND_END:
                following.behind_end, behind, also = True, envelope, len(bursts[0].stages)
            try:
                end = yield from self._dialogue.send_content(current)
                verdict, *replies = yield from self._dialogue.finish(current, end + behind, also=also)
            except errors.Refused as refusal:
                self._queue.settle(current, refusal)  # a refusal before the end of the message ends the session
                raise
            self._judge(current, verdict)
        if envelope and not behind:
            yield from self._exchange.expect_silence("sender")
            replies = yield from self._exchange.pipeline(bursts[0].stages, envelope)
        if following is not None:
            yield from self._read_envelope_replies(following, bursts, replies)

    def wind_up(self) -> Flow[None]:
        """Close the connection when a message got 354 and is not sent any more: no dot may follow (hazard H02)."""
        if self._open is not None:
            yield HangUp("data")

    def _announcement(self) -> tuple[QueuedMessage | None, list[Burst]]:
        """Next message that this server can take, and its envelope as bursts."""
        while self._queue.waiting:
            queued = self._queue.begin()
            try:
                return queued, queued.bursts(self._dialogue.extensions)
            except errors.CourrielError as impossible:
                self._queue.settle(queued, impossible)
        return None, []

    def _judge(self, current: QueuedMessage, verdict: Reply) -> None:
        """Settle a message by its final reply, which ends the transaction; a 421 ends the session too."""
        if verdict.code == CLOSING:
            closing = closed(verdict, "message")
            self._queue.settle(current, closing)
            raise closing
        self._queue.settle(current, current.judged(verdict, self._dialogue.name))

    def _read_envelope_replies(
        self, following: QueuedMessage, bursts: list[Burst], replies: Sequence[Reply]
    ) -> Flow[None]:
        """Handle the replies to an envelope whose first burst was sent; a long one has more bursts to send."""
        first = bursts[0]
        try:
            following.note(first.stages, replies or (yield from self._exchange.read_replies(first.stages)))
        finally:
            too_early = None if following.data_accepted else following.early_refusal
            if too_early:
                self._facts.pipeline_after_end = False
        if following.data_accepted:
            self._open = following  # the usual case
            return
        if too_early and not (following.sent_again or following.withdrawn):
            yield from self._send_again(following, too_early)
            return
        try:
            if len(bursts) > 1:
                yield from self._dialogue.announce(following, bursts[1:])
            if not following.data_accepted:
                yield from self._dialogue.require_data_accepted(following)
        except errors.Refused as refusal:
            self._queue.settle(following, refusal)
            if refusal.session_usable:
                _ = yield from self._dialogue.start_afresh(refusal)
            if not refusal.session_usable:
                raise
        else:
            self._open = following

    def _send_again(self, queued: QueuedMessage, reply: Reply) -> Flow[None]:
        """Send a message again whose envelope the server discarded behind the end of the message before."""
        if queued.data_reply is not None and queued.data_reply.kind == 3:
            # The server waits for the content although it has discarded the envelope. A lone dot might send an empty
            # message to any recipient: the connection is closed, and the message goes on a new one (hazard H02).
            self._queue.put_back(queued)
            queued.sent_again = True
            raise errors.RemoteProtocolError(
                "the server asked for a message whose envelope it had refused", stage="data"
            )
        refusal = queued.refusal() or queued.message_refused(reply, "data")
        if (yield from self._dialogue.start_afresh(refusal)):
            self._queue.put_back(queued)
            queued.sent_again = True
            return
        self._queue.settle(queued, refusal)
        if not refusal.session_usable:
            raise refusal


class LockStep:
    """Strategy of one message after the other: for LMTP, servers without PIPELINING, and messages sent alone."""

    def __init__(self, dialogue: SmtpDialogue, queue: SendQueue) -> None:
        self.most = 1
        self._dialogue, self._queue = dialogue, queue

    def wind_up(self) -> Flow[None]:
        """Do nothing: no message is ever left partially sent."""
        yield from ()

    def advance(self, *, last: bool) -> Flow[None]:
        """Send the next message, from its envelope to its final reply; it may have been withdrawn meanwhile."""
        if not self._queue.waiting:
            return
        queued = self._queue.begin()
        try:
            self._queue.settle(queued, (yield from self._dialogue.hand_over(queued)))
        except (errors.Refused, errors.UsageError, errors.NotSupported) as failed:
            if failed.hint_id == BDAT_REFUSED and not queued.withdrawn:
                self._queue.put_back(queued)
                raise
            self._queue.settle(queued, failed)
            if not failed.session_usable:
                raise
