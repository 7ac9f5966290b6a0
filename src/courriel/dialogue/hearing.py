"""What a server hears and says on one line: answers pile up while there is more to read, and leave in one burst."""

from __future__ import annotations

from collections.abc import Callable

from courriel.dialogue.desk import Answer, Cut, Mute, Visit, Within
from courriel.dialogue.flow import Flow, HangUp, Receive, Send
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.commands import CommandLine, Objection, take_line, write_reply
from courriel.wire.smtp import printable

_MUCH = 256 * 1024  # octets to be said: more are not piled up
_ENDLESS = 16  # times the limit of a line, and nobody listens any more
_NOT_NOW = Reply(451, ("4.3.0 Something went wrong here; try again later",))


class Leaving(Exception):
    """The session ends here; everything that was to be said has been."""


class Hearing:
    """The ears and the mouth of one session; `write` puts a reply into the words of its protocol."""

    def __init__(self, visit: Visit, write: Callable[[Reply], bytes] = write_reply) -> None:
        self.visit = visit
        self.buffer = bytearray()
        self._saying = bytearray()
        self._write = write

    def say(self, answer: Reply | bytes) -> None:
        """Say it with the next burst."""
        data = answer if isinstance(answer, bytes) else self._write(answer)
        self._saying += data
        for line in data.splitlines():
            self.visit.note("S", printable(line))

    def hand_over(self, content: bytes, stage: Stage) -> Flow[None]:
        """Say what is not written down, a letter; what has piled up leaves when there is much of it."""
        self._saying += content
        self.visit.note("S", f"({len(content):,} octets of a letter)")
        if len(self._saying) > _MUCH:
            yield from self.flush(stage)

    def flush(self, stage: Stage) -> Flow[None]:
        """Send what was said by now."""
        if self._saying:
            data = bytes(self._saying)
            self._saying.clear()
            yield Send(data, stage)

    def more(self, stage: Stage, *, begun: bool = False) -> Flow[None]:
        """Wait for more bytes; `begun` says that they end what has begun. Raises Leaving when there will be none."""
        yield from self.flush(stage)
        arrived = yield Receive(stage, more=begun)
        if not arrived:
            self.visit.note("*", "the client hung up")
            raise Leaving
        self.buffer += arrived

    def line(self, limit: int, stage: Stage) -> Flow[CommandLine]:
        """The next line; raises Objection for one of more than `limit` octets, which is heard to its end and not kept.

        Raises Leaving for one that goes on and on: it is meant to fill our memory, or our time.
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
        """Ask the desk. Whatever goes wrong there is ours: a stranger hears 451, never a name or a traceback."""
        try:
            return opinion()
        except Exception as mishap:  # noqa: BLE001 - the edge: one message must not end a server
            self.visit.mishaps.append(mishap)
            return _NOT_NOW

    def answer(self, answer: Answer | None, stage: Stage, usual: Reply | None) -> Flow[bool]:
        """Say what the desk decided, or else the usual; give back whether that was a yes."""
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
        """Send what was said; what comes back is to be raised, and ends the session."""
        yield from self.flush(stage)
        return Leaving()

    def _be_silent(self, stage: Stage) -> Flow[Leaving]:
        """Hear everything and answer nothing, until the other side gives up or its time is over; as `leave`."""
        yield from self.flush(stage)
        self.visit.note("*", "fell silent")
        while (yield Receive(stage)):
            self.buffer.clear()
        return Leaving()
