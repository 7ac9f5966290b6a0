"""How one proves who one is in IMAP: by a mechanism of SASL, or by the old LOGIN command (RFC 3501 6.2)."""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.authenticate import MAX_INITIAL, authenticate
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap_exchange import Answer, ImapExchange, reply_of
from courriel.dialogue.talk import Talk
from courriel.errors import Stage
from courriel.model.credentials import Credentials, Password
from courriel.model.server import Server
from courriel.reply import Reply
from courriel.wire import imap as wire
from courriel.wire.smtp import printable

_FOR_PASSWORDS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN")


def log_in(
    exchange: ImapExchange, capabilities: dict[str, str], credentials: Credentials, server: Server, certificate: bytes
) -> Flow[tuple[str, Answer]]:
    """Log in, and say by what, and how the server answered. Raises AuthenticationRefused, NotSupported."""
    offered = tuple(capabilities.get("AUTH", "").split())
    if isinstance(credentials, Password) and _only_the_command_is_left(offered, capabilities, server):
        return "LOGIN", (yield from _say_login(exchange, credentials))
    talk = ImapTalk(exchange)
    # What is said first may go with the command where SASL-IR allows it (RFC 4959); elsewhere it waits to be asked.
    most_at_once = MAX_INITIAL if "SASL-IR" in capabilities else -1
    tried = yield from authenticate(talk, credentials, offered, server, certificate, most_at_once)
    return tried[-1], talk.answer


class ImapTalk(Talk):
    """The same conversation, as beginnings and logins of every protocol are held: one line, one reply."""

    def __init__(self, exchange: ImapExchange) -> None:
        self._exchange = exchange
        self._tag = b""
        self.answer = Answer(wire.Status("", "", ""))

    def say(self, stage: Stage, lines: bytes, *, secret: bool = False) -> Flow[None]:
        """Say "AUTH mechanism …" as IMAP has it, and an answer in base64 as it is."""
        if lines.startswith(b"AUTH "):
            self._tag = self._exchange.new_tag()
            lines = self._tag + b" AUTHENTICATE " + lines.removeprefix(b"AUTH ")
        yield from self._exchange.say(stage, lines, secret=secret)

    def hear(self, stage: Stage) -> Flow[Reply]:
        """The server's question, or its verdict."""
        heard = yield from self._exchange.hear(stage, self._tag)
        if not isinstance(heard, Answer):
            return Reply(300, (printable(heard),), "+")
        self.answer = heard
        return reply_of(heard.status)

    @property
    def idle(self) -> bool:
        return self._exchange.idle

    def forget(self) -> None:
        self._exchange.forget()

    # The steps.

    def _keep(self, data: bytes, stage: Stage) -> None:
        self._exchange.keep(data, stage)

    def _says_goodbye(self, reply: Reply) -> bool:
        return reply.word == "BYE"


# The steps.


def _only_the_command_is_left(offered: tuple[str, ...], capabilities: dict[str, str], server: Server) -> bool:
    """Whether the server knows no mechanism for a password, and still takes LOGIN."""
    wished = [name.upper() for name in server.auth] or list(_FOR_PASSWORDS)
    takes_it = "LOGINDISABLED" not in capabilities and "LOGIN" in wished
    return takes_it and not any(name in offered for name in wished)


def _say_login(exchange: ImapExchange, password: Password) -> Flow[Answer]:
    """LOGIN: any characters, counted where they are not plain (scar 29)."""
    words = wire.secret(password.user), wire.secret(password.secret)
    answer = yield from exchange.ask("authenticate", b"LOGIN", *words, secret=True)
    if answer.status.word != "OK":
        refusal = errors.AuthenticationRefused(reply_of(answer.status), stage="authenticate")
        refusal.tried, refusal.user = ("LOGIN",), password.user
        raise refusal
    return answer
