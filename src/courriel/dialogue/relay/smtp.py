"""
SMTP relay: the client logs in here, and every command after that is answered by the provider, in its own words.

A mail passes through in pieces and is never held whole. After its last dot the provider alone knows whether it has the
mail: when its answer does not come, the client's line is closed without a word. A reply of 4xx would make the client
send the mail again, one of 2xx could lose it (decision 0048).
"""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.flow import Flow, HangUp
from courriel.dialogue.relay.base import MECHANISMS, RelayDialogue
from courriel.dialogue.relay.session import Accounts, RelaySession
from courriel.dialogue.relay.smtp_provider import SmtpProvider
from courriel.dialogue.relay.wants import Dial, RelayFlow, Upstream
from courriel.dialogue.server.connection import ReplyBuffer
from courriel.dialogue.server.handler import ServerConfig
from courriel.dialogue.server.login import DENIED, read_claim
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.smtp import server_syntax as wire
from courriel.wire.smtp.client_syntax import CLOSING, printable
from courriel.wire.smtp.server_syntax import CommandLine, Objection
from courriel.wire.text_end import TextEnd

OFFERED = ("8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
"""Extensions that are parameters and texts: they are relayed as they are, where the provider has them. SIZE is another,
and PIPELINING is the relay's own."""

_LOGIN_GONE = (530, 535)  # to MAIL: the token has expired within the session
_DOUBTFUL = Reply(
    554, ("5.6.0 A dot alone on a line that ends with CR or LF alone: servers disagree where such a mail ends",)
)


class SmtpRelay(RelayDialogue):
    """Relay of one SMTP connection; `serve` is a flow that ends with the session."""

    _enhanced = True
    _mistaken = (500, 501, 502, 503, 504, 530, 555)

    def __init__(self, accounts: Accounts, config: ServerConfig, session: RelaySession, slowness: float) -> None:
        super().__init__(accounts, config, session, slowness, wire.write_reply)
        self._provider: SmtpProvider | None = None
        self._begun = False  # a mail has begun: MAIL was accepted
        self._commands = self._table(
            {
                "EHLO": self._hello, "HELO": self._hello, "AUTH": self._auth, "MAIL": self._mail, "RCPT": self._rcpt,
                "DATA": self._data, "RSET": self._reset, "NOOP": self._noop, "QUIT": self._quit, "VRFY": self._other,
                "EXPN": self._other, "HELP": self._other,
            }
        )  # fmt: skip

    # The conversation, in the order it happens.

    def _greet(self) -> Flow[None]:
        self._connection.write(Reply(220, (f"{self._config.name} ESMTP courriel",)))
        yield from self._connection.flush("greeting")

    def _hello(self, argument: str) -> RelayFlow[None]:
        name = wire.read_hello(argument)
        if self._begun:
            # RFC 5321 4.1.4: EHLO forgets a mail that has begun.
            yield from self._asked("sender", b"RSET\r\n")
            self._begun = False
        extended = self._line[:4].upper() == b"EHLO"
        self.session.hello, self.session.extended = name, extended
        self._connection.write(Reply(250, (self._config.name, *(self._offers() if extended else ()))))

    def _auth(self, argument: str) -> RelayFlow[None]:
        known = argument.partition(" ")[0].upper()
        known = known if known in MECHANISMS else "of a kind that is not offered"
        self.session.note("C", f"AUTH {known} (the rest is not shown: a secret)")
        if not self.session.hello:
            raise Objection(503, "5.5.1 Introduce yourself first")
        if self._provider is not None:
            raise Objection(503, "5.5.1 You are logged in already")
        if not argument:
            raise Objection(501, "5.5.4 Log in how?")
        claim = yield from read_claim(self._connection, self._handler, self._config, argument)
        provider = yield from self._admit(claim, SmtpProvider, DENIED)
        if provider is not None:
            self._provider = provider
            self._connection.write(Reply(235, ("2.7.0 Logged in",)))

    def _mail(self, argument: str) -> RelayFlow[None]:
        reply = yield from self._relay("sender", again=not self._begun)
        self._begun = self._begun or reply.kind == 2

    def _rcpt(self, argument: str) -> RelayFlow[None]:
        yield from self._relay("recipient")

    def _data(self, argument: str) -> RelayFlow[None]:
        reply = yield from self._relay("data")
        if reply.kind != 3:
            return
        verdict = yield from self._pass_mail()
        self._begun = False
        assert self._provider is not None
        if self._provider.last.kind == 2:
            # Also when the client is gone meanwhile.
            self.relayed.taken += 1
        self._connection.write(verdict)
        yield from self._connection.flush("message")
        self.relayed.committing = False
        yield from self._judge(self._provider.last, "message")

    def _reset(self, argument: str) -> RelayFlow[None]:
        if self._provider is None:
            self._connection.write(Reply(250, ("2.0.0 Forgotten",)))
            return
        reply = yield from self._relay("sender")
        self._begun = self._begun and reply.kind != 2

    def _noop(self, argument: str) -> RelayFlow[None]:
        if self._provider is None:
            self._connection.write(Reply(250, ("2.0.0 Still here",)))
            return
        yield from self._relay("hello")

    def _other(self, argument: str) -> RelayFlow[None]:
        yield from self._relay("hello")

    def _quit(self, argument: str) -> RelayFlow[None]:
        goodbye = b"221 2.0.0 Goodbye\r\n"
        if self._provider is not None:
            try:
                goodbye = yield Upstream(self._provider.ask("goodbye", b"QUIT\r\n"), "goodbye")
            except errors.CourrielError:
                # Every mail has had its answer.
                self.session.note("*", "the provider did not say goodbye")
        self._connection.write(goodbye)
        raise (yield from self._connection.leave("goodbye"))

    # A mail.

    def _pass_mail(self) -> RelayFlow[bytes]:
        """Pass a mail on, piece by piece, and return the provider's answer to it."""
        provider, buffer, end, size = self._provider, self._connection.buffer, TextEnd(), 0
        assert provider is not None
        while True:
            if not buffer:
                yield from self._connection.more("message")
            piece = bytes(buffer)
            length = end.find(piece)
            piece = piece[:length] if length >= 0 else piece
            size += len(piece)
            if size > self._config.limits.message:
                too_big = Reply(
                    552, (f"5.3.4 The bridge passes {self._config.limits.message} octets of a mail at most",)
                )
                raise (yield from self._give_up(too_big, end))
            if end.is_doubtful(piece):
                raise (yield from self._give_up(_DOUBTFUL, end))
            try:
                # A piece that is not the last one is sent; before the last one it is heard whether all is well.
                early = yield Upstream(provider.content(piece if length < 0 else b""), "data")
            except errors.CourrielError as lost:
                raise (yield from self._give_up(self._loss(lost), end)) from lost
            if early:
                raise (yield from self._give_up(self._early_answer(provider.last, early), end))
            del buffer[: len(piece)]
            if length >= 0:
                self.session.note("C", f"({size:,} octets of the message)")
                self.relayed.up += size
                return (yield from self._finish(provider, piece))
            end.go_past(piece)

    def _finish(self, provider: SmtpProvider, piece: bytes) -> RelayFlow[bytes]:
        """Send the end of a mail. Without an answer the client's line is closed: nobody knows who has the mail."""
        self.relayed.committing = True
        try:
            return (yield Upstream(provider.end(piece), "message"))
        except errors.CourrielError as lost:
            lost.in_doubt = True
            self.relayed.error, self.relayed.committing = lost, False
            self.session.note("*", "no answer came to the message: the client's line is closed without one")
            yield HangUp("message")
            raise ReplyBuffer from lost

    def _give_up(self, answer: Reply | bytes, end: TextEnd) -> RelayFlow[ReplyBuffer]:
        """Answer a mail of which the provider will not get the end, when the client has sent all of it; then leave.

        The connection upstream ends with the session, in the middle of the mail: it is delivered to nobody.
        """
        buffer, left = self._connection.buffer, self._config.limits.message
        while (length := end.find(bytes(buffer))) < 0 and left > 0:
            left -= len(buffer)
            end.go_past(bytes(buffer))
            buffer.clear()
            yield from self._connection.more("message")
        del buffer[: max(length, 0)]
        self._connection.write(answer)
        return (yield from self._connection.leave("message"))

    def _early_answer(self, reply: Reply, octets: bytes) -> Reply | bytes:
        """The answer to a mail for a reply before its end: only a refusal means something (hazard H01)."""
        if reply.kind in (4, 5):
            self._note_refusal(reply, "message")
            return octets
        return self._loss(errors.RemoteProtocolError(f"the server spoke without being asked: {reply}", stage="message"))

    # The steps.

    def _relay(self, stage: Stage, *, again: bool = False) -> RelayFlow[Reply]:
        """Pass the command on, and its answer back. `again`: where the login is gone it is made again, once."""
        if self._provider is None:
            raise Objection(530, "5.7.0 Log in first")
        octets = yield from self._asked(stage, self._line + b"\r\n", again=again)
        self._connection.write(octets)
        yield from self._connection.flush(stage)
        yield from self._judge(self._provider.last, stage)
        return self._provider.last

    def _asked(self, stage: Stage, line: bytes, *, again: bool = False) -> RelayFlow[bytes]:
        provider = self._provider
        assert provider is not None
        octets = b""
        try:
            octets = yield Upstream(provider.ask(stage, line), stage)
        except errors.CourrielError as lost:
            if not again or not isinstance(lost, errors.ConnectionFailed) or isinstance(lost, errors.TimedOut):
                raise (yield from self._lose(lost)) from lost
        if again and (not octets or provider.last.code in _LOGIN_GONE):
            octets = yield from self._asked_on_a_new_session(provider, stage, line)
        return octets

    def _asked_on_a_new_session(self, provider: SmtpProvider, stage: Stage, line: bytes) -> RelayFlow[bytes]:
        """Log in again, and ask again: between two mails nothing is lost by it."""
        account = self.relayed.account
        assert account is not None
        self.session.note("*", "the provider's session is gone: another one is opened")
        yield Dial(account.server)
        try:
            yield Upstream(provider.open(), "connect", opening=True)
            return (yield Upstream(provider.ask(stage, line), stage))
        except errors.CourrielError as lost:
            raise (yield from self._lose(lost)) from lost

    def _lose(self, lost: errors.CourrielError) -> RelayFlow[ReplyBuffer]:
        """Tell the client, before any dot, that the provider is gone, and leave."""
        self._connection.write(self._loss(lost))
        return (yield from self._connection.leave("hello"))

    def _loss(self, lost: errors.CourrielError) -> Reply:
        """The reply when the provider is gone; what it said itself, if it said something."""
        self.relayed.error = lost
        if lost.reply is not None:
            return lost.reply
        return Reply(421, (f"4.4.2 {lost.detail}",))

    def _judge(self, reply: Reply, stage: Stage) -> Flow[None]:
        """Take notice of a refusal; after 421 the session is over."""
        if reply.kind in (4, 5):
            self._note_refusal(reply, stage)
        if reply.code == CLOSING:
            raise (yield from self._connection.leave(stage))

    def _note_refusal(self, reply: Reply, stage: Stage) -> None:
        refusal = errors.MessageRefused(reply, stage=stage)
        if self.relayed.account is not None:
            refusal.server = str(self.relayed.account.server)
            refusal.user = self.relayed.account.user
        self.relayed.refused += 1
        self.relayed.last_refusal = refusal

    def _answer_for(self, failed: errors.CourrielError) -> Reply:
        if failed.reply is not None:
            return failed.reply
        if isinstance(failed, errors.ConnectionFailed):
            return Reply(454, (f"4.7.0 {failed.detail}",))
        return Reply(535, (f"5.7.8 {failed.detail}",))

    def _offers(self) -> tuple[str, ...]:
        capabilities = self._accounts.common() if self._provider is None else dict(self._provider.capabilities)
        offers = ["PIPELINING"]
        if "SIZE" in capabilities:
            offers.append(f"SIZE {capabilities['SIZE']}".rstrip())
        offers += [name for name in OFFERED if name in capabilities]
        if self._provider is None:
            offers.append(" ".join(("AUTH", *MECHANISMS)))
        return (*offers, "HELP")

    def _longest_line(self) -> int:
        limits = self._config.limits
        return max(limits.command, limits.login) if self._provider is None else limits.command

    @property
    def _stage(self) -> Stage:
        return "sender" if self._provider is not None else "hello"

    def _note_command(self, verb: str, line: CommandLine) -> None:
        self._line = line.octets
        if verb != "AUTH":
            self.session.note("C", printable(line.octets))


def smtp_relay(accounts: Accounts, config: ServerConfig, session: RelaySession, slowness: float) -> RelayFlow[None]:
    """The conversation of one SMTP connection."""
    return SmtpRelay(accounts, config, session, slowness).serve()
