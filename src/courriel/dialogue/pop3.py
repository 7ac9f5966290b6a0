"""A POP3 conversation, as the client holds it, in the order it happens (RFC 1939)."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TypeVar

from courriel import errors
from courriel.dialogue import opening
from courriel.dialogue.flow import Connect, Flow
from courriel.dialogue.login_replies import discreetly
from courriel.dialogue.pop_exchange import PopExchange
from courriel.dialogue.pop_reading import Reading
from courriel.errors import Stage
from courriel.model.credentials import Credentials
from courriel.model.server import Security, Server
from courriel.reply import Reply
from courriel.wire import pop3 as wire
from courriel.wire.smtp import command

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.login_rule import LoginMemory

S = TypeVar("S")
T = TypeVar("T")

BURST = 160  # commands that leave before their answers are read, where the server reads ahead (RFC 2449 6.6)
LONGEST_HEAD = 4 * 1024 * 1024  # octets; what comes before a letter's text has no business being larger


class PopDialogue:
    """
    The client's side of one POP3 connection.

    Each public method is a flow: run it with a driver. They follow the order of a conversation: `open`, then what one
    likes, then `close`. What was learnt on the way stands in the attributes. Letters are known by their numbers, from 1
    to `count`, which hold for this connection and no longer. `largest` is how many octets of one letter are taken into
    memory.
    """

    def __init__(self, server: Server, credentials: Credentials | None, largest: int) -> None:
        self.server = server
        self.credentials = credentials
        self.largest = largest
        # Servers count a line end as one octet or as two: what is a little larger than was said is no lie.
        self.limit = largest + largest // 4
        self.logins: LoginMemory | None = None  # what worked for whom, as far as this process knows
        self.exchange = PopExchange()
        self.visit = 0  # which connection this is
        self._asks_capabilities = True  # until the server hangs up when it is asked
        self._forget()

    def _forget(self) -> None:
        """Begin anew: nothing that an older line taught us holds on the next one."""
        self.exchange.forget()
        self.capabilities: dict[str, str] = {}
        self.greeting = ""
        self.mechanism = ""  # how we logged in
        self.count = 0
        self.size = 0
        self.numbers: Sequence[int] = ()  # of the letters that there are, as far as we were told
        self.known: Container[int] = ()  # the same, for who asks about one of them
        self.top_is_refused = False  # though it was offered: whole letters are asked for instead
        self.deleted: set[int] = set()
        self.sizes: dict[int, int] = {}
        self.uids: dict[int, str] = {}
        self._reading: Reading | None = None  # who has asked, and has not heard everything yet
        self._certificate = b""
        self.visit += 1

    # The conversation, in the order it happens.

    def open(self) -> Flow[None]:
        """Reach the server, hear its greeting, secure the line, log in, see how much there is."""
        opening.keep_secrets_off_a_clear_line(self.server, self.credentials)
        try:
            yield from self._begin()
        except errors.ConnectionFailed as broken:
            if broken.stage != "hello" or isinstance(broken, errors.TimedOut) or not self._asks_capabilities:
                raise
            # It hung up because it was asked what it can do: it can do what RFC 1939 asks for, and is not asked again.
            self._asks_capabilities = False
            yield from self._begin()
        yield from self._speak_utf8()
        if self.credentials is not None:
            yield from discreetly(self._log_in(self.credentials))
        self.count, self.size = self._read(wire.read_stat, (yield from self._ask("mailbox", "STAT")))
        self.known = self.numbers = range(1, self.count + 1)
        if self._certificate:
            yield from opening.remember(self.mechanism)

    def list_sizes(self) -> Flow[None]:
        """Learn how many octets each letter has, once; deleted ones are not told.

        Where LIST names other letters than STAT counted, those of LIST are the ones that can be asked for.
        """
        if not self.sizes and self.count:
            text = yield from self._ask_list("LIST")
            self.sizes = sizes = self._read(wire.read_sizes, text)
            if sizes and (len(sizes) + len(self.deleted) != self.count or max(sizes) > self.count):
                self.known = frozenset(sizes) | self.deleted
                self.numbers = sorted(self.known)

    def list_uids(self) -> Flow[None]:
        """Learn the unique id of each letter, once. Raises CommandRefused where the server has none."""
        if not self.uids and self.count:
            text = yield from self._ask_list("UIDL")
            self.uids = self._read(wire.read_uids, text)

    def retrieve(self, number: int) -> Flow[bytes]:
        """One letter, to the octet. Raises LetterRefused, and LetterTooLarge before it is asked for."""
        yield from self.list_sizes()
        yield from self.settle()
        if self.sizes.get(number, 0) > self.largest:
            raise self.too_large(number)
        yield from self.exchange.expect_silence("letter")
        yield from self.exchange.say("letter", command("RETR", str(number)))
        reply, text = yield from self.exchange.hear_text("letter", self.limit)
        self._judge(reply, "letter", number)
        return text

    def retrieve_head(self, number: int) -> Flow[bytes]:
        """What stands before the text of a letter (TOP). Raises LetterRefused, also where TOP is not known."""
        yield from self.settle()
        yield from self.exchange.expect_silence("letter")
        yield from self.exchange.say("letter", command("TOP", str(number), "0"))
        reply, text = yield from self.exchange.hear_text("letter", LONGEST_HEAD, head=True)
        self.top_is_refused = self.top_is_refused or reply.kind != 2
        self._judge(reply, "letter", number)
        return text

    def save(self, number: int, write: Callable[[bytes], object], limit: int) -> Flow[None]:
        """Write one letter portion by portion, however large; more than `limit` octets end the session."""
        yield from self.settle()
        yield from self.exchange.expect_silence("letter")
        yield from self.exchange.say("letter", command("RETR", str(number)))
        reply = yield from self.exchange.pour("letter", write, limit)
        self._judge(reply, "letter", number)

    def delete(self, numbers: Sequence[int]) -> Flow[None]:
        """Mark letters for deletion, all of them before the first refusal is told. Raises LetterRefused."""
        yield from self.settle()
        yield from self.exchange.expect_silence("mailbox")
        waiting = [number for number in dict.fromkeys(numbers) if number not in self.deleted]
        refusals: list[errors.CourrielError] = []
        size = BURST if self.can("PIPELINING") else 1
        for start in range(0, len(waiting), size):
            burst = waiting[start : start + size]
            said = b"".join([command("DELE", str(number)) for number in burst])
            yield from self.exchange.say("mailbox", said)
            for number in burst:
                reply = yield from self.exchange.hear("mailbox")
                try:
                    self._judge(reply, "mailbox", number)
                    self.deleted.add(number)
                except errors.LetterRefused as refusal:
                    refusals.append(refusal)
        if refusals:
            raise refusals[0]

    def undo(self) -> Flow[None]:
        """Take every mark back."""
        yield from self._ask("mailbox", "RSET")
        self.deleted.clear()

    def noop(self) -> Flow[None]:
        """Ask whether the server is still there, and keep it from falling asleep."""
        yield from self._ask("mailbox", "NOOP")

    def close(self) -> Flow[None]:
        """Say goodbye: now what is marked is deleted (RFC 1939 6).

        Raises CommandRefused when the server could not delete everything, and whatever broke, in doubt.
        """
        marked = bool(self.deleted)
        try:
            yield from self._ask("goodbye", "QUIT")
        except errors.Refused:
            raise
        except errors.CourrielError as broken:
            broken.in_doubt = marked
            broken.hint_id = "DELETIONS-IN-DOUBT" if marked else broken.hint_id
            raise

    # Letters in a row.

    def can(self, capability: str) -> bool:
        """Whether the server said that it can do this."""
        return capability in self.capabilities

    @property
    def gives_heads(self) -> bool:
        """Whether the head of a letter can be had alone (TOP), as far as we know."""
        return "TOP" in self.capabilities and not self.top_is_refused

    def read_many(self, numbers: Sequence[int], window: int, *, heads: bool = False) -> Reading:
        """Letters, or their heads alone, asked for ahead where the server reads ahead."""
        window = window if self.can("PIPELINING") else 1
        limit = LONGEST_HEAD if heads else self.limit
        return Reading(self, numbers, window, limit, lines="0" if heads else "")

    def settle(self, following: Reading | None = None) -> Flow[None]:
        """Hear what was asked for and has not been heard, so that the next answer belongs to the next command."""
        reading = self._reading
        if reading is not None and reading is not following:
            yield from reading.hear_all()
        self._reading = following

    def too_large(self, number: int) -> errors.LetterTooLarge:
        """The news that this letter is not taken into memory; it has not been asked for."""
        return errors.LetterTooLarge(
            f"letter {number} has {self.sizes[number]:,} octets, and this session takes {self.largest:,} into memory:"
            " save() writes it to a file, or give the session a larger `largest`",
            stage="letter",
        )

    # Opening.

    def _begin(self) -> Flow[None]:
        """A line as secure as it will be, and what the server can do."""
        self._forget()
        yield Connect()
        if self.server.security is Security.TLS:
            yield from self._secure()
        yield from self._hear_greeting()
        yield from self._learn_capabilities()
        if self._stls_is_due():
            yield from self._start_tls()
            yield from self._learn_capabilities()

    def _hear_greeting(self) -> Flow[None]:
        if not self._certificate:
            yield from opening.make_sure_that_it_speaks_first(self.exchange, self.server)
        reply = yield from self.exchange.hear("greeting")
        self._judge(reply, "greeting")
        self.greeting = reply.text

    def _learn_capabilities(self) -> Flow[None]:
        """What the server can do; one that knows no CAPA can do what RFC 1939 asks for (RFC 2449 5)."""
        if not self._asks_capabilities:
            return
        yield from self.exchange.say("hello", command("CAPA"))
        reply, text = yield from self.exchange.hear_text("hello", wire.MOST_CAPABILITIES)
        self.capabilities = wire.read_capabilities(text) if reply.kind == 2 else {}

    def _stls_is_due(self) -> bool:
        security = self.server.security
        return security is Security.STARTTLS or (security is Security.OPPORTUNISTIC and self.can("STLS"))

    def _start_tls(self) -> Flow[None]:
        """Secure a line that began in clear, or give up; never go on in clear (RFC 2595 4)."""
        if self.capabilities and not self.can("STLS"):
            raise errors.NotSupported(
                "the server does not offer STLS", capability="STLS", stage="secure", hint_id="STARTTLS-NOT-OFFERED"
            )
        reply = yield from self.exchange.ask("secure", command("STLS"))
        self._judge(reply, "secure")
        # Whatever was said before the line was secure may come from someone else.
        yield from self.exchange.expect_nothing("secure")
        yield from self._secure()

    def _secure(self) -> Flow[None]:
        self._certificate = yield from opening.secure(self.server)

    def _speak_utf8(self) -> Flow[None]:
        """Have letters as they were written, where the server would rewrite them otherwise (RFC 6856 2.1)."""
        if self.can("UTF8"):
            yield from self.exchange.ask("hello", command("UTF8"))  # a refusal changes nothing

    def _log_in(self, credentials: Credentials) -> Flow[None]:
        from courriel.dialogue.pop_login import PopLogin  # noqa: PLC0415 - brings digests along

        yield from self.exchange.expect_silence("authenticate")
        login = PopLogin(self.exchange, self.server, self.capabilities, self.greeting, self._certificate)
        self.mechanism = yield from login.log_in(credentials, self.logins)

    # Words that every part needs.

    def _ask(self, stage: Stage, verb: str) -> Flow[Reply]:
        yield from self.settle()
        yield from self.exchange.expect_silence(stage)
        reply = yield from self.exchange.ask(stage, command(verb))
        self._judge(reply, stage)
        return reply

    def _ask_list(self, verb: str) -> Flow[bytes]:
        yield from self.settle()
        yield from self.exchange.expect_silence("mailbox")
        yield from self.exchange.say("mailbox", command(verb))
        reply, text = yield from self.exchange.hear_text("mailbox", wire.longest_listing(self.count))
        self._judge(reply, "mailbox")
        return text

    @staticmethod
    def _judge(reply: Reply, stage: Stage, number: int = 0) -> None:
        """Let +OK pass; -ERR refuses, and a "+" breaks the rules."""
        if reply.kind == 2:
            return
        if reply.kind == 3:
            raise errors.RemoteProtocolError(f"the server answered {reply} at the wrong moment", stage=stage)
        if number:
            raise errors.LetterRefused(reply, stage=stage, about=f"letter {number}")
        raise errors.CommandRefused(reply, stage=stage)

    @staticmethod
    def _read(read: Callable[[S], T], said: S) -> T:
        try:
            return read(said)
        except errors.RemoteProtocolError as wrong:
            wrong.stage = "mailbox"
            raise
