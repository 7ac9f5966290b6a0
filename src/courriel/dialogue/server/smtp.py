"""SMTP server conversation, in the order of a session (RFC 5321; LMTP: RFC 2033)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.connection import ServerConnection
from courriel.dialogue.server.dialogue import ServerDialogue
from courriel.dialogue.server.handler import ServerConfig, ServerHandler, ServerSession
from courriel.dialogue.server.login import log_in
from courriel.dialogue.server.receive_message import Reception
from courriel.errors import Stage
from courriel.model.servers.server import Dialect
from courriel.reply import Reply
from courriel.wire.smtp import server_syntax as wire
from courriel.wire.smtp.client_syntax import printable
from courriel.wire.smtp.server_syntax import CommandLine, Objection


class SmtpServerDialogue(ServerDialogue):
    """Server side of one SMTP (or LMTP) connection; `serve` is a flow that ends with the session."""

    _enhanced = True
    _mistaken = (500, 501, 502, 503, 504, 555)  # replies to invalid commands, not to a login that was refused

    def __init__(self, handler: ServerHandler, config: ServerConfig, session: ServerSession | None = None) -> None:
        super().__init__(handler, config, ServerConnection(session or ServerSession()))
        self._reception = Reception(handler, config, self._connection)
        # RFC 2033 4.1: LMTP begins with LHLO, so that neither protocol is taken for the other.
        strange = ("EHLO", "HELO") if config.dialect is Dialect.LMTP else ("LHLO",)
        self._commands = {verb: partial(does, self) for verb, does in self._WORDS.items() if verb not in strange}

    # The conversation, in the order it happens.

    def _greet(self) -> Flow[None]:
        decide, answer = self._connection.decide, self._connection.answer
        yield from answer(decide(lambda: self._handler.connect(self.session)), "connect", None)
        kind = "LMTP" if self._config.dialect is Dialect.LMTP else "ESMTP"
        usual = Reply(220, (f"{self._config.name} {kind} courriel",))
        if not (yield from answer(decide(lambda: self._handler.greeting(self.session)), "greeting", usual)):
            # RFC 5321 3.1: after a greeting of 554 the client may only send QUIT.
            self._mistakes = self._config.limits.mistakes

    def _hello(self, argument: str) -> Flow[None]:
        yield from self._handle_hello(argument, extended=True)

    def _plain_hello(self, argument: str) -> Flow[None]:
        yield from self._handle_hello(argument, extended=False)

    def _handle_hello(self, argument: str, *, extended: bool) -> Flow[None]:
        name = wire.read_hello(argument)
        if name.lower() in ("localhost", "localhost.localdomain"):
            self.session.add_finding(
                "hello-localhost", f"EHLO {name}: a server far away wants your full name (RFC 5321 4.1.1.1)"
            )
        words = (f"{self._config.name} at your service",)
        usual = Reply(250, (*words, *self._offers()) if extended else words)
        answer = self._connection.decide(lambda: self._handler.hello(self.session, name))
        if (yield from self._connection.answer(answer, "hello", usual)):
            self._reception.forget()
            self.session.hello, self.session.extended = name, extended
            self._reception.offered = {line.split()[0] for line in self._offers()} if extended else set()

    def _start_tls(self, argument: str) -> Flow[None]:
        if argument:
            raise Objection(501, "5.5.4 STARTTLS stands alone")
        if (yield from self._secure_line("STARTTLS", Reply(220, ("2.0.0 Go ahead",)))):
            # RFC 3207 4.2: all state from before is dropped.
            self.session.hello, self.session.extended = "", False
            self.session.user = self.session.mechanism = ""
            self._reception.forget()
            self._reception.offered = set()

    def _auth(self, argument: str) -> Flow[None]:
        # From here on the transcript gets nothing of the client but the name of the mechanism.
        mechanism = argument.partition(" ")[0].upper()
        known = mechanism if mechanism in self._config.mechanisms else "of a kind that is not offered"
        self.session.note("C", f"AUTH {known} (the rest is not shown: a secret)")
        self._expect_hello()
        if not self._config.mechanisms:
            raise Objection(503, "5.5.1 Nobody logs in here")
        if not self._may_log_in():
            raise Objection(538, "5.7.11 Say STARTTLS first")
        if not argument:
            raise Objection(501, "5.5.4 Log in how?")
        if self.session.user:
            raise Objection(503, "5.5.1 You are logged in already")
        if self._reception.begun:
            raise Objection(503, "5.5.1 Not within a message")
        yield from log_in(self._connection, self._handler, self._config, argument)
        if self.session.user:
            self.session.mechanism = known

    def _mail(self, argument: str) -> Flow[None]:
        self._expect_hello()
        if self._config.login_required and not self.session.user:
            raise Objection(530, "5.7.0 Log in first")
        yield from self._reception.mail(argument)

    def _rcpt(self, argument: str) -> Flow[None]:
        yield from self._reception.rcpt(argument)

    def _data(self, argument: str) -> Flow[None]:
        yield from self._reception.data(argument)

    def _bdat(self, argument: str) -> Flow[None]:
        yield from self._reception.bdat(argument)

    def _quit(self, argument: str) -> Flow[None]:
        answer = self._connection.decide(lambda: self._handler.goodbye(self.session))
        if (yield from self._connection.answer(answer, "goodbye", Reply(221, ("2.0.0 Goodbye",)))):
            raise (yield from self._connection.leave("goodbye"))

    def _send_objection(self, objection: Objection) -> Flow[None]:
        if objection.reply.code == 503 and self._reception.sender_refused:
            # RFC 2920 3.1: a client sends RCPT and content before it hears of a refused MAIL. That is no mistake.
            self._connection.write(objection.reply)
            return
        yield from super()._send_objection(objection)

    # Commands with a short answer.

    def _reset(self, argument: str) -> Flow[None]:
        self._reception.forget()
        yield from self._reply_with("2.0.0 Forgotten")

    def _noop(self, argument: str) -> Flow[None]:
        yield from self._reply_with("2.0.0 Still here")

    def _vrfy(self, argument: str) -> Flow[None]:
        if not argument:
            raise Objection(501, "5.5.4 Verify whom?")
        yield from self._reply_with("2.5.2 We do not say who is here; send, and you will see", 252)

    def _expn(self, argument: str) -> Flow[None]:
        raise Objection(502, "5.5.1 Lists are not shown")

    def _help(self, argument: str) -> Flow[None]:
        yield from self._reply_with("2.0.0 " + " ".join(self._commands), 214)

    _WORDS: ClassVar[dict[str, Callable[[SmtpServerDialogue, str], Flow[None]]]] = {
        "EHLO": _hello, "LHLO": _hello, "HELO": _plain_hello, "STARTTLS": _start_tls, "AUTH": _auth,
        "MAIL": _mail, "RCPT": _rcpt, "DATA": _data, "BDAT": _bdat, "RSET": _reset,
        "NOOP": _noop, "VRFY": _vrfy, "EXPN": _expn, "HELP": _help, "QUIT": _quit,
    }  # fmt: skip

    # The steps.

    def _expect_hello(self) -> None:
        if not self.session.hello:
            raise Objection(503, "5.5.1 Introduce yourself first")

    def _longest_line(self) -> int:
        limits = self._config.limits
        return max(limits.command, limits.login) if self._may_log_in() else limits.command

    def _offers(self) -> tuple[str, ...]:
        """Extensions in the reply to EHLO that are available on this connection now."""
        offers = [
            "PIPELINING",
            f"SIZE {self._config.limits.message}",
            "8BITMIME",
            "SMTPUTF8",
            "DSN",
            "CHUNKING",
            "BINARYMIME",
        ]
        if self._config.starttls and not self.session.secured:
            offers.append("STARTTLS")
        if self._may_log_in():
            offers.append(" ".join(("AUTH", *self._config.mechanisms)))
        if self.session.secured:
            # RFC 8689 4: offered only on a connection that is encrypted itself.
            offers.append("REQUIRETLS")
        return (*offers, "ENHANCEDSTATUSCODES", "HELP")

    @property
    def _stage(self) -> Stage:
        if not self.session.hello:
            return "hello"
        return "recipient" if self._reception.begun else "sender"

    def _reply_with(self, text: str, code: int = 250) -> Flow[None]:
        yield from self._connection.answer(None, "hello", Reply(code, (text,)))

    def _note_command(self, verb: str, line: CommandLine) -> None:
        if verb != "AUTH":
            self.session.note("C", printable(line.octets))
