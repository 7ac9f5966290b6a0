"""Commands and replies of SMTP: commands sent in bursts, every reply read."""

from __future__ import annotations

from collections.abc import Sequence

from courriel import errors
from courriel.dialogue.flow import RECEIVE, Ask, Flow, Receive
from courriel.dialogue.reply_reader import ReplyReader, closed, hung_up
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.smtp import client_syntax as wire

_GOODBYE = 221  # the reply to QUIT, also sent by servers that close the connection on their own
CLOSING = wire.CLOSING


class SmtpReplies(ReplyReader):
    """Receive buffer of one SMTP connection; a 421 raises ConnectionFailed wherever it is read."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._replies: list[Reply] = []
        self._read = 0  # number of them already returned
        self._closing = False  # a 421 is among them

    def pipeline(
        self, stages: Sequence[Stage], octets: bytes, *, also: int = 0, words: int = 0
    ) -> Flow[Sequence[Reply]]:
        """Send a burst, and read one reply for each stage; a surplus reply in the buffer ends the session first.

        See `read_replies`; of the octets the first `words` are commands (Ask).
        """
        stage = stages[0]
        if self._buffer or self._replies:
            yield from self.expect_silence(stage)
        chunk = yield Ask(octets, stage, words=words)
        known = wire.known_replies(chunk)
        if known is not None:
            if len(known) in (len(stages), len(stages) + also):
                return known  # the usual case: all replies at once, all of them cached
            self._replies += known
        else:
            self._take_in(chunk, stage)
        return (yield from self.read_replies(stages, also=also, begun=not self._replies))

    def read_reply(self, stage: Stage) -> Flow[Reply]:
        """Read the next reply; a 421 raises ConnectionFailed."""
        (reply,) = yield from self.read_replies((stage,))
        if reply.code == CLOSING:
            raise closed(reply, stage)
        return reply

    def read_replies(self, stages: Sequence[Stage], *, also: int = 0, begun: bool = False) -> Flow[list[Reply]]:
        """Read one reply for each stage, in order; a 421 ends the list early.

        Read every reply of a burst, even after a refusal: one left unread would answer the next command (hazard H02).
        `also` more replies are included when all of them have arrived already. `begun`: the first has begun to arrive,
        and its time limit runs.
        """
        wanted = len(stages)
        if not self.holds(wanted):
            wanted = yield from self._wait_for(stages, begun)
        if also and self.holds(wanted + also):
            wanted += also
        replies = self.take(wanted)
        if self._closing:
            for place, reply in enumerate(replies, 1):
                if reply.code == CLOSING:
                    return replies[:place]
        return replies

    def _wait_for(self, stages: Sequence[Stage], begun: bool) -> Flow[int]:
        """Wait until there is a reply for each stage, or a 421; return the number of replies."""
        while (here := len(self._replies) - self._read) < len(stages):
            if self._closing and any(reply.code == CLOSING for reply in self._replies[self._read :]):
                return here
            stage = stages[here]
            self._take_in((yield Receive(stage, begun) if begun else RECEIVE[stage]), stage)
            begun = len(self._replies) - self._read == here
        return len(stages)

    def take_whole(self, count: int) -> list[Reply]:
        """Return `count` replies when all of them have arrived, else none."""
        end = self._read + count
        if end < len(self._replies):
            taken = self._replies[self._read : end]
            self._read = end
            return taken
        return self.take(count) if end == len(self._replies) else []

    def take(self, count: int) -> list[Reply]:
        """Return at most `count` replies that have arrived; see `holds`."""
        begin, end = self._read, self._read + count
        taken = self._replies[begin:end]
        if end < len(self._replies):
            self._read = end
        else:
            self._replies = []
            self._read = 0
        return taken

    @property
    def idle(self) -> bool:
        """True when the receive buffer is empty: every octet received was read."""
        return not self._buffer and not self._replies

    def holds(self, count: int) -> bool:
        """Whether `count` replies have arrived."""
        return len(self._replies) - self._read >= count

    def forget(self) -> None:
        """Reset the state for a new connection."""
        self._buffer.clear()
        self._replies.clear()
        self._read, self._closing = 0, False

    # The steps.

    def _take_in(self, chunk: bytes, stage: Stage) -> None:
        if not chunk:
            raise hung_up(stage)
        self._append(chunk, stage)

    def _append(self, data: bytes, stage: Stage) -> None:
        known = wire.known_replies(data) if not self._buffer else None
        if known is not None:
            self._replies += known
            return
        self._buffer += data
        try:
            replies = wire.take_replies(self._buffer)
        except errors.RemoteProtocolError as broken:
            broken.stage = stage
            raise
        self._replies += replies
        self._closing = self._closing or any(reply.code == CLOSING for reply in replies)

    def _announces_close(self, reply: Reply) -> bool:
        return reply.code == _GOODBYE
