"""
A login in POP3, as the client holds it: SASL (RFC 5034), a digest (APOP), or the password as it is (RFC 1939 7).

The way that says least of the password comes first. APOP stands in MD5, which a server in the middle can take apart
(CVE-2007-1558): on a clear line it is used only where the server offers nothing that would have secured the line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from courriel import errors
from courriel.dialogue.authenticate import authenticate
from courriel.dialogue.flow import Flow
from courriel.dialogue.pop_exchange import PopExchange
from courriel.model.credentials import Credentials, Password
from courriel.model.server import Server
from courriel.reply import Reply
from courriel.wire import pop3 as wire
from courriel.wire.smtp import command

_MAX_INITIAL = 160  # octets: in base64, with the command, still a line of 255 (RFC 2449 4)
_DIGESTS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5")
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

    def log_in(self, credentials: Credentials) -> Flow[str]:
        """Log in, and say how.

        Raises AuthenticationRefused, MailboxRefused when the password was right and the mailbox is not to be had
        (RFC 2449 8.1, RFC 3206), NotSupported when the server offers nothing that the credentials can serve.
        """
        try:
            return (yield from self._by_best_way(credentials))
        except errors.AuthenticationRefused as refusal:
            if wire.response_code(refusal.reply) in _NOT_THE_PASSWORD or wire.says_in_use(refusal.reply):
                mailbox = errors.MailboxRefused(refusal.reply, stage="authenticate")
                mailbox.hint_id = "" if wire.response_code(refusal.reply) else "POP-MAILBOX-IN-USE"
                raise mailbox from None
            raise

    # The steps.

    def _by_best_way(self, credentials: Credentials) -> Flow[str]:
        way = next(self._ways(), self._last_resort()) if isinstance(credentials, Password) else ""
        if isinstance(credentials, Password) and way == "APOP":
            digest = wire.digest(self._timestamp, credentials.secret)
            yield from self._say(credentials, way, command("APOP", credentials.user, digest))
            return way
        if isinstance(credentials, Password) and way == "USER":
            yield from self._say(credentials, way, command("USER", credentials.user))
            yield from self._say(credentials, way, command("PASS", credentials.secret))
            return way
        tried = yield from authenticate(
            self._exchange, credentials, self._offered(), self._server, self._certificate, _MAX_INITIAL
        )
        return tried[-1]

    def _ways(self) -> Iterator[str]:
        """What a password can be used with here, best first; `Server.auth` restricts it and gives its own order."""
        plain = ("PLAIN", "LOGIN", "USER")
        usual = (*_DIGESTS, *plain, "APOP") if self._certificate else (*_DIGESTS, "APOP", *plain)
        wished = [name.upper() for name in self._server.auth] or usual
        return filter(self._can_be_used, wished)

    def _last_resort(self) -> str:
        """USER, where the server lists what it can do, and no way to log in at all: many forget this one.

        Not on a line that could still be secured: there it is missing on purpose.
        """
        wished = {name.upper() for name in self._server.auth}
        in_the_open = not self._certificate and "STLS" in self._capabilities
        return "" if in_the_open or self._offered() or (wished and "USER" not in wished) else "USER"

    def _can_be_used(self, name: str) -> bool:
        match name:
            case "APOP":
                return bool(self._timestamp)
            case "USER":
                # A server that does not know CAPA has USER all the same (RFC 1939 4).
                return "USER" in self._capabilities or not self._capabilities
            case "SCRAM-SHA-256-PLUS":
                return name in self._offered() and bool(self._certificate)
            case _:
                return name in self._offered()

    def _offered(self) -> tuple[str, ...]:
        return tuple(self._capabilities.get("SASL", "").upper().split())

    def _say(self, credentials: Password, way: str, line: bytes) -> Flow[Reply]:
        reply = yield from self._exchange.ask("authenticate", line, secret=True)
        if reply.kind == 2:
            return reply
        if reply.kind == 3:
            raise errors.RemoteProtocolError(f"the server answered {reply} to {way}", stage="authenticate")
        refusal = errors.AuthenticationRefused(reply, stage="authenticate")
        refusal.tried, refusal.user = (way,), credentials.user
        raise refusal
