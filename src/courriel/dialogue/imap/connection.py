"""IMAP client: a connection from its opening to LOGOUT (RFC 9051, RFC 3501)."""

from __future__ import annotations

from contextlib import suppress

from courriel import errors
from courriel.dialogue import opening
from courriel.dialogue.flow import Compress, Connect, Flow
from courriel.dialogue.imap.exchange import ImapExchange
from courriel.dialogue.imap.login import ImapReplyReader, log_in
from courriel.dialogue.imap.replies import Answer, judge, refuse_goodbye
from courriel.dialogue.login_replies import discreetly
from courriel.errors import Stage
from courriel.model.received.limits import ReadLimits
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Security, Server
from courriel.wire.imap import syntax as wire
from courriel.wire.smtp.client_syntax import printable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.login_rule import LoginMemory


class ImapConnection:
    """Client side of one IMAP connection, without folders; see ImapDialogue."""

    def __init__(self, server: Server, credentials: Credentials | None, limits: ReadLimits) -> None:
        self.server = server
        self.credentials = credentials
        self.exchange = ImapExchange(limits)
        self.capabilities: dict[str, str] = {}
        self.greeting = ""
        self.mechanism = ""  # of the login
        self.logins: LoginMemory | None = None  # mechanisms that worked, by user, in this process
        self.connection_id = 0  # number of the current connection
        self._secured = False
        self._preauthenticated = False  # the greeting said PREAUTH: no login is needed
        self._certificate = b""
        self.compressed = False  # whether what follows is compressed (COMPRESS)

    # The conversation, in the order it happens.

    def open(self) -> Flow[None]:
        """Connect, read the greeting, start TLS, log in, learn the capabilities."""
        opening.keep_secrets_off_a_clear_line(self.server, self.credentials)
        self._reset()
        yield Connect()
        if self.server.security is Security.TLS:
            yield from self._secure()
        yield from self._read_greeting()
        if self._starttls_is_due():
            yield from self._start_tls()
        yield from self._learn_capabilities()
        if not self._preauthenticated:
            yield from discreetly(self._log_in())
            yield from self._learn_capabilities()
        if self._certificate:
            yield from opening.remember(self.mechanism)
        if self.server.compress:
            yield from self._compress()

    def noop(self) -> Flow[None]:
        """Send NOOP: check that the server answers, and reset its idle timer."""
        _ = yield from self.ask("mailbox", b"NOOP")

    def close(self) -> Flow[None]:
        """Send LOGOUT; the server says BYE and closes the connection."""
        yield from self.settle()
        with suppress(errors.ConnectionFailed):
            _ = yield from self.exchange.command("goodbye", b"LOGOUT")

    def settle(self, following: object = None) -> Flow[None]:
        """Read everything that is on its way, so that the next answer belongs to the next command.

        What is `following` may stay on its way.
        """
        yield from ()

    # Opening.

    def _read_greeting(self) -> Flow[None]:
        if not self._secured:
            yield from opening.check_server_speaks_first(ImapReplyReader(self.exchange), self.server)
        line = yield from self.exchange.first_line()
        mark, _, rest = line.partition(b" ")
        status = wire.read_status(rest) if mark == b"*" else None
        if status is None or status.word not in ("OK", "PREAUTH", "BYE"):
            raise errors.RemoteProtocolError(
                f"this is no greeting of an IMAP server: {printable(line[:200])}",
                stage="greeting",
                hint_id="WRONG-PROTOCOL",
            )
        refuse_goodbye(status, "greeting")
        self.greeting = status.text
        self._preauthenticated = status.word == "PREAUTH"
        self._take_capabilities(Answer(status))

    def _starttls_is_due(self) -> bool:
        security = self.server.security
        return security is Security.STARTTLS or (security is Security.OPPORTUNISTIC and "STARTTLS" in self.capabilities)

    def _start_tls(self) -> Flow[None]:
        """Start TLS on a connection that began in clear, or raise; never go on in clear (RFC 3501 6.2.1, RFC 8314)."""
        if self._preauthenticated:
            # PREAUTH forbids STARTTLS, by which a man in the middle could keep the connection in clear.
            raise errors.RemoteProtocolError(
                "the server says that it knows us already (PREAUTH), on a line in clear that was to be made secure",
                stage="secure",
                hint_id="INJECTED-BEFORE-TLS",
            )
        yield from self._learn_capabilities()
        if "STARTTLS" not in self.capabilities:
            raise errors.NotSupported(
                "the server does not offer STARTTLS",
                capability="STARTTLS",
                stage="secure",
                hint_id="STARTTLS-NOT-OFFERED",
            )
        _ = judge((yield from self.exchange.command("secure", b"STARTTLS")), "secure")
        yield from self.exchange.expect_nothing("secure")
        yield from self._secure()

    def _secure(self) -> Flow[None]:
        self._certificate = yield from opening.secure(self.server)
        self._secured = True
        self.capabilities = {}  # everything received in clear is dropped (hazard H64)

    def _learn_capabilities(self) -> Flow[None]:
        """Ask for the capabilities, unless the server has just sent them."""
        if not self.capabilities:
            yield from self._ask_for_capabilities()
        self.exchange.learn(self.capabilities)

    def _ask_for_capabilities(self) -> Flow[None]:
        answer = judge((yield from self.exchange.command("hello", b"CAPABILITY")), "hello")
        self._take_capabilities(answer)
        if not {"IMAP4REV1", "IMAP4REV2"} & set(self.capabilities):
            raise errors.RemoteProtocolError("the server does not say that it speaks IMAP4rev1", stage="hello")

    def _take_capabilities(self, answer: Answer) -> None:
        for response in answer.named("CAPABILITY"):
            self.capabilities = wire.capabilities(printable(response.pieces[0]))
        if words := answer.code("CAPABILITY"):
            self.capabilities = wire.capabilities(words)

    def _log_in(self) -> Flow[None]:
        if self.credentials is None:
            raise errors.UsageError(
                "a mailbox is somebody's: give a Password or a TokenSource; in a URL a user name before the host, as "
                "in imaps://ada%40example.org@imap.example.org",
                stage="authenticate",
            )
        self.mechanism, answer = yield from log_in(
            self.exchange, self.capabilities, self.credentials, self.server, self._certificate, self.logins
        )
        self.capabilities = {}
        self._take_capabilities(answer)

    def _compress(self) -> Flow[None]:
        """Compress what follows, where the server can (RFC 4978); a refusal changes nothing, and nothing is lost by it.

        Behind the login, so that no attacker finds out a password by what it compresses to.
        """
        if "DEFLATE" not in self.capabilities.get("COMPRESS", "").split():
            return
        answer = yield from self.exchange.command("hello", b"COMPRESS", b"DEFLATE")
        if answer.status.word == "OK":
            yield Compress(self.exchange.take_rest(), "hello")
            self.compressed = True

    # The steps.

    def ask(self, stage: Stage, *words: bytes, about: str = "") -> Flow[Answer]:
        """Send a command, and read its answer. Raises CommandRefused."""
        yield from self.settle()
        return judge((yield from self.exchange.command(stage, *words)), stage, about)

    def _reset(self) -> None:
        """Reset the state: nothing learnt on an older connection holds on the next one."""
        self.exchange.reset()
        self.connection_id += 1
        self.capabilities, self.greeting, self.mechanism, self._certificate = {}, "", "", b""
        self._secured = self._preauthenticated = self.compressed = False
