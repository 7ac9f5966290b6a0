"""
POP3 login: SASL (RFC 5034), a digest (APOP), or the password in clear (RFC 1939 7).

The mechanism that reveals least of the password comes first. APOP uses MD5, which a man in the middle can break
(CVE-2007-1558): without TLS it is used only when the server does not offer STLS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from courriel import errors
from courriel.dialogue.authenticate import LoginLine, OneLogin, authenticate
from courriel.dialogue.flow import Flow
from courriel.dialogue.login_rule import FailedLogin
from courriel.dialogue.pop3.replies import Pop3Replies
from courriel.model.servers.credentials import Credentials, Password
from courriel.model.servers.server import Server
from courriel.reply import Reply
from courriel.wire.pop3 import client_syntax as wire
from courriel.wire.smtp.client_syntax import command

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.login_rule import LoginMemory

_MAX_INITIAL = 160  # octets of an initial response: in base64, with the command, a line of 255 at most (RFC 2449 4)
_DIGESTS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5")
_PLAIN = ("PLAIN", "LOGIN", "USER")
_TOKENS = ("OAUTHBEARER", "XOAUTH2", "EXTERNAL")
_NOT_THE_PASSWORD = ("IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM")


class PopLogin:
    """POP3 login, after the connection is secured or is to stay in clear."""

    def __init__(
        self, exchange: Pop3Replies, server: Server, capabilities: Mapping[str, str], greeting: str, certificate: bytes
    ) -> None:
        self._exchange = exchange
        self._server = server
        self._capabilities = capabilities
        self._certificate = certificate  # b"" without TLS
        self._timestamp = wire.read_timestamp(greeting) if certificate or "STLS" not in capabilities else ""

    def log_in(self, credentials: Credentials, memory: LoginMemory | None = None) -> Flow[str]:
        """Log in, and return the mechanism.

        Raises AuthenticationRefused, MailboxRefused when the password was right and the mailbox is not available (RFC
        2449 8.1, RFC 3206), NotSupported when the server offers no mechanism for the credentials.
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
        """Commands of RFC 1939 that can be used with this password on this server."""

        def digest() -> Flow[FailedLogin | None]:
            return self._log_in_by_apop(password)

        def user_and_pass() -> Flow[FailedLogin | None]:
            return self._log_in_by_pass(password)

        if self._timestamp:
            yield "APOP", digest
        # A server without CAPA has USER all the same (RFC 1939 4).
        if "USER" in self._capabilities or not self._capabilities or self._lists_no_login:
            yield "USER", user_and_pass

    @property
    def _lists_no_login(self) -> bool:
        """Whether the server lists capabilities, but no login: many forget USER.

        On a connection that could still be secured it is missing on purpose.
        """
        return "SASL" not in self._capabilities and (bool(self._certificate) or "STLS" not in self._capabilities)

    def _log_in_by_apop(self, password: Password) -> Flow[FailedLogin | None]:
        digest = wire.digest(self._timestamp, password.secret)
        reply = yield from self._command("APOP", command("APOP", password.user, digest))
        return None if reply.kind == 2 else _failed("APOP", reply, proved=True)

    def _log_in_by_pass(self, password: Password) -> Flow[FailedLogin | None]:
        reply = yield from self._command("USER", command("USER", password.user))
        if reply.kind != 2:
            return _failed("USER", reply, proved=False)
        reply = yield from self._command("USER", command("PASS", password.secret))
        return None if reply.kind == 2 else _failed("USER", reply, proved=True)

    def _command(self, mechanism: str, line: bytes) -> Flow[Reply]:
        reply = yield from self._exchange.command("authenticate", line, secret=True)
        if reply.kind == 3:
            raise errors.RemoteProtocolError(f"the server answered {reply} to {mechanism}", stage="authenticate")
        return reply


def _failed(mechanism: str, reply: Reply, *, proved: bool) -> FailedLogin:
    return FailedLogin(mechanism, errors.AuthenticationRefused(reply, stage="authenticate"), proved)
