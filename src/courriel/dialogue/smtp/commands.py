"""Opening an SMTP session (greeting, EHLO, STARTTLS, login), and single commands: RSET, NOOP, QUIT (RFC 5321)."""

from __future__ import annotations

from collections.abc import Callable

from courriel import errors
from courriel.dialogue import opening
from courriel.dialogue.flow import Connect, Flow, Send
from courriel.dialogue.smtp.replies import SmtpReplies
from courriel.dialogue.smtp.server_facts import OwnFacts
from courriel.dialogue.smtp.session_limit import MessageCount
from courriel.errors import Stage
from courriel.model.recipient_rule import rules_for
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Dialect, Security, Server
from courriel.reply import Reply
from courriel.wire.smtp import client_syntax as wire
from courriel.wire.smtp.extensions import Extensions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.login_rule import LoginMemory
    from courriel.dialogue.smtp.server_facts import ServerFacts


class SmtpCommands:
    """Base of the SMTP client: it opens the session, sends single commands, and holds the facts about the server."""

    def __init__(
        self, server: Server, credentials: Credentials | None = None, facts: ServerFacts | None = None
    ) -> None:
        self.server = server
        self.credentials = credentials
        self.count = MessageCount()
        self.facts: ServerFacts = facts if facts is not None else OwnFacts()
        self._learn({})
        self.greeting = ""
        self.secured = False
        self.mechanism = ""  # of the login
        self.logins: LoginMemory | None = None  # mechanisms that worked, by user, in this process
        self.exchange = SmtpReplies()
        self.name = str(server)
        self.rules = rules_for(
            server.redirect_to, server.allowlist
        )  # for the recipients of every mail; here, so that no session is without
        self._certificate = b""

    def open(self) -> Flow[None]:
        """Connect, read the greeting, send EHLO, start TLS, log in."""
        opening.keep_secrets_off_a_clear_line(self.server, self.credentials)
        self._forget()
        our_name = (yield Connect()).decode("ascii")
        name = self.server.ehlo_name or our_name

        if self.server.security is Security.TLS:
            yield from self._secure()
        yield from self._read_greeting()
        yield from self._introduce(name)
        if self._starttls_is_due():
            yield from self._start_tls()
            yield from self._introduce(name)
        if self.credentials is not None:
            from courriel.dialogue.login_replies import discreetly  # noqa: PLC0415 - many connections need no login

            yield from discreetly(self._log_in(self.credentials))
        if self.secured:
            yield from opening.remember(self.mechanism)

    def reset(self) -> Flow[Reply]:
        """Send RSET, which ends any open transaction."""
        return (yield from self._ask("sender", "RSET"))

    def noop(self) -> Flow[Reply]:
        """Send NOOP: check that the server answers, and reset its idle timer."""
        yield from self.exchange.expect_silence("hello")
        return (yield from self._ask("hello", "NOOP"))

    def close(self) -> Flow[None]:
        """Send QUIT; the reply is not awaited, because every message has had its own."""
        yield Send(wire.command("QUIT"), "goodbye")

    # Opening.

    def _read_greeting(self) -> Flow[None]:
        if not self.secured:
            yield from opening.check_server_speaks_first(self.exchange, self.server)
        reply = yield from self.exchange.read_reply("greeting")
        self.greeting = self._judge(reply, 2, "greeting").text

    def _introduce(self, name: str) -> Flow[None]:
        """Send EHLO, or HELO to a server without it (RFC 5321 3.2); LHLO in LMTP (RFC 2033)."""
        verb = "LHLO" if self.server.dialect is Dialect.LMTP else "EHLO"
        reply = yield from self.exchange.command("hello", wire.command(verb, name))
        if reply.kind == 5 and verb == "EHLO":
            reply = yield from self.exchange.command("hello", wire.command("HELO", name))
        self._learn(wire.read_capabilities(self._judge(reply, 2, "hello")))

    def _starttls_is_due(self) -> bool:
        security = self.server.security
        return security is Security.STARTTLS or (security is Security.OPPORTUNISTIC and "STARTTLS" in self.capabilities)

    def _start_tls(self) -> Flow[None]:
        """Start TLS on a connection that began in clear, or raise; never go on in clear (RFC 3207)."""
        if "STARTTLS" not in self.capabilities:
            raise errors.NotSupported(
                "the server does not offer STARTTLS",
                capability="STARTTLS",
                stage="secure",
                hint_id="STARTTLS-NOT-OFFERED",
            )
        yield from self._ask("secure", "STARTTLS")
        # RFC 3207 4.2: everything received before TLS may come from an attacker.
        # Bytes that are already here are an attack, not a reply.
        yield from self.exchange.expect_nothing("secure")
        yield from self._secure()

    def _secure(self) -> Flow[None]:
        self._certificate = yield from opening.secure(self.server)
        self.secured = True
        self._learn({})

    def _log_in(self, credentials: Credentials) -> Flow[None]:
        from courriel.dialogue.authenticate import LoginLine, authenticate  # noqa: PLC0415 - many connections need no login

        yield from self.exchange.expect_silence("authenticate")
        offered = tuple(self.capabilities.get("AUTH", "").upper().split())
        line = LoginLine(self.exchange, self.server, offered, self._certificate)
        tried = yield from authenticate(line, credentials, self.logins)
        self.mechanism = tried[-1]

    def _forget(self) -> None:
        """Reset the state: nothing learnt on an older connection holds on the next one."""
        self.exchange.forget()
        self.count.begin_session()
        self._learn({})
        self.greeting, self.secured, self.mechanism, self._certificate = "", False, "", b""

    def _learn(self, capabilities: dict[str, str]) -> None:
        self.capabilities = capabilities
        self.extensions = Extensions(
            capabilities,
            binary=self.server.binary and self.server.dialect is Dialect.SMTP,
            chunking=self.server.chunking and self.facts.bdat_taken is not False,
        )

    # Shared steps.

    def _ask(self, stage: Stage, verb: str) -> Flow[Reply]:
        reply = yield from self.exchange.command(stage, wire.command(verb))
        return self._judge(reply, 2, stage)

    @staticmethod
    def _judge(
        reply: Reply, wanted: int, stage: Stage, refusal: Callable[[Reply, Stage], errors.Refused] | None = None
    ) -> Reply:
        """Return a reply of the wanted class; 4 and 5 raise a refusal, any other a protocol error (RFC 5321 4.2.1)."""
        if reply.kind == wanted:
            return reply
        if reply.kind in (4, 5):
            raise refusal(reply, stage) if refusal else errors.CommandRefused(reply, stage=stage)
        raise errors.RemoteProtocolError(f"the server answered {reply} at the wrong moment", stage=stage, reply=reply)
