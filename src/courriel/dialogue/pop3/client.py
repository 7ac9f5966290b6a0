"""POP3 client conversation, in the order of a session (RFC 1939)."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TypeVar

from courriel import errors
from courriel.dialogue import opening
from courriel.dialogue.flow import Connect, Flow
from courriel.dialogue.login_replies import discreetly
from courriel.dialogue.pop3.replies import Pop3Replies
from courriel.dialogue.pop3.retrieval import Retrieval
from courriel.errors import Stage
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Security, Server
from courriel.reply import Reply
from courriel.wire.pop3 import client_syntax as wire
from courriel.wire.smtp.client_syntax import command

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.login_rule import LoginMemory

S = TypeVar("S")
T = TypeVar("T")

BURST = 160  # commands sent before their replies are read, with PIPELINING (RFC 2449 6.6)
LONGEST_HEAD = 4 * 1024 * 1024  # octets of a letter's header


class PopDialogue:
    """
    Client side of one POP3 connection.

    Each public method is a flow: run it with a driver. They follow the order of a conversation: `open`, then any other
    methods, then `close`. The facts learnt from the server stand in the attributes. Letters are identified by their
    numbers, from 1 to `count`, which are valid for this connection only. `largest` is the limit for a letter in memory,
    in octets.
    """

    def __init__(self, server: Server, credentials: Credentials | None, largest: int) -> None:
        self.server = server
        self.credentials = credentials
        self.largest = largest
        # Servers count a line end as one octet or as two, so a letter may be larger than announced.
        self.limit = largest + largest // 4
        self.logins: LoginMemory | None = None  # mechanisms that worked, by user, in this process
        self.exchange = Pop3Replies()
        self.connection_id = 0  # number of the current connection
        self._asks_capabilities = True  # until the server hangs up on CAPA
        self._reset()

    def _reset(self) -> None:
        """Reset the state: nothing learnt on an older connection holds on the next one."""
        self.exchange.forget()
        self.capabilities: dict[str, str] = {}
        self.greeting = ""
        self.mechanism = ""  # of the login
        self.count = 0
        self.size = 0
        self.numbers: Sequence[int] = ()  # of the letters, as far as the server told
        self.known: Container[int] = ()  # the same numbers, for membership tests
        self.top_is_refused = False  # although it was offered: whole letters are fetched instead
        self.deleted: set[int] = set()
        self.sizes: dict[int, int] = {}
        self.uids: dict[int, str] = {}
        self._reading: Retrieval | None = None  # retrieval with outstanding answers
        self._certificate = b""
        self.connection_id += 1

    # The conversation, in the order it happens.

    def open(self) -> Flow[None]:
        """Connect, read the greeting, start TLS, log in, read the number of letters."""
        opening.keep_secrets_off_a_clear_line(self.server, self.credentials)
        try:
            yield from self._connect()
        except errors.ConnectionFailed as broken:
            if broken.stage != "hello" or isinstance(broken, errors.TimedOut) or not self._asks_capabilities:
                raise
            # It hung up on CAPA: it is used as a server of RFC 1939 alone, and CAPA is not sent again.
            self._asks_capabilities = False
            yield from self._connect()
        yield from self._enable_utf8()
        if self.credentials is not None:
            yield from discreetly(self._log_in(self.credentials))
        self.count, self.size = self._read_answer(wire.read_stat, (yield from self._command("mailbox", "STAT")))
        self.known = self.numbers = range(1, self.count + 1)
        if self._certificate:
            yield from opening.remember(self.mechanism)

    def list_sizes(self) -> Flow[None]:
        """Read the size of each letter in octets, once; deleted ones are not listed.

        When LIST names other letters than STAT counted, those of LIST are valid.
        """
        if not self.sizes and self.count:
            text = yield from self._listing_command("LIST")
            self.sizes = sizes = self._read_answer(wire.read_sizes, text)
            if sizes and (len(sizes) + len(self.deleted) != self.count or max(sizes) > self.count):
                self.known = frozenset(sizes) | self.deleted
                self.numbers = sorted(self.known)

    def list_uids(self) -> Flow[None]:
        """Read the unique id of each letter, once. Raises CommandRefused when the server does not support UIDL."""
        if not self.uids and self.count:
            text = yield from self._listing_command("UIDL")
            self.uids = self._read_answer(wire.read_uids, text)

    def retrieve(self, number: int) -> Flow[bytes]:
        """Fetch one letter, unchanged. Raises LetterRefused, and LetterTooLarge before it is requested."""
        yield from self.list_sizes()
        yield from self.settle()
        if self.sizes.get(number, 0) > self.largest:
            raise self.too_large(number)
        yield from self.exchange.expect_silence("letter")
        yield from self.exchange.write("letter", command("RETR", str(number)))
        reply, text = yield from self.exchange.read_text("letter", self.limit)
        self._check_reply(reply, "letter", number)
        return text

    def retrieve_head(self, number: int) -> Flow[bytes]:
        """Fetch the header of a letter (TOP). Raises LetterRefused, also when TOP is not supported."""
        yield from self.settle()
        yield from self.exchange.expect_silence("letter")
        yield from self.exchange.write("letter", command("TOP", str(number), "0"))
        reply, text = yield from self.exchange.read_text("letter", LONGEST_HEAD, head=True)
        self.top_is_refused = self.top_is_refused or reply.kind != 2
        self._check_reply(reply, "letter", number)
        return text

    def save(self, number: int, write: Callable[[bytes], object], limit: int) -> Flow[None]:
        """Write one letter portion by portion, however large; more than `limit` octets end the session."""
        yield from self.settle()
        yield from self.exchange.expect_silence("letter")
        yield from self.exchange.write("letter", command("RETR", str(number)))
        reply = yield from self.exchange.pour("letter", write, limit)
        self._check_reply(reply, "letter", number)

    def delete(self, numbers: Sequence[int]) -> Flow[None]:
        """Mark letters for deletion, all of them before the first refusal is raised. Raises LetterRefused."""
        yield from self.settle()
        yield from self.exchange.expect_silence("mailbox")
        waiting = [number for number in dict.fromkeys(numbers) if number not in self.deleted]
        refusals: list[errors.CourrielError] = []
        size = BURST if self.can("PIPELINING") else 1
        for start in range(0, len(waiting), size):
            burst = waiting[start : start + size]
            lines = b"".join([command("DELE", str(number)) for number in burst])
            yield from self.exchange.write("mailbox", lines)
            for number in burst:
                reply = yield from self.exchange.read_reply("mailbox")
                try:
                    self._check_reply(reply, "mailbox", number)
                    self.deleted.add(number)
                except errors.LetterRefused as refusal:
                    refusals.append(refusal)
        if refusals:
            raise refusals[0]

    def undo(self) -> Flow[None]:
        """Remove all deletion marks (RSET)."""
        yield from self._command("mailbox", "RSET")
        self.deleted.clear()

    def noop(self) -> Flow[None]:
        """Send NOOP: check that the server answers, and reset its idle timer."""
        yield from self._command("mailbox", "NOOP")

    def close(self) -> Flow[None]:
        """Send QUIT, upon which the server deletes the marked letters (RFC 1939 6).

        Raises CommandRefused when the server could not delete everything, and connection errors, in doubt if letters
        are marked.
        """
        marked = bool(self.deleted)
        try:
            yield from self._command("goodbye", "QUIT")
        except errors.Refused:
            raise
        except errors.CourrielError as broken:
            broken.in_doubt = marked
            broken.hint_id = "DELETIONS-IN-DOUBT" if marked else broken.hint_id
            raise

    # Many letters.

    def can(self, capability: str) -> bool:
        """Whether the server listed this capability."""
        return capability in self.capabilities

    @property
    def gives_heads(self) -> bool:
        """Whether headers can be fetched alone (TOP), as far as known."""
        return "TOP" in self.capabilities and not self.top_is_refused

    def read_many(self, numbers: Sequence[int], window: int, *, heads: bool = False) -> Retrieval:
        """Start fetching letters, or their headers, with several requests ahead when the server supports PIPELINING."""
        window = window if self.can("PIPELINING") else 1
        limit = LONGEST_HEAD if heads else self.limit
        return Retrieval(self, numbers, window, limit, lines="0" if heads else "")

    def settle(self, following: Retrieval | None = None) -> Flow[None]:
        """Read all outstanding answers of a retrieval, so that the next answer belongs to the next command."""
        reading = self._reading
        if reading is not None and reading is not following:
            yield from reading.read_all()
        self._reading = following

    def too_large(self, number: int) -> errors.LetterTooLarge:
        """Error: the letter is above the limit for memory; it was not requested."""
        return errors.LetterTooLarge(
            f"letter {number} has {self.sizes[number]:,} octets, and this session takes {self.largest:,} into memory:"
            " save() writes it to a file, or give the session a larger `largest`",
            stage="letter",
        )

    # Opening.

    def _connect(self) -> Flow[None]:
        """Connect, start TLS, and read the capabilities."""
        self._reset()
        yield Connect()
        if self.server.security is Security.TLS:
            yield from self._secure()
        yield from self._read_greeting()
        yield from self._learn_capabilities()
        if self._stls_is_due():
            yield from self._start_tls()
            yield from self._learn_capabilities()

    def _read_greeting(self) -> Flow[None]:
        if not self._certificate:
            yield from opening.check_server_speaks_first(self.exchange, self.server)
        reply = yield from self.exchange.read_reply("greeting")
        self._check_reply(reply, "greeting")
        self.greeting = reply.text

    def _learn_capabilities(self) -> Flow[None]:
        """Read the capabilities; a server without CAPA supports RFC 1939 alone (RFC 2449 5)."""
        if not self._asks_capabilities:
            return
        yield from self.exchange.write("hello", command("CAPA"))
        reply, text = yield from self.exchange.read_text("hello", wire.MOST_CAPABILITIES)
        self.capabilities = wire.read_capabilities(text) if reply.kind == 2 else {}

    def _stls_is_due(self) -> bool:
        security = self.server.security
        return security is Security.STARTTLS or (security is Security.OPPORTUNISTIC and self.can("STLS"))

    def _start_tls(self) -> Flow[None]:
        """Start TLS on a connection that began in clear, or raise; never go on in clear (RFC 2595 4)."""
        if self.capabilities and not self.can("STLS"):
            raise errors.NotSupported(
                "the server does not offer STLS", capability="STLS", stage="secure", hint_id="STARTTLS-NOT-OFFERED"
            )
        reply = yield from self.exchange.command("secure", command("STLS"))
        self._check_reply(reply, "secure")
        # Octets received before TLS may come from an attacker.
        yield from self.exchange.expect_nothing("secure")
        yield from self._secure()

    def _secure(self) -> Flow[None]:
        self._certificate = yield from opening.secure(self.server)

    def _enable_utf8(self) -> Flow[None]:
        """Ask for letters in their original form, which the server would rewrite otherwise (RFC 6856 2.1)."""
        if self.can("UTF8"):
            yield from self.exchange.command("hello", command("UTF8"))  # a refusal changes nothing

    def _log_in(self, credentials: Credentials) -> Flow[None]:
        from courriel.dialogue.pop3.login import PopLogin  # noqa: PLC0415 - brings digests along

        yield from self.exchange.expect_silence("authenticate")
        login = PopLogin(self.exchange, self.server, self.capabilities, self.greeting, self._certificate)
        self.mechanism = yield from login.log_in(credentials, self.logins)

    # Shared steps.

    def _command(self, stage: Stage, verb: str) -> Flow[Reply]:
        yield from self.settle()
        yield from self.exchange.expect_silence(stage)
        reply = yield from self.exchange.command(stage, command(verb))
        self._check_reply(reply, stage)
        return reply

    def _listing_command(self, verb: str) -> Flow[bytes]:
        yield from self.settle()
        yield from self.exchange.expect_silence("mailbox")
        yield from self.exchange.write("mailbox", command(verb))
        reply, text = yield from self.exchange.read_text("mailbox", wire.longest_listing(self.count))
        self._check_reply(reply, "mailbox")
        return text

    @staticmethod
    def _check_reply(reply: Reply, stage: Stage, number: int = 0) -> None:
        """Accept +OK; -ERR raises a refusal, "+" a protocol error."""
        if reply.kind == 2:
            return
        if reply.kind == 3:
            raise errors.RemoteProtocolError(f"the server answered {reply} at the wrong moment", stage=stage)
        if number:
            raise errors.LetterRefused(reply, stage=stage, about=f"letter {number}")
        raise errors.CommandRefused(reply, stage=stage)

    @staticmethod
    def _read_answer(read: Callable[[S], T], argument: S) -> T:
        try:
            return read(argument)
        except errors.RemoteProtocolError as wrong:
            wrong.stage = "mailbox"
            raise
