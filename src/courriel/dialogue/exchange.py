"""Commands out, replies in: a burst at a time, each reply read, and nothing believed that was not asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from courriel import errors
from courriel.dialogue.flow import Flow, Overhear, Receive, Send
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire import smtp as wire

_GOODBYE = 221  # the answer to QUIT, also said by servers that leave on their own
CLOSING = wire.CLOSING
_WAITS: dict[Stage, Receive] = {stage: Receive(stage) for stage in get_args(Stage)}


class Exchange:
    """The thread of one conversation: what has arrived and not been read yet."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._replies: list[Reply] = []
        self._read = 0  # so many of them were handed out
        self._closing = False  # a 421 is among them

    def ask(self, stage: Stage, line: bytes, *, secret: bool = False) -> Flow[Reply]:
        """Say one command, hear its reply. Raises ConnectionFailed when the server closes the session instead (421)."""
        yield from self.say(stage, line, secret=secret)
        return (yield from self.hear(stage))

    def say(self, stage: Stage, lines: bytes, *, secret: bool = False) -> Flow[None]:
        """Say one command, or a burst of them; a reply too many that is here already ends the session first."""
        if not self.idle:
            yield from self.expect_silence(stage)
        yield Send(lines, stage, secret)

    def hear(self, stage: Stage) -> Flow[Reply]:
        """The next reply, whatever it says; a 421 is raised."""
        (reply,) = yield from self.hear_all((stage,))
        if reply.code == CLOSING:
            raise closed(reply, stage)
        return reply

    def hear_all(self, stages: Sequence[Stage], *, also: int = 0) -> Flow[list[Reply]]:
        """One reply for each stage, in order; a 421 is the last that is waited for, and ends the list early.

        Every reply of a burst is read, even when the first one is bad news: what is left unread would answer the next
        command (scar 2). So many more that are `also` wanted are given along when all of them are here already.
        """
        wanted = len(stages)
        if not self.holds(wanted):
            wanted = yield from self._wait_for(stages)
        if also and self.holds(wanted + also):
            wanted += also
        heard = self.take(wanted)
        if self._closing:
            for place, reply in enumerate(heard, 1):
                if reply.code == CLOSING:
                    return heard[:place]
        return heard

    def _wait_for(self, stages: Sequence[Stage]) -> Flow[int]:
        """Wait until as many replies are here, or a 421 is; say how many there are now."""
        more = False
        while (here := len(self._replies) - self._read) < len(stages):
            if self._closing and any(reply.code == CLOSING for reply in self._replies[self._read :]):
                return here
            stage = stages[here]
            chunk = yield Receive(stage, more) if more else _WAITS[stage]
            if not chunk:
                raise errors.ConnectionFailed("the server hung up", stage=stage, hint_id="SESSION-LOST")
            more = not self._arrived(chunk, stage)
        return len(stages)

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

    def expect_silence(self, stage: Stage) -> Flow[None]:
        """Make sure that nothing arrived unasked: it would answer the next command (scar 1, B8).

        Raises ConnectionFailed when the server said goodbye meanwhile, RemoteProtocolError for anything else it said.
        """
        if not self._replies and not (yield from self._overheard(stage)):
            return
        _ = self._arrived(b"", stage)
        reply = yield from self.hear(stage)
        if reply.code == _GOODBYE:
            raise closed(reply, stage)
        raise errors.RemoteProtocolError(f"the server spoke without being asked: {reply}", stage=stage)

    def expect_nothing(self, stage: Stage) -> Flow[None]:
        """Make sure that not one byte is here: before TLS whatever is may come from someone else (RFC 3207 4.2, B2).

        Raises RemoteProtocolError.
        """
        if self._replies or (yield from self._overheard(stage)):
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage=stage)

    def _overheard(self, stage: Stage) -> Flow[bool]:
        if not self._buffer:
            self._buffer += yield Overhear(stage)
        return bool(self._buffer)

    def linger(self, stage: Stage, seconds: float) -> Flow[None]:
        """Give the other side so many seconds to begin; what it says is kept for `hear`."""
        if self.idle:
            _ = self._arrived((yield Overhear(stage, seconds)), stage)

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

    def _arrived(self, chunk: bytes, stage: Stage) -> bool:
        """Read what came; whether there is a whole reply among it."""
        replies = wire.known_replies(chunk) if not self._buffer else None
        if replies is not None:
            self._replies += replies
            return bool(replies)
        self._buffer += chunk
        try:
            replies = wire.take_replies(self._buffer)
        except errors.RemoteProtocolError as broken:
            broken.stage = stage
            raise
        self._replies += replies
        self._closing = self._closing or any(reply.code == CLOSING for reply in replies)
        return bool(replies)


def closed(reply: Reply, stage: Stage) -> errors.ConnectionFailed:
    """The server said that it is about to hang up."""
    return errors.ConnectionFailed(f"the server closed the session: {reply}", stage=stage, reply=reply)
