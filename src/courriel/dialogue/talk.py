"""A client's side of any conversation: commands out, answers in, and nothing believed that was not asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod

from courriel import errors
from courriel.dialogue.flow import OVERHEAR, Flow, Overhear, Send
from courriel.errors import Stage
from courriel.reply import Reply


class Talk(ABC):
    """The thread of one conversation: what has arrived and not been read yet. Each protocol reads it in its own way."""

    def ask(self, stage: Stage, line: bytes, *, secret: bool = False) -> Flow[Reply]:
        """Say one command, hear its reply."""
        yield from self.say(stage, line, secret=secret)
        return (yield from self.hear(stage))

    def say(self, stage: Stage, lines: bytes, *, secret: bool = False) -> Flow[None]:
        """Say one command, or a burst of them; a reply too many that is here already ends the session first."""
        if not self.idle:
            yield from self.expect_silence(stage)
        yield Send(lines, stage, secret)

    @abstractmethod
    def hear(self, stage: Stage) -> Flow[Reply]:
        """The next reply, whatever it says. Raises ConnectionFailed when the server hung up."""

    def expect_silence(self, stage: Stage) -> Flow[None]:
        """Make sure that nothing arrived unasked: it would answer the next command (hazards H01, H68).

        Raises ConnectionFailed when the server said goodbye meanwhile, RemoteProtocolError for anything else it said.
        """
        if self.idle:
            heard = yield OVERHEAR[stage]
            if not heard:
                return
            self._keep(heard, stage)
        reply = yield from self.hear(stage)
        if self._says_goodbye(reply):
            raise closed(reply, stage)
        raise errors.RemoteProtocolError(f"the server spoke without being asked: {reply}", stage=stage)

    def expect_nothing(self, stage: Stage) -> Flow[None]:
        """Make sure that not one byte is here: before TLS it may come from an attacker (RFC 3207 4.2, hazard H62).

        Raises RemoteProtocolError.
        """
        if not self.idle or (yield OVERHEAR[stage]):
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage=stage)

    def linger(self, stage: Stage, seconds: float) -> Flow[None]:
        """Give the other side so many seconds to begin; what it says is kept for `hear`."""
        if self.idle:
            heard = yield Overhear(stage, seconds)
            if heard:
                self._keep(heard, stage)

    @property
    @abstractmethod
    def idle(self) -> bool:
        """Whether nothing has arrived that is not read yet."""

    @abstractmethod
    def forget(self) -> None:
        """Begin anew on a new line."""

    # The steps.

    @abstractmethod
    def _keep(self, data: bytes, stage: Stage) -> None:
        """Take in what has arrived."""

    @abstractmethod
    def _says_goodbye(self, reply: Reply) -> bool:
        """Whether a reply that nobody asked for means that the server leaves."""


def closed(reply: Reply, stage: Stage) -> errors.ConnectionFailed:
    """The server said that it is about to hang up."""
    return errors.ConnectionFailed(f"the server closed the session: {reply}", stage=stage, reply=reply)


def hung_up(stage: Stage) -> errors.ConnectionFailed:
    """The server is gone, and said nothing about it."""
    return errors.ConnectionFailed("the server hung up", stage=stage, hint_id="SESSION-LOST")
