"""Base class for a client's conversation: commands out, replies in, unsolicited replies refused."""

from __future__ import annotations

from abc import ABC, abstractmethod

from courriel import errors
from courriel.dialogue.flow import RECEIVE_PENDING, Flow, ReceivePending, Send
from courriel.errors import Stage
from courriel.reply import Reply


class ReplyReader(ABC):
    """Receive buffer of one connection. Each protocol parses it in its own way."""

    def command(self, stage: Stage, line: bytes, *, secret: bool = False) -> Flow[Reply]:
        """Send one command and read its reply."""
        yield from self.write(stage, line, secret=secret)
        return (yield from self.read_reply(stage))

    def write(self, stage: Stage, lines: bytes, *, secret: bool = False) -> Flow[None]:
        """Send one command, or several together; a surplus reply in the buffer ends the session first."""
        if not self.idle:
            yield from self.expect_silence(stage)
        yield Send(lines, stage, secret)

    @abstractmethod
    def read_reply(self, stage: Stage) -> Flow[Reply]:
        """Read the next reply. Raises ConnectionFailed when the server hung up."""

    def expect_silence(self, stage: Stage) -> Flow[None]:
        """Check that no unsolicited reply has arrived: it would answer the next command (hazards H01, H68).

        Raises ConnectionFailed when the server announced that it closes the session, RemoteProtocolError for anything
        else.
        """
        if self.idle:
            data = yield RECEIVE_PENDING[stage]
            if not data:
                return
            self._append(data, stage)
        reply = yield from self.read_reply(stage)
        if self._announces_close(reply):
            raise closed(reply, stage)
        raise errors.RemoteProtocolError(f"the server spoke without being asked: {reply}", stage=stage)

    def expect_nothing(self, stage: Stage) -> Flow[None]:
        """Check that no octet is here: one received before TLS may come from an attacker (RFC 3207 4.2, hazard H62).

        Raises RemoteProtocolError.
        """
        if not self.idle or (yield RECEIVE_PENDING[stage]):
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage=stage)

    def linger(self, stage: Stage, seconds: float) -> Flow[None]:
        """Wait that many seconds for the server to send first; the octets are kept for `read_reply`."""
        if self.idle:
            data = yield ReceivePending(stage, seconds)
            if data:
                self._append(data, stage)

    @property
    @abstractmethod
    def idle(self) -> bool:
        """True when the receive buffer is empty: every octet received was read."""

    @abstractmethod
    def forget(self) -> None:
        """Reset the state for a new connection."""

    # The steps.

    @abstractmethod
    def _append(self, data: bytes, stage: Stage) -> None:
        """Append received octets."""

    @abstractmethod
    def _announces_close(self, reply: Reply) -> bool:
        """Whether an unsolicited reply announces that the server closes the connection."""


def closed(reply: Reply, stage: Stage) -> errors.ConnectionFailed:
    """Error: the server announced that it closes the connection."""
    return errors.ConnectionFailed(f"the server closed the session: {reply}", stage=stage, reply=reply)


def hung_up(stage: Stage) -> errors.ConnectionFailed:
    """Error: the server closed the connection without an announcement."""
    return errors.ConnectionFailed("the server hung up", stage=stage, hint_id="SESSION-LOST")
