"""IMAP client: opening, search and IDLE, in the order of a session (RFC 3501, RFC 9051).

Commands about letters and folders are sent by another library over the same connection (docs/decisions/0016): it takes
over after the login, and never sees a secret.
"""

from __future__ import annotations

from courriel import errors
from courriel.dialogue import opening
from courriel.dialogue.flow import Connect, Flow, Send
from courriel.dialogue.imap.login import ImapReplyReader, log_in
from courriel.dialogue.imap.replies import Answer, ImapReplies, refuse_goodbye, reply_of
from courriel.dialogue.login_replies import discreetly
from courriel.errors import Stage
from courriel.model.credentials import Credentials
from courriel.model.received.limits import ReadLimits
from courriel.model.server import Security, Server
from courriel.wire.imap import syntax as wire
from courriel.wire.smtp.client_syntax import printable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.login_rule import LoginMemory


class ImapDialogue:
    """
    Client side of one IMAP connection, except for the commands of the library.

    Each public method is a flow: run it with a driver. `open` comes first; the facts learnt from the server stand in
    the attributes.
    """

    def __init__(self, server: Server, credentials: Credentials | None, limits: ReadLimits) -> None:
        self.server = server
        self.credentials = credentials
        self.exchange = ImapReplies(limits)
        self.capabilities: dict[str, str] = {}
        self.greeting = ""
        self.mechanism = ""  # of the login
        self.logins: LoginMemory | None = None  # mechanisms that worked, by user, in this process
        self._secured = False
        self._capabilities_current = False  # the greeting said PREAUTH: no login is needed
        self._certificate = b""

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
        if not self._capabilities_current:
            yield from discreetly(self._log_in())
            yield from self._learn_capabilities()

    def search(self, words: list[bytes], charset: str = "") -> Flow[list[int]]:
        """UIDs of the letters that match, lowest first (RFC 3501 6.4.4; as ranges with ESEARCH).

        Raises CommandRefused, and NotSupported when the server does not know the charset.
        """
        self.exchange.news = False
        shape = (b"RETURN", b"(ALL)") if "ESEARCH" in self.capabilities else ()
        language = (b"CHARSET", charset.encode("ascii")) if charset else ()
        answer = yield from self.exchange.command("mailbox", b"UID", b"SEARCH", *shape, *language, *words)
        if answer.status.word == "NO" and answer.status.code.upper().startswith("BADCHARSET"):
            raise errors.NotSupported(
                f"the server cannot search for texts in {charset}: {answer.status.shown}",
                capability="CHARSET",
                stage="mailbox",
            )
        _ = judge(answer, "mailbox")
        return sorted({uid for line in answer.untagged for uid in self._search_results(line)})

    def idle(self, seconds: float) -> Flow[bool]:
        """Wait for new letters in the folder by IDLE (RFC 2177), at most that many seconds; return whether any came.

        Letters announced in any answer since the last search count: one that arrives during a search is not in its
        result, and is announced only once.
        """
        if self.exchange.news:
            return True
        tag = yield from self._start_idle()
        if not self.exchange.news:
            yield from self.exchange.linger("mailbox", seconds)
        # Not by `write`, which would check the buffer: untagged responses are expected here.
        yield Send(b"DONE\r\n", "mailbox")
        _ = judge((yield from self.exchange.answer("mailbox", tag)), "mailbox")
        return self.exchange.news

    # Opening.

    def _read_greeting(self) -> Flow[None]:
        if not self._secured:
            yield from opening.check_server_speaks_first(ImapReplyReader(self.exchange), self.server)
        line = yield from self.exchange.line("greeting")
        mark, _, rest = line.partition(b" ")
        status = wire.read_status(rest) if mark == b"*" else None
        if status is None or status.word not in ("OK", "PREAUTH", "BYE"):
            raise errors.RemoteProtocolError(
                f"this is no greeting of an IMAP server: {printable(line[:200].rstrip())}",
                stage="greeting",
                hint_id="WRONG-PROTOCOL",
            )
        refuse_goodbye(rest, "greeting")
        self.greeting = status.text
        self._capabilities_current = status.word == "PREAUTH"
        self._take_capabilities(status)

    def _starttls_is_due(self) -> bool:
        security = self.server.security
        return security is Security.STARTTLS or (security is Security.OPPORTUNISTIC and "STARTTLS" in self.capabilities)

    def _start_tls(self) -> Flow[None]:
        """Start TLS on a connection that began in clear, or raise; never go on in clear (RFC 3501 6.2.1, RFC 8314)."""
        if self._capabilities_current:
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
        self._take_capabilities(answer.status, answer.untagged)
        if not {"IMAP4REV1", "IMAP4REV2"} & set(self.capabilities):
            raise errors.RemoteProtocolError("the server does not say that it speaks IMAP4rev1", stage="hello")

    def _take_capabilities(self, status: wire.Status, untagged: tuple[bytes, ...] = ()) -> None:
        responses = [status.code, *(printable(line) for line in untagged)]
        for words in responses:
            if words.upper().startswith("CAPABILITY "):
                self.capabilities = wire.capabilities(words[11:])

    def _log_in(self) -> Flow[None]:
        if self.credentials is None:
            raise errors.UsageError("a mailbox is somebody's: give a Password or a TokenSource", stage="authenticate")
        self.mechanism, answer = yield from log_in(
            self.exchange, self.capabilities, self.credentials, self.server, self._certificate, self.logins
        )
        self.capabilities = {}
        self._take_capabilities(answer.status, answer.untagged)

    # The steps.

    def _start_idle(self) -> Flow[bytes]:
        """Send IDLE, and return its tag once the server waits for DONE. Raises CommandRefused."""
        tag = self.exchange.new_tag()
        yield from self.exchange.write("mailbox", tag + b" IDLE\r\n")
        answer = yield from self.exchange.read_reply("mailbox", tag)
        if isinstance(answer, Answer):
            _ = judge(answer, "mailbox")
            raise errors.RemoteProtocolError("the server ended IDLE before it began", stage="mailbox")
        return tag

    def _search_results(self, line: bytes) -> list[int]:
        words = line.split()
        match words[:1]:
            case [b"SEARCH"]:
                numbers = words[1:]
                if b"(MODSEQ" in numbers:
                    numbers = numbers[: numbers.index(b"(MODSEQ")]
                if not all(word.isdigit() and len(word) <= 10 for word in numbers):
                    raise errors.RemoteProtocolError(
                        f"this is not a list of letters: {printable(line[:80])}", stage="mailbox"
                    )
                return list(map(int, numbers))
            case [b"ESEARCH"] if b"ALL" in words[:-1]:
                return wire.read_uid_set(words[words.index(b"ALL") + 1], self.exchange.limits.line)
            case _:
                return []

    def _reset(self) -> None:
        """Reset the state: nothing learnt on an older connection holds on the next one."""
        self.exchange.forget()
        self.capabilities, self.greeting, self.mechanism, self._certificate = {}, "", "", b""
        self._secured = self._capabilities_current = False


def judge(answer: Answer, stage: Stage, about: str = "") -> Answer:
    """Return the answer when it is OK. Raises CommandRefused."""
    if answer.status.word != "OK":
        raise errors.CommandRefused(reply_of(answer.status), stage=stage, about=about)
    return answer
