"""Client side of the POP3 relay: commands as the client gave them, status lines and texts as the provider gave them."""

from __future__ import annotations

from collections.abc import Mapping

from courriel import errors
from courriel.dialogue.flow import RECEIVE_PENDING, Ask, Flow, Receive
from courriel.dialogue.pop3.client import PopDialogue
from courriel.dialogue.relay.session import BridgeAccount
from courriel.dialogue.reply_reader import hung_up
from courriel.errors import Stage
from courriel.wire.pop3.parser import MAX_LINE
from courriel.wire.smtp.client_syntax import printable
from courriel.wire.text_end import TextEnd

_PROGRESS = 4096  # octets of a text that restart its time limit (hazard H19)


class _Opening(PopDialogue):
    """The opening of a session for a client who has not asked for UTF8: letters come as they are for it."""

    def _enable_utf8(self) -> Flow[None]:
        yield from ()


class Pop3Provider:
    """One session with the provider."""

    def __init__(self, account: BridgeAccount) -> None:
        self._client = _Opening(account.server, account.credentials, 1)
        self._buffer = bytearray()
        self._gained = 0  # octets since the time limit was restarted

    @property
    def capabilities(self) -> Mapping[str, str]:
        """Capabilities of the provider, from its answer to CAPA."""
        return self._client.capabilities

    def open(self) -> Flow[bytes]:
        """Open the session, login included; the token is renewed once when the provider refuses it."""
        yield from self._client.open()
        yield from self._client.exchange.expect_silence("authenticate")
        return b""

    def close(self) -> Flow[bytes]:
        """Say goodbye; nothing was deleted."""
        yield from self._client.close()
        return b""

    def ask(self, stage: Stage, line: bytes) -> Flow[bytes]:
        """Send a command, and return the status line. Raises RemoteProtocolError when one had come before it."""
        pending = bytes(self._buffer) or (yield RECEIVE_PENDING[stage])
        if pending:
            raise errors.RemoteProtocolError(
                f"the server spoke without being asked: {printable(pending[:200])}", stage=stage
            )
        self._take((yield Ask(line, stage)), stage)
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise errors.RemoteProtocolError(f"a line of more than {MAX_LINE} octets", stage=stage)
            self._take((yield Receive(stage, more=True)), stage)
        status = bytes(self._buffer[: end + 1])
        if not status.startswith((b"+OK", b"-ERR")):
            raise errors.RemoteProtocolError(f"this is no answer of POP3: {printable(status[:200])}", stage=stage)
        del self._buffer[: end + 1]
        self._gained = 0
        return status

    def piece(self, stage: Stage, end: TextEnd) -> Flow[bytes]:
        """The next piece of the text behind a status line; `end` tells afterwards where it ends."""
        if not self._buffer:
            goes_on = 0 < self._gained < _PROGRESS
            self._gained = self._gained if goes_on else 0
            self._take((yield Receive(stage, goes_on)), stage)
            self._gained += len(self._buffer)
        length = end.find(bytes(self._buffer))
        piece = bytes(self._buffer if length < 0 else self._buffer[:length])
        del self._buffer[: len(piece)]
        return piece

    # The steps.

    def _take(self, arrived: bytes, stage: Stage) -> None:
        if not arrived:
            raise hung_up(stage)
        self._buffer += arrived
