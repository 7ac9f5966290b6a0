"""
A login in POP3, as the client holds it: SASL (RFC 5034), a digest (APOP), or the password as it is (RFC 1939 7).

The way that says least of the password comes first. APOP stands in MD5, which a server in the middle can take apart
(CVE-2007-1558): on a clear line it is used only where the server offers nothing that would have secured the line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from courriel import errors
from courriel.dialogue.authenticate import LoginLine, OneLogin, authenticate
from courriel.dialogue.flow import Flow
from courriel.dialogue.login_rule import FailedLogin
from courriel.dialogue.pop_exchange import PopExchange
from courriel.model.credentials import Credentials, Password
from courriel.model.server import Server
from courriel.reply import Reply
from courriel.wire import pop3 as wire
from courriel.wire.smtp import command

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.login_rule import LoginMemory

_MAX_INITIAL = 160  # octets: in base64, with the command, still a line of 255 (RFC 2449 4)
_DIGESTS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5")
_PLAIN = ("PLAIN", "LOGIN", "USER")
_TOKENS = ("OAUTHBEARER", "XOAUTH2", "EXTERNAL")
_NOT_THE_PASSWORD = ("IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM")


class PopLogin:
    """One login, on a line that is as secure as it will be."""

    def __init__(
        self, exchange: PopExchange, server: Server, capabilities: Mapping[str, str], greeting: str, certificate: bytes
    ) -> None:
        self._exchange = exchange
        self._server = server
        self._capabilities = capabilities
        self._certificate = certificate  # b"" on a clear line
        self._timestamp = wire.read_timestamp(greeting) if certificate or "STLS" not in capabilities else ""

    def log_in(self, credentials: Credentials, memory: LoginMemory | None = None) -> Flow[str]:
        """Log in, and say how.

        Raises AuthenticationRefused, MailboxRefused when the password was right and the mailbox is not to be had
        (RFC 2449 8.1, RFC 3206), NotSupported when the server offers nothing that the credentials can serve.
        """
        order = (*_DIGESTS, *_PLAIN, "APOP") if self._certificate else (*_DIGESTS, "APOP", *_PLAIN)
        offered = tuple(self._capabilities.get("SASL", "").upper().split())
        line = LoginLine(self._exchange, self._server, offered, self._certificate, _MAX_INITIAL)
        commands = dict(self._commands(credentials)) if isinstance(credentials, Password) else {}
        try:
            tried = yield from authenticate(line, credentials, memory, commands=commands, order=(*order, *_TOKENS))
        except errors.AuthenticationRefused as refusal:
            if wire.response_code(refusal.reply) in _NOT_THE_PASSWORD or wire.says_in_use(refusal.reply):
                mailbox = errors.MailboxRefused(refusal.reply, stage="authenticate")
                mailbox.hint_id = "" if wire.response_code(refusal.reply) else "POP-MAILBOX-IN-USE"
                raise mailbox from None
            raise
        return tried[-1]

    # The steps.

    def _commands(self, password: Password) -> Iterator[tuple[str, OneLogin]]:
        """The commands of RFC 1939 that take a password here."""

        def digest() -> Flow[FailedLogin | None]:
            return self._say_digest(password)

        def user_and_pass() -> Flow[FailedLogin | None]:
            return self._say_password(password)

        if self._timestamp:
            yield "APOP", digest
        # A server that does not know CAPA has USER all the same (RFC 1939 4).
        if "USER" in self._capabilities or not self._capabilities or self._lists_no_login:
            yield "USER", user_and_pass

    @property
    def _lists_no_login(self) -> bool:
        """Whether the server lists what it can do, and no way to log in: many forget USER.

        On a line that could still be secured it is missing on purpose.
        """
        return "SASL" not in self._capabilities and (bool(self._certificate) or "STLS" not in self._capabilities)

    def _say_digest(self, password: Password) -> Flow[FailedLogin | None]:
        digest = wire.digest(self._timestamp, password.secret)
        reply = yield from self._ask("APOP", command("APOP", password.user, digest))
        return None if reply.kind == 2 else _failed("APOP", reply, proved=True)

    def _say_password(self, password: Password) -> Flow[FailedLogin | None]:
        reply = yield from self._ask("USER", command("USER", password.user))
        if reply.kind != 2:
            return _failed("USER", reply, proved=False)
        reply = yield from self._ask("USER", command("PASS", password.secret))
        return None if reply.kind == 2 else _failed("USER", reply, proved=True)

    def _ask(self, way: str, line: bytes) -> Flow[Reply]:
        reply = yield from self._exchange.ask("authenticate", line, secret=True)
        if reply.kind == 3:
            raise errors.RemoteProtocolError(f"the server answered {reply} to {way}", stage="authenticate")
        return reply


def _failed(way: str, reply: Reply, *, proved: bool) -> FailedLogin:
    return FailedLogin(way, errors.AuthenticationRefused(reply, stage="authenticate"), proved)
