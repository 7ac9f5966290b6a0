"""Commands out, replies in, in SMTP: a burst at a time, and each reply read."""

from __future__ import annotations

from collections.abc import Sequence

from courriel import errors
from courriel.dialogue.flow import RECEIVE, Ask, Flow, Receive
from courriel.dialogue.talk import Talk, closed, hung_up
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire import smtp as wire

_GOODBYE = 221  # the answer to QUIT, also said by servers that leave on their own
CLOSING = wire.CLOSING


class Exchange(Talk):
    """The thread of one conversation in SMTP; a 421 is raised wherever it is heard."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._replies: list[Reply] = []
        self._read = 0  # so many of them were handed out
        self._closing = False  # a 421 is among them

    def ask_all(
        self, stages: Sequence[Stage], octets: bytes, *, also: int = 0, words: int = 0
    ) -> Flow[Sequence[Reply]]:
        """Say a burst, and hear one reply for each stage; one too many that is here already ends the session first.

        See `hear_all`; of the octets the first `words` are commands (Ask).
        """
        stage = stages[0]
        if self._buffer or self._replies:
            yield from self.expect_silence(stage)
        chunk = yield Ask(octets, stage, words=words)
        known = wire.known_replies(chunk)
        if known is not None:
            if len(known) in (len(stages), len(stages) + also):
                return known  # all of them at once, and none that is new: as it nearly always is
            self._replies += known
        else:
            self._take_in(chunk, stage)
        return (yield from self.hear_all(stages, also=also, begun=not self._replies))

    def hear(self, stage: Stage) -> Flow[Reply]:
        """The next reply, whatever it says; a 421 is raised."""
        (reply,) = yield from self.hear_all((stage,))
        if reply.code == CLOSING:
            raise closed(reply, stage)
        return reply

    def hear_all(self, stages: Sequence[Stage], *, also: int = 0, begun: bool = False) -> Flow[list[Reply]]:
        """One reply for each stage, in order; a 421 is the last that is waited for, and ends the list early.

        Every reply of a burst is read, even when the first one is bad news: what is left unread would answer the next
        command (hazard H02). So many more that are `also` wanted are given along when all of them are here already.
        `begun`: the first has begun to arrive, and its time runs.
        """
        wanted = len(stages)
        if not self.holds(wanted):
            wanted = yield from self._wait_for(stages, begun)
        if also and self.holds(wanted + also):
            wanted += also
        heard = self.take(wanted)
        if self._closing:
            for place, reply in enumerate(heard, 1):
                if reply.code == CLOSING:
                    return heard[:place]
        return heard

    def _wait_for(self, stages: Sequence[Stage], begun: bool) -> Flow[int]:
        """Wait until as many replies are here, or a 421 is; say how many there are now."""
        while (here := len(self._replies) - self._read) < len(stages):
            if self._closing and any(reply.code == CLOSING for reply in self._replies[self._read :]):
                return here
            stage = stages[here]
            self._take_in((yield Receive(stage, begun) if begun else RECEIVE[stage]), stage)
            begun = len(self._replies) - self._read == here
        return len(stages)

    def take_whole(self, count: int) -> list[Reply]:
        """So many replies when all of them are here already, else none."""
        end = self._read + count
        if end < len(self._replies):
            taken = self._replies[self._read : end]
            self._read = end
            return taken
        return self.take(count) if end == len(self._replies) else []

    def take(self, count: int) -> list[Reply]:
        """So many replies that are here already, or all there are; see `holds`."""
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
        """Whether nothing has arrived that is not read yet."""
        return not self._buffer and not self._replies

    def holds(self, count: int) -> bool:
        """Whether so many replies are here already."""
        return len(self._replies) - self._read >= count

    def forget(self) -> None:
        """Begin anew on a new line."""
        self._buffer.clear()
        self._replies.clear()
        self._read, self._closing = 0, False

    # The steps.

    def _take_in(self, chunk: bytes, stage: Stage) -> None:
        if not chunk:
            raise hung_up(stage)
        self._keep(chunk, stage)

    def _keep(self, data: bytes, stage: Stage) -> None:
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

    def _says_goodbye(self, reply: Reply) -> bool:
        return reply.code == _GOODBYE
