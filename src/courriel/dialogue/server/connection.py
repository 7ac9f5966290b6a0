"""Server side of one connection: replies are collected while there are commands to read, and sent together."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from courriel.dialogue.flow import RECEIVE, Flow, HangUp, Receive, Send
from courriel.dialogue.server.handler import Answer, Disconnect, DuringData, Quirk, ServerSession, Stall
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.smtp.client_syntax import printable
from courriel.wire.smtp.server_syntax import CommandLine, Objection, take_line, write_reply

_MUCH = 256 * 1024  # octets of collected replies; more are sent at once
_SHORT = 60  # octets of a reply whose lines are kept for the next session; one that names a mail's page is longer
_ENDLESS = 16  # times the limit of a line; a longer one ends the session
_NOT_NOW = Reply(451, ("4.3.0 Something went wrong here; try again later",))


class ReplyBuffer(Exception):
    """Signal: the session ends here, and all replies were sent."""


class ServerConnection:
    """Buffers of one server session; `write` formats a reply for its protocol."""

    def __init__(self, session: ServerSession, write: Callable[[Reply], bytes] = write_reply) -> None:
        self.session = session
        self.buffer = bytearray()
        self._saying = bytearray()
        self._write = write

    def write(self, answer: Reply | bytes) -> None:
        """Add a reply to the ones to be sent."""
        data = answer if isinstance(answer, bytes) else self._write(answer)
        self._saying += data
        for line in _shown_short(data) if len(data) <= _SHORT else _shown(data):
            self.session.note("S", line)

    def hand_over(self, content: bytes, stage: Stage) -> Flow[None]:
        """Add a letter, which is not in the transcript, to the octets to be sent; much of them is sent at once."""
        self._saying += content
        self.session.note("S", f"({len(content):,} octets of a letter)")
        if len(self._saying) > _MUCH:
            yield from self.flush(stage)

    @property
    def is_full(self) -> bool:
        """Whether the collected replies have more than 256 kB, and are sent before the next command is handled."""
        return len(self._saying) > _MUCH

    def give_way(self, stage: Stage) -> Flow[None]:
        """Send what is collected, and let the other sessions have their turn."""
        yield from self.flush(stage)
        yield Send(b"", stage)

    def flush(self, stage: Stage) -> Flow[None]:
        """Send the collected octets."""
        if self._saying:
            data = bytes(self._saying)
            self._saying.clear()
            yield Send(data, stage)

    def more(self, stage: Stage, *, begun: bool = False) -> Flow[None]:
        """Receive more bytes; `begun`: they belong to a line that was awaited before, whose time goes on.

        Raises ReplyBuffer when the client hung up.
        """
        if self._saying:
            yield from self.flush(stage)
        arrived = yield Receive(stage, more=True) if begun else RECEIVE[stage]
        if not arrived:
            self.session.note("*", "the client hung up")
            raise ReplyBuffer
        self.buffer += arrived

    def ready_line(self, limit: int) -> CommandLine | None:
        """Next line, when it is there and has not more than `limit` octets: the usual case, without a step."""
        return take_line(self.buffer) if self.buffer.find(b"\n", 0, limit - 1) >= 0 else None

    def line(self, limit: int, stage: Stage) -> Flow[CommandLine]:
        """Next line; raises Objection for one of more than `limit` octets, which is read to its end and discarded.

        Raises ReplyBuffer for one without end, meant to exhaust memory or time.
        """
        passed = 0
        awaited = False
        while (line := take_line(self.buffer)) is None:
            if len(self.buffer) + passed > limit:
                passed += len(self.buffer)
                self.buffer.clear()
            if passed > _ENDLESS * limit:
                self.write(Reply(421, ("4.7.0 Lines have an end",)))
                raise (yield from self.leave(stage))
            # The beginning may have come together with the command before.
            yield from self.more(stage, begun=awaited)
            awaited = True
        if passed + len(line.octets) + 2 > limit:
            raise Objection(500, f"5.5.2 A line has {limit} octets at most")
        return line

    def decide(self, opinion: Callable[[], Answer | None]) -> Answer | None:
        """Call the handler. Its exceptions are internal errors: the client gets 451, never a name or a traceback."""
        try:
            return opinion()
        except Exception as failure:  # noqa: BLE001 - the edge: one message must not end a server
            self.session.failures.append(failure)
            return _NOT_NOW

    def write_usual(self, answer: Answer | None, reply: Reply) -> bool:
        """Write the usual reply where the handler has no answer of its own; returns whether that is so.

        It is `answer` for the common case, without a generator for each reply.
        """
        if answer is None:
            self.write(reply)
        return answer is None

    def answer(self, answer: Answer | None, stage: Stage, usual: Reply | None) -> Flow[bool]:
        """Send the handler's answer, or else the usual one; return whether it was positive."""
        if answer is None or isinstance(answer, (DuringData, Quirk)):
            if usual is not None:
                self.write(usual)
            return True
        if isinstance(answer, Disconnect):
            yield from self.flush(stage)
            self.session.note("*", "cut the line")
            yield HangUp(stage)
            raise ReplyBuffer
        if isinstance(answer, Stall):
            raise (yield from self._stall(stage))
        self.write(answer)
        if isinstance(answer, bytes):
            return answer[:1] in (b"2", b"3", b"+")
        if answer.code == 421:
            raise (yield from self.leave(stage))
        return answer.kind in (2, 3)

    def leave(self, stage: Stage) -> Flow[ReplyBuffer]:
        """Send the collected replies; the caller raises the returned ReplyBuffer, which ends the session."""
        yield from self.flush(stage)
        return ReplyBuffer()

    def _stall(self, stage: Stage) -> Flow[ReplyBuffer]:
        """Read everything and answer nothing, until the client gives up or times out; as `leave`."""
        yield from self.flush(stage)
        self.session.note("*", "fell silent")
        while (yield Receive(stage)):
            self.buffer.clear()
        return ReplyBuffer()


def _shown(data: bytes) -> tuple[str, ...]:
    """Lines of a reply as the transcript has them."""
    return tuple(map(printable, data.splitlines()))


_shown_short = lru_cache(maxsize=256)(_shown)  # those that every session has
