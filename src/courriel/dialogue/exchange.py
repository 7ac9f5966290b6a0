"""Commands out, replies in, in SMTP: a burst at a time, and each reply read."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from courriel import errors
from courriel.dialogue.flow import Flow, Receive
from courriel.dialogue.talk import Talk, closed, hung_up
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire import smtp as wire

_GOODBYE = 221  # the answer to QUIT, also said by servers that leave on their own
CLOSING = 421  # RFC 5321 3.8: the server is about to hang up, whatever it was asked


class Exchange(Talk):
    """The thread of one conversation in SMTP; a 421 is raised wherever it is heard."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._replies: deque[Reply] = deque()

    def hear(self, stage: Stage) -> Flow[Reply]:
        """The next reply, whatever it says. Raises ConnectionFailed when the server closes the session (421)."""
        (reply,) = yield from self.hear_all((stage,))
        if reply.code == CLOSING:
            raise closed(reply, stage)
        return reply

    def hear_all(self, stages: Sequence[Stage]) -> Flow[list[Reply]]:
        """One reply for each stage, in order; a 421 is the last that is waited for, and ends the list early.

        Every reply of a burst is read, even when the first one is bad news: what is left unread would answer the next
        command (scar 2).
        """
        heard: list[Reply] = []
        replies, more = self._replies, False
        for stage in stages:
            while not replies:
                chunk = yield Receive(stage, more)
                if not chunk:
                    raise hung_up(stage)
                self._keep(chunk, stage)
                more = not replies
            heard.append(replies.popleft())
            if heard[-1].code == CLOSING:
                break
        return heard

    def take(self, count: int) -> list[Reply]:
        """So many replies that are here already; see `holds`."""
        popped = self._replies.popleft
        return [popped() for _ in range(count)]

    def holds(self, count: int) -> bool:
        """Whether so many replies are here already."""
        return len(self._replies) >= count

    @property
    def idle(self) -> bool:
        return not self._buffer and not self._replies

    def forget(self) -> None:
        self._buffer.clear()
        self._replies.clear()

    # The steps.

    def _keep(self, data: bytes, stage: Stage) -> None:
        self._buffer += data
        try:
            self._replies.extend(wire.take_replies(self._buffer))
        except errors.RemoteProtocolError as broken:
            broken.stage = stage
            raise

    def _says_goodbye(self, reply: Reply) -> bool:
        return reply.code == _GOODBYE
