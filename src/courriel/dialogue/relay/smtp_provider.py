"""Client side of the SMTP relay: commands and contents as the client gave them, replies as the provider gave them."""

from __future__ import annotations

from collections.abc import Mapping

from courriel import errors
from courriel.dialogue.flow import RECEIVE_PENDING, Ask, Flow, Receive, Send
from courriel.dialogue.relay.session import BridgeAccount
from courriel.dialogue.reply_reader import hung_up
from courriel.dialogue.smtp.commands import SmtpCommands
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.smtp import client_syntax as wire


class SmtpProvider:
    """One session with the provider. A reply is its octets; `last` is the same reply as a value."""

    def __init__(self, account: BridgeAccount) -> None:
        self._client = SmtpCommands(account.server, account.credentials)
        self._buffer = bytearray()
        self.last = Reply(0, ())

    @property
    def capabilities(self) -> Mapping[str, str]:
        """Capabilities of the provider, from its reply to EHLO."""
        return self._client.capabilities

    def open(self) -> Flow[bytes]:
        """Open the session, login included; the token is renewed once when the provider refuses it."""
        self._buffer.clear()
        yield from self._client.open()
        yield from self._client.exchange.expect_silence("authenticate")
        return b""

    def close(self) -> Flow[bytes]:
        """Say goodbye without waiting for the answer."""
        yield from self._client.close()
        return b""

    def ask(self, stage: Stage, line: bytes) -> Flow[bytes]:
        """Send a command and return the reply.

        A reply that was here before it (the provider closes sessions that are idle, by 421) is the answer to it, when
        it says that the session ends. Raises ConnectionFailed, RemoteProtocolError for any other one.
        """
        early = yield from self._early_reply(stage)
        if early:
            if self.last.code != wire.CLOSING:
                raise _unasked(self.last, stage)
            return early
        self._take((yield Ask(line, stage)), stage)
        return (yield from self._reply(stage))

    def content(self, piece: bytes) -> Flow[bytes]:
        """Send a piece of a mail; the reply, when one comes before the mail has ended, b"" as a rule."""
        if piece:
            yield Send(piece, "data")
        return (yield from self._early_reply("data"))

    def end(self, piece: bytes) -> Flow[bytes]:
        """Send the last piece, with the dot, and return the reply; from here on the mail may have been taken."""
        self._take((yield Ask(piece, "message")), "message")
        return (yield from self._reply("message"))

    # The steps.

    def _early_reply(self, stage: Stage) -> Flow[bytes]:
        """The reply that has begun to arrive although nothing was asked, read to its end."""
        if not self._buffer:
            pending = yield RECEIVE_PENDING[stage]
            if not pending:
                return b""
            self._buffer += pending
        return (yield from self._reply(stage))

    def _reply(self, stage: Stage) -> Flow[bytes]:
        octets = self._take_reply(stage)
        while octets is None:
            arrived = yield Receive(stage, bool(self._buffer))
            self._take(arrived, stage)
            if b"\n" in arrived or len(self._buffer) > wire.MAX_LINE:
                octets = self._take_reply(stage)
        return octets

    def _take(self, arrived: bytes, stage: Stage) -> None:
        if not arrived:
            raise hung_up(stage)
        self._buffer += arrived

    def _take_reply(self, stage: Stage) -> bytes | None:
        """Remove one whole reply from the buffer. Raises RemoteProtocolError for a second one behind it."""
        rest = bytearray(self._buffer)
        try:
            replies = wire.take_replies(rest)
        except errors.RemoteProtocolError as broken:
            broken.stage = stage
            raise
        if not replies:
            return None
        if len(replies) > 1 and replies[1].code != wire.CLOSING:
            # Each further reply would be taken for the answer to another command (hazard H01).
            raise _unasked(replies[1], stage)
        octets = bytes(self._buffer[: len(self._buffer) - len(rest)])
        if len(replies) > 1:
            octets = _first_reply(octets)
        self.last = replies[0]
        del self._buffer[: len(octets)]
        return octets


# The steps.


def _first_reply(octets: bytes) -> bytes:
    """The octets of the first of several replies: up to the line whose code is followed by anything but a hyphen."""
    end = 0
    while octets[end + 3 : end + 4] == b"-":
        end = octets.index(b"\n", end) + 1
    return octets[: octets.index(b"\n", end) + 1]


def _unasked(reply: Reply, stage: Stage) -> errors.RemoteProtocolError:
    return errors.RemoteProtocolError(f"the server spoke without being asked: {reply}", stage=stage)
