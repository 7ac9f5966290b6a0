"""Commands and replies of POP3: status lines, the texts that follow some of them, and letters in bulk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from courriel import errors
from courriel.dialogue.flow import Flow, Receive
from courriel.dialogue.reply_reader import ReplyReader, hung_up
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.pop3 import client_syntax as wire
from courriel.wire.pop3.parser import Answer, Pop3Parser

T = TypeVar("T")

_PROGRESS = 4096  # octets to be received within the time limit of a stage, for it to be restarted (hazard H19)


class Pop3Replies(ReplyReader):
    """Receive buffer of one POP3 connection."""

    def __init__(self) -> None:
        self._arrived = Pop3Parser()
        self._since = 0  # octets received since the time limit was last restarted

    def read_reply(self, stage: Stage) -> Flow[Reply]:
        """Read the next status line."""
        return self.read((yield from self._receive_until(self._arrived.line, stage)), stage)

    def read_text(self, stage: Stage, limit: int, *, head: bool = False) -> Flow[tuple[Reply, bytes]]:
        """Read the next status line, and the text of at most `limit` octets after +OK; with `head`, only its header."""
        ((status, text),) = yield from self.read_some(1, stage, limit, heads=head)
        return self.read(status, stage), text or b""

    def read_some(self, max_answers: int, stage: Stage, limit: int, *, heads: bool = False) -> Flow[list[Answer]]:
        """Read answers that have a text each: one at least, and at most `max_answers` of those that have arrived."""
        return (
            yield from self._receive_until(
                lambda: self._arrived.answers(max_answers, limit, heads=heads) or None, stage
            )
        )

    def pour(self, stage: Stage, write: Callable[[bytes], object], limit: int) -> Flow[Reply]:
        """Read a status line, and write the text after +OK, portion by portion; it is never in memory as a whole."""
        reply = self.read((yield from self._receive_until(self._arrived.begin_pouring, stage)), stage)
        if reply.kind != 2:
            return reply
        written = 0

        def count(portion: bytes) -> None:
            nonlocal written
            written += len(portion)
            if written > limit:
                raise errors.RemoteProtocolError(f"the letter goes on beyond {limit} octets", stage=stage)
            _ = write(portion)

        yield from self._receive_until(lambda: self._arrived.pour(count) or None, stage)
        return reply

    def read(self, status: bytes, stage: Stage) -> Reply:
        """Parse a status line. Raises RemoteProtocolError."""
        return self._take_answer(lambda: wire.read_status(status), stage)

    @property
    def idle(self) -> bool:
        return self._arrived.empty

    def forget(self) -> None:
        self._arrived.clear()

    # The steps.

    def _receive_until(self, take: Callable[[], T | None], stage: Stage) -> Flow[T]:
        """Receive until `take` returns a value."""
        begun = False
        while (taken := self._take_answer(take, stage)) is None:
            yield from self._receive_more(stage, begun=begun)
            begun = True
        return taken

    def _receive_more(self, stage: Stage, *, begun: bool) -> Flow[None]:
        """Receive more; a server that sends a letter in tiny portions to block the client does not get more time."""
        goes_on = begun and self._since < _PROGRESS
        if not goes_on:
            self._since = 0
        data = yield Receive(stage, goes_on)
        if not data:
            raise hung_up(stage)
        self._since += len(data)
        self._arrived.add(data)

    def _take_answer(self, take: Callable[[], T], stage: Stage) -> T:
        try:
            return take()
        except errors.RemoteProtocolError as broken:
            broken.stage = stage
            raise

    def _append(self, data: bytes, stage: Stage) -> None:
        self._arrived.add(data)

    def _announces_close(self, reply: Reply) -> bool:
        return reply.kind != 2
