"""IMAP login: by a SASL mechanism, or by the old LOGIN command (RFC 3501 6.2)."""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.authenticate import MAX_INITIAL, LoginLine, OneLogin, authenticate
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.exchange import ImapExchange
from courriel.dialogue.imap.replies import Answer, reply_of
from courriel.dialogue.login_rule import FailedLogin
from courriel.dialogue.reply_reader import ReplyReader
from courriel.errors import Stage
from courriel.model.servers.credentials import Credentials, Password
from courriel.model.servers.server import Server
from courriel.reply import Reply
from courriel.wire.imap import syntax as wire
from courriel.wire.smtp.client_syntax import printable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.login_rule import LoginMemory


def log_in(
    exchange: ImapExchange,
    capabilities: dict[str, str],
    credentials: Credentials,
    server: Server,
    certificate: bytes,
    memory: LoginMemory | None = None,
) -> Flow[tuple[str, Answer]]:
    """Log in; return the mechanism and the server's answer. Raises AuthenticationRefused, NotSupported."""
    offered = tuple(capabilities.get("AUTH", "").split())
    reader = ImapReplyReader(exchange)
    # With SASL-IR the initial response goes with the command (RFC 4959); without, it waits for a continuation request.
    line = LoginLine(reader, server, offered, certificate, MAX_INITIAL if "SASL-IR" in capabilities else -1)
    commands: dict[str, OneLogin] = {}
    if isinstance(credentials, Password) and "LOGIN" not in offered and "LOGINDISABLED" not in capabilities:

        def login() -> Flow[FailedLogin | None]:
            return _log_in_by_login(reader, credentials)

        commands["LOGIN"] = login
    tried = yield from authenticate(line, credentials, memory, commands=commands)
    return tried[-1], reader.answer


class ImapReplyReader(ReplyReader):
    """IMAP as the interface of openings and logins, which is common to all protocols: one line, one reply."""

    def __init__(self, exchange: ImapExchange) -> None:
        self._exchange = exchange
        self._tag = b""
        self.answer = Answer(wire.AnswerStatus("", "", ""))

    def write(self, stage: Stage, lines: bytes, *, secret: bool = False) -> Flow[None]:
        """Send "AUTH mechanism …" in the form of IMAP, and an answer in base64 unchanged."""
        if lines.startswith(b"AUTH "):
            self._tag = self._exchange.new_tag()
            lines = self._tag + b" AUTHENTICATE " + lines.removeprefix(b"AUTH ")
        yield from self._exchange.write(stage, lines, secret=secret)

    def read_reply(self, stage: Stage) -> Flow[Reply]:
        """Read a continuation request or the final answer, as a reply."""
        answer = yield from self._exchange.read_reply(stage, self._tag)
        if not isinstance(answer, Answer):
            return Reply(300, (printable(answer),), "+")
        self.answer = answer
        return reply_of(answer.status)

    def say_login(self, user: bytes, secret: bytes) -> Flow[Reply]:
        """Send the LOGIN command, and read its answer."""
        self.answer = yield from self._exchange.command("authenticate", b"LOGIN", user, secret, secret=True)
        return reply_of(self.answer.status)

    @property
    def idle(self) -> bool:
        return self._exchange.idle

    def forget(self) -> None:
        self._exchange.reset()

    # The steps.

    def _append(self, data: bytes, stage: Stage) -> None:
        self._exchange.append(data, stage)

    def _announces_close(self, reply: Reply) -> bool:
        return reply.word == "BYE"


# The steps.


def _log_in_by_login(reader: ImapReplyReader, password: Password) -> Flow[FailedLogin | None]:
    """Log in by LOGIN: any characters, as literals where they are not plain (RFC 3501 6.2.3)."""
    reply = yield from reader.say_login(wire.secret(password.user), wire.secret(password.secret))
    if reply.kind == 2:
        return None
    return FailedLogin("LOGIN", errors.AuthenticationRefused(reply, stage="authenticate"), proved=True)
