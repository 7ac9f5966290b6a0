"""How a mailbox is opened, searched and watched by IMAP, in the order it happens (RFC 3501, RFC 9051).

What is done with letters and folders is said by a borrowed library over the same line (docs/decisions/0016): it takes
over after the login, and never sees a secret.
"""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.flow import Connect, Flow, Probe, Secure, Send
from courriel.dialogue.imap_exchange import Answer, ImapExchange, answers_nothing, refuse_goodbye
from courriel.errors import Stage
from courriel.model.credentials import Credentials, Password
from courriel.model.limits import Limits
from courriel.model.server import Security, Server
from courriel.reply import Reply
from courriel.wire import imap as wire
from courriel.wire.smtp import printable

_PATIENCE = 10  # seconds of silence after which a port that should greet us is tried with TLS
# RFC 5530: what may go away by itself. RFC 3501 knows no numbers, and a NO alone is final.
_PASSING = ("UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT", "CORRUPTION")


class ImapDialogue:
    """
    The client's side of one IMAP connection, as far as it is our own.

    Each public method is a flow: run it with a driver. `open` comes first; what was learnt on the way stands in the
    attributes.
    """

    def __init__(self, server: Server, credentials: Credentials | None, limits: Limits) -> None:
        self.server = server
        self.credentials = credentials
        self.exchange = ImapExchange(limits)
        self.capabilities: dict[str, str] = {}
        self.greeting = ""
        self.mechanism = ""  # how we logged in
        self._secured = False
        self._known_already = False  # who we are: the server said so in its greeting (PREAUTH)
        self._certificate = b""

    # The conversation, in the order it happens.

    def open(self) -> Flow[None]:
        """Reach the server, hear its greeting, secure the line, log in, learn what the server can do."""
        self._keep_secrets_off_a_clear_line()
        self._forget()
        yield Connect()
        if self.server.security is Security.TLS:
            yield from self._secure()
        yield from self._hear_greeting()
        if self._starttls_is_due():
            yield from self._start_tls()
        yield from self._learn()
        if not self._known_already:
            yield from self._log_in()
            yield from self._learn()
        self.exchange.learn(self.capabilities)

    def search(self, words: list[bytes], charset: str = "") -> Flow[list[int]]:
        """The numbers (UIDs) of the letters that fit, lowest first (RFC 3501 6.4.4; as ranges where ESEARCH is known).

        Raises CommandRefused, NotSupported when the server knows no such charset.
        """
        shape = (b"RETURN", b"(ALL)") if "ESEARCH" in self.capabilities else ()
        language = (b"CHARSET", charset.encode("ascii")) if charset else ()
        answer = yield from self.exchange.ask("mailbox", b"UID", b"SEARCH", *shape, *language, *words)
        if answer.status.word == "NO" and answer.status.code.upper().startswith("BADCHARSET"):
            raise errors.NotSupported(
                f"the server cannot search for texts in {charset}: {answer.status.said}",
                capability="CHARSET",
                stage="mailbox",
            )
        judge(answer, "mailbox")
        return sorted({uid for line in answer.untagged for uid in self._found(line)})

    def idle(self, seconds: float) -> Flow[bool]:
        """Have the server tell what happens to the folder (RFC 2177), for so many seconds at most; whether it did.

        News that came before, and were not read yet, count.
        """
        heard = yield from self._begin_to_idle()
        if isinstance(heard, Answer):
            judge(heard, "mailbox")
            raise errors.RemoteProtocolError("the server ended IDLE before it began", stage="mailbox")
        tag, news = heard
        if not news:
            yield from self.exchange.linger("mailbox", seconds)
        # Not by `say`: what the server tells meanwhile is what we came for.
        yield Send(b"DONE\r\n", "mailbox")
        answer = yield from self.exchange.answer("mailbox", tag)
        judge(answer, "mailbox")
        return news or any(_is_news(line) for line in answer.untagged)

    # Opening.

    def _hear_greeting(self) -> Flow[None]:
        if not self._secured:
            yield from self._make_sure_that_it_speaks_first()
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
        self._known_already = status.word == "PREAUTH"
        self._take_capabilities(status)

    def _make_sure_that_it_speaks_first(self) -> Flow[None]:
        """A port that waits for TLS and a client that waits for a greeting would wait for each other (scar 21)."""
        limit = self.server.timeouts.of("greeting")
        patience = min(_PATIENCE, limit)
        if (yield from self.exchange.linger("greeting", patience)):
            return
        silent = f"{self.server} said nothing for {patience:g} s"
        if (yield Probe(tls=True, stage="greeting")):
            silent += ", and answers a handshake of TLS: it waits for one"
            raise errors.TimedOut(silent, stage="greeting", hint_id="PLAIN-ON-TLS-PORT")
        if patience == limit:
            raise errors.TimedOut(silent, stage="greeting")

    def _starttls_is_due(self) -> bool:
        security = self.server.security
        return security is Security.STARTTLS or (security is Security.OPPORTUNISTIC and "STARTTLS" in self.capabilities)

    def _start_tls(self) -> Flow[None]:
        """Secure a line that began in clear, or give up; never go on in clear (RFC 3501 6.2.1, RFC 8314)."""
        if self._known_already:
            # STARTTLS is forbidden then, which is how somebody in the middle would keep the line in clear.
            raise errors.RemoteProtocolError(
                "the server says that it knows us already (PREAUTH), on a line in clear that was to be made secure",
                stage="secure",
                hint_id="INJECTED-BEFORE-TLS",
            )
        yield from self._learn()
        if "STARTTLS" not in self.capabilities:
            raise errors.NotSupported(
                "the server does not offer STARTTLS",
                capability="STARTTLS",
                stage="secure",
                hint_id="STARTTLS-NOT-OFFERED",
            )
        judge((yield from self.exchange.ask("secure", b"STARTTLS")), "secure")
        yield from self.exchange.expect_nothing("secure")
        yield from self._secure()

    def _secure(self) -> Flow[None]:
        try:
            self._certificate = yield Secure()
        except errors.TlsFailed as failed:
            if failed.hint_id == "TLS-PORT-MIXUP":
                # What it says in clear proves the diagnosis.
                greeting = printable((yield Probe(tls=False, stage="secure")))
                failed.args = (f"{failed}; in clear it says: {greeting}" if greeting else str(failed),)
            raise
        self._secured = True
        self.capabilities = {}  # whatever was said in clear is forgotten (B4)

    def _learn(self) -> Flow[None]:
        """What the server can do, asked for unless it has just said so."""
        if self.capabilities:
            return
        answer = judge((yield from self.exchange.ask("hello", b"CAPABILITY")), "hello")
        self._take_capabilities(answer.status, answer.untagged)
        if not {"IMAP4REV1", "IMAP4REV2"} & set(self.capabilities):
            raise errors.RemoteProtocolError("the server does not say that it speaks IMAP4rev1", stage="hello")

    def _take_capabilities(self, status: wire.Status, untagged: tuple[bytes, ...] = ()) -> None:
        said = [status.code, *(printable(line) for line in untagged)]
        for words in said:
            if words.upper().startswith("CAPABILITY "):
                self.capabilities = wire.capabilities(words[11:])

    # The login.

    def _log_in(self) -> Flow[None]:
        if self.credentials is None:
            raise errors.UsageError(
                "a mailbox opens for somebody: give a Password or a TokenSource", stage="authenticate"
            )
        offered = tuple(self.capabilities.get("AUTH", "").split())
        talk = _SaslTalk(self.exchange, at_once="SASL-IR" in self.capabilities)
        if isinstance(self.credentials, Password) and self._has_only_the_login_command(offered):
            answer = yield from self._say_login(self.credentials)
        else:
            from courriel.dialogue.authenticate import authenticate  # noqa: PLC0415 - the login command needs less

            tried = yield from authenticate(talk, self.credentials, offered, self.server, self._certificate)
            self.mechanism, answer = tried[-1], talk.answer
        self.capabilities = {}
        self._take_capabilities(answer.status, answer.untagged)

    def _has_only_the_login_command(self, offered: tuple[str, ...]) -> bool:
        wished = [name.upper() for name in self.server.auth]
        allowed = "LOGINDISABLED" not in self.capabilities and (not wished or "LOGIN" in wished)
        return allowed and not any(name in _PASSWORDS and (not wished or name in wished) for name in offered)

    def _say_login(self, password: Password) -> Flow[Answer]:
        """LOGIN, for servers that know no mechanism: any characters, counted where they are not plain (scar 29)."""
        self.mechanism = "LOGIN"
        user, secret = (
            wire.text(what, said) for what, said in (("user", password.user), ("password", password.secret))
        )
        answer = yield from self.exchange.ask("authenticate", b"LOGIN", user, secret, secret=True)
        if answer.status.word != "OK":
            refusal = errors.AuthenticationRefused(reply_of(answer.status), stage="authenticate")
            refusal.tried, refusal.user = ("LOGIN",), password.user
            raise refusal
        return answer

    # The steps.

    def _begin_to_idle(self) -> Flow[tuple[bytes, bool] | Answer]:
        """IDLE, and what was said before the server began to listen: RFC 2177 lets news come first."""
        tag = yield from self.exchange.command("mailbox", (b"IDLE",))
        assert not isinstance(tag, Answer), "IDLE counts nothing out"
        news = False
        while True:
            line = yield from self.exchange.response("mailbox")
            mark, _, rest = line.partition(b" ")
            if mark.rstrip() == b"+":
                return tag, news
            if mark == b"*":
                refuse_goodbye(rest, "mailbox")
                news = news or _is_news(rest)
                continue
            status = wire.read_status(rest) if mark == tag else None
            if status is None:
                raise answers_nothing(line, "mailbox")
            return Answer(status)

    def _found(self, line: bytes) -> list[int]:
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
        return []

    def _keep_secrets_off_a_clear_line(self) -> None:
        """No credentials where strangers can read them, unless that was asked for by name (scar 27)."""
        in_clear = self.server.security in (Security.NONE, Security.OPPORTUNISTIC)
        if self.credentials and in_clear and not (self.server.local or self.server.allow_clear_credentials):
            raise errors.InvalidServer(
                f"the credentials would cross the line to {self.server} in clear",
                stage="compose",
                hint_id="CLEAR-CREDENTIALS",
            )

    def _forget(self) -> None:
        """Begin anew: nothing that an older line taught us holds on the next one."""
        self.exchange.forget()
        self.capabilities, self.greeting, self.mechanism, self._certificate = {}, "", "", b""
        self._secured = self._known_already = False


_PASSWORDS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN")


class _SaslTalk:
    """The steps of a login as IMAP puts them on the line (RFC 3501 6.2.2, RFC 4959), for `dialogue.authenticate`."""

    def __init__(self, exchange: ImapExchange, *, at_once: bool) -> None:
        self._exchange = exchange
        self._at_once = at_once  # what is said first may follow the command (SASL-IR)
        self._tag = b""
        self.answer = Answer(wire.Status("", "", ""))

    def ask(self, stage: Stage, line: bytes, *, secret: bool = False) -> Flow[Reply]:
        """One step: "AUTH mechanism [first words]", or an answer in base64."""
        if not line.startswith(b"AUTH "):
            yield from self._exchange.say(stage, line, secret=secret)
            return (yield from self._hear(stage))
        self._tag = self._exchange.new_tag()
        _, name, *first = line.split()
        command = (self._tag, b"AUTHENTICATE", name, *(first if self._at_once else ()))
        yield from self._exchange.say(stage, b" ".join(command) + b"\r\n", secret=secret)
        reply = yield from self._hear(stage)
        if first and not self._at_once and reply.kind == 3:
            yield from self._exchange.say(stage, first[0].removeprefix(b"=") + b"\r\n", secret=secret)
            reply = yield from self._hear(stage)
        return reply

    def _hear(self, stage: Stage) -> Flow[Reply]:
        heard = yield from self._exchange.hear(stage, self._tag)
        if not isinstance(heard, Answer):
            return Reply(300, (printable(heard),), "+")
        self.answer = heard
        return reply_of(heard.status)


def judge(answer: Answer, stage: Stage, about: str = "") -> Answer:
    """The same answer when it is OK. Raises CommandRefused."""
    if answer.status.word != "OK":
        raise errors.CommandRefused(reply_of(answer.status), stage=stage, about=about)
    return answer


def reply_of(status: wire.Status) -> Reply:
    """A status as every error holds it: the word is the server's, the number only says what kind of answer it is."""
    if status.word in ("OK", "PREAUTH"):
        kind = 200
    elif status.word == "BAD":
        kind = 504  # it does not know the command, or not like that: at the login another mechanism may follow
    else:
        kind = 400 if status.code.upper() in _PASSING else 500
    text = f"[{status.code}] {status.text}" if status.code else status.text
    return Reply(kind, (text,), status.word)


def _is_news(line: bytes) -> bool:
    """Whether an untagged line tells of letters: "* OK Still here" only keeps the line warm."""
    words = line.split()
    return len(words) > 1 and words[1].upper() in (b"EXISTS", b"RECENT", b"EXPUNGE", b"FETCH")
