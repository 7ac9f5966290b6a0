"""Server side of one connection: replies are collected while there are commands to read, and sent together."""

from __future__ import annotations

from collections.abc import Callable

from courriel.dialogue.desk import Answer, Cut, Mute, Visit, Within
from courriel.dialogue.flow import Flow, HangUp, Receive, Send
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.commands import CommandLine, Objection, take_line, write_reply
from courriel.wire.smtp import printable

_MUCH = 256 * 1024  # octets of collected replies; more are sent at once
_ENDLESS = 16  # times the limit of a line; a longer one ends the session
_NOT_NOW = Reply(451, ("4.3.0 Something went wrong here; try again later",))


class Leaving(Exception):
    """Signal: the session ends here, and all replies were sent."""


class Hearing:
    """Buffers of one server session; `write` formats a reply for its protocol."""

    def __init__(self, visit: Visit, write: Callable[[Reply], bytes] = write_reply) -> None:
        self.visit = visit
        self.buffer = bytearray()
        self._saying = bytearray()
        self._write = write

    def say(self, answer: Reply | bytes) -> None:
        """Add a reply to the ones to be sent."""
        data = answer if isinstance(answer, bytes) else self._write(answer)
        self._saying += data
        for line in data.splitlines():
            self.visit.note("S", printable(line))

    def hand_over(self, content: bytes, stage: Stage) -> Flow[None]:
        """Add a letter, which is not in the transcript, to the octets to be sent; much of them is sent at once."""
        self._saying += content
        self.visit.note("S", f"({len(content):,} octets of a letter)")
        if len(self._saying) > _MUCH:
            yield from self.flush(stage)

    def flush(self, stage: Stage) -> Flow[None]:
        """Send the collected octets."""
        if self._saying:
            data = bytes(self._saying)
            self._saying.clear()
            yield Send(data, stage)

    def more(self, stage: Stage, *, begun: bool = False) -> Flow[None]:
        """Receive more bytes; `begun` says that they complete a line. Raises Leaving when the client hung up."""
        yield from self.flush(stage)
        arrived = yield Receive(stage, more=begun)
        if not arrived:
            self.visit.note("*", "the client hung up")
            raise Leaving
        self.buffer += arrived

    def line(self, limit: int, stage: Stage) -> Flow[CommandLine]:
        """Next line; raises Objection for one of more than `limit` octets, which is read to its end and discarded.

        Raises Leaving for one without end, meant to exhaust memory or time.
        """
        passed = 0
        while (line := take_line(self.buffer)) is None:
            if len(self.buffer) + passed > limit:
                passed += len(self.buffer)
                self.buffer.clear()
            if passed > _ENDLESS * limit:
                self.say(Reply(421, ("4.7.0 Lines have an end",)))
                raise (yield from self.leave(stage))
            yield from self.more(stage, begun=bool(passed or self.buffer))
        if passed + len(line.octets) + 2 > limit:
            raise Objection(500, f"5.5.2 A line has {limit} octets at most")
        return line

    def decide(self, opinion: Callable[[], Answer | None]) -> Answer | None:
        """Call the handler. Its exceptions are internal errors: the client gets 451, never a name or a traceback."""
        try:
            return opinion()
        except Exception as mishap:  # noqa: BLE001 - the edge: one message must not end a server
            self.visit.mishaps.append(mishap)
            return _NOT_NOW

    def answer(self, answer: Answer | None, stage: Stage, usual: Reply | None) -> Flow[bool]:
        """Send the handler's answer, or else the usual one; return whether it was positive."""
        if answer is None or isinstance(answer, Within):
            if usual is not None:
                self.say(usual)
            return True
        if isinstance(answer, Cut):
            yield from self.flush(stage)
            self.visit.note("*", "cut the line")
            yield HangUp(stage)
            raise Leaving
        if isinstance(answer, Mute):
            raise (yield from self._be_silent(stage))
        self.say(answer)
        if isinstance(answer, bytes):
            return answer[:1] in (b"2", b"3", b"+")
        if answer.code == 421:
            raise (yield from self.leave(stage))
        return answer.kind in (2, 3)

    def leave(self, stage: Stage) -> Flow[Leaving]:
        """Send the collected replies; the caller raises the returned Leaving, which ends the session."""
        yield from self.flush(stage)
        return Leaving()

    def _be_silent(self, stage: Stage) -> Flow[Leaving]:
        """Read everything and answer nothing, until the client gives up or times out; as `leave`."""
        yield from self.flush(stage)
        self.visit.note("*", "fell silent")
        while (yield Receive(stage)):
            self.buffer.clear()
        return Leaving()
