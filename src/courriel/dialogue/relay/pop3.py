"""POP3 relay: the client logs in here, and every command after that is answered by the provider, in its own words.

A letter passes through in pieces. When the provider is lost in the middle of one, the client's line is closed before
the dot that would end it. When it is lost at QUIT, the line is closed too: nobody knows whether the marked letters are
gone.
"""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.flow import Flow, HangUp, Send
from courriel.dialogue.relay.base import MECHANISMS, RelayDialogue
from courriel.dialogue.relay.pop3_provider import Pop3Provider
from courriel.dialogue.relay.session import Accounts, RelaySession
from courriel.dialogue.relay.wants import RelayFlow, Upstream
from courriel.dialogue.server.connection import ReplyBuffer
from courriel.dialogue.server.handler import ServerConfig
from courriel.dialogue.server.login import DENIED, read_claim
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.pop3 import server_syntax as wire
from courriel.wire.pop3.client_syntax import MOST_CAPABILITIES
from courriel.wire.sasl.server_mechanisms import Claim
from courriel.wire.smtp.client_syntax import printable
from courriel.wire.smtp.server_syntax import CommandLine, Objection
from courriel.wire.text_end import END, TextEnd

OFFERED = ("TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE", "LOGIN-DELAY")
"""Capabilities that hold through the relay, where the provider has them. The login is the relay's own."""

_BEFORE_LOGIN = ("SASL", "STLS", "USER", "UTF8", "LANG", "PIPELINING")  # of the provider's, not for the client
_SECRETS = ("PASS", "APOP", "AUTH")


class Pop3Relay(RelayDialogue):
    """Relay of one POP3 connection; `serve` is a flow that ends with the session."""

    def __init__(self, accounts: Accounts, config: ServerConfig, session: RelaySession, slowness: float) -> None:
        super().__init__(accounts, config, session, slowness, wire.write_status)
        self._provider: Pop3Provider | None = None
        self._user = ""  # of the USER command
        self._commands = self._table(
            {
                "CAPA": self._capa, "AUTH": self._auth, "USER": self._user_name, "PASS": self._pass,
                "STAT": self._short, "LIST": self._listing, "UIDL": self._listing, "RETR": self._letter,
                "TOP": self._letter, "DELE": self._short, "RSET": self._short, "NOOP": self._short, "QUIT": self._quit,
            }
        )  # fmt: skip

    # Before the login.

    def _greet(self) -> Flow[None]:
        self._connection.write(Reply(200, (f"{self._config.name} POP3 courriel",)))
        yield from self._connection.flush("greeting")

    def _capa(self, argument: str) -> RelayFlow[None]:
        if self._provider is not None:
            yield from self._capa_of_provider()
            return
        known = self._accounts.common()
        offers = [f"{name} {known[name]}".rstrip() for name in OFFERED if name in known]
        self._connection.write(Reply(200, ("This is what can be asked for",)))
        own = ("PIPELINING", "USER", " ".join(("SASL", *MECHANISMS)), "IMPLEMENTATION courriel")
        self._connection.write(wire.write_list((*offers, *own)))

    def _auth(self, argument: str) -> RelayFlow[None]:
        self._expect_before_login()
        if not argument:
            self._connection.write(Reply(200, ("These ways",)))
            self._connection.write(wire.write_list(MECHANISMS))
            return
        yield from self._log_in((yield from read_claim(self._connection, self._handler, self._config, argument)))

    def _user_name(self, argument: str) -> RelayFlow[None]:
        self._expect_before_login()
        if not argument:
            raise Objection(501, "Who?")
        self._user = argument
        self._connection.write(Reply(200, ("And the password",)))
        yield from ()

    def _pass(self, argument: str) -> RelayFlow[None]:
        self._expect_before_login()
        user, self._user = self._user, ""
        if not user:
            raise Objection(503, "Say USER first")
        password = self._line[5:].decode()  # with all its spaces
        yield from self._log_in(Claim(user, self._handler.check(user, password)))

    def _log_in(self, claim: Claim) -> RelayFlow[None]:
        provider = yield from self._admit(claim, Pop3Provider, DENIED)
        if provider is not None:
            self._provider = provider
            self._connection.write(Reply(200, ("Logged in",)))

    # After the login.

    def _short(self, argument: str) -> RelayFlow[None]:
        yield from self._relay("mailbox")

    def _listing(self, argument: str) -> RelayFlow[None]:
        yield from self._relay("mailbox", with_text=not argument)

    def _letter(self, argument: str) -> RelayFlow[None]:
        yield from self._relay("letter", with_text=True)
        self.relayed.letters += 1

    def _quit(self, argument: str) -> RelayFlow[None]:
        if self._provider is None:
            self._connection.write(Reply(200, ("Goodbye",)))
        else:
            yield from self._relay("goodbye")
        raise (yield from self._connection.leave("goodbye"))

    def _capa_of_provider(self) -> RelayFlow[None]:
        """The provider's list without what belongs before the login, which was ours."""
        assert self._provider is not None
        try:
            status = yield Upstream(self._provider.ask("mailbox", b"CAPA\r\n"), "mailbox")
            self._connection.write(status)
            if not status.startswith(b"+OK"):
                return
            text, piece, end = b"", b"", TextEnd()
            while end.find(piece) < 0:
                end.go_past(piece)
                piece = yield Upstream(self._provider.piece("mailbox", end), "mailbox")
                text += piece
                if len(text) > MOST_CAPABILITIES:
                    raise errors.RemoteProtocolError("the list of capabilities has no end", stage="mailbox")
        except errors.CourrielError as lost:
            raise (yield from self._lose(lost)) from lost
        lines = (b"\r\n" + text).removesuffix(END).split(b"\r\n")[1:]
        kept = [line for line in lines if line.split(b" ")[0].upper().decode("latin-1") not in _BEFORE_LOGIN]
        self._connection.write(b"".join(line + b"\r\n" for line in [*kept, b"PIPELINING", b"."]))

    # The steps.

    def _relay(self, stage: Stage, *, with_text: bool = False) -> RelayFlow[None]:
        """Pass the command on, and its answer back, with the text behind it."""
        provider = self._provider
        if provider is None:
            raise Objection(503, "Log in first")
        yield from self._connection.flush(stage)
        try:
            status = yield Upstream(provider.ask(stage, self._line + b"\r\n"), stage)
            self._connection.write(status)
            yield from self._connection.flush(stage)
            if status.startswith(b"+OK"):
                if with_text:
                    yield from self._pass_text(provider, stage)
                return
        except errors.CourrielError as lost:
            raise (yield from self._lose(lost)) from lost
        self.relayed.refused += 1
        self.relayed.last_refusal = self._refusal(status, stage)

    def _pass_text(self, provider: Pop3Provider, stage: Stage) -> RelayFlow[None]:
        piece, end, size = b"", TextEnd(), 0
        while end.find(piece) < 0:
            end.go_past(piece)
            piece = yield Upstream(provider.piece(stage, end), stage)
            size += len(piece)
            yield Send(piece, stage)
        self.relayed.down += size
        self.session.note("S", f"({size:,} octets)")

    def _lose(self, lost: errors.CourrielError) -> RelayFlow[ReplyBuffer]:
        """Close the client's line without a word: what the provider would have said is not known."""
        self.relayed.error = lost
        self.session.note("*", "the provider is gone: the client's line is closed")
        yield HangUp("mailbox")
        return ReplyBuffer()

    def _refusal(self, status: bytes, stage: Stage) -> errors.CourrielError:
        refusal = errors.CommandRefused(Reply(500, (printable(status[4:].strip()),), "-ERR"), stage=stage)
        if self.relayed.account is not None:
            refusal.server, refusal.user = str(self.relayed.account.server), self.relayed.account.user
        return refusal

    def _answer_for(self, failed: errors.CourrielError) -> Reply:
        if failed.reply is not None and failed.reply.word:
            # The provider's text, with its response code; `word` makes it no other reply than it was.
            return Reply(500, failed.reply.lines)
        if isinstance(failed, errors.ConnectionFailed):
            return Reply(451, (failed.detail,))
        return Reply(535, (failed.detail,))

    def _expect_before_login(self) -> None:
        if self._provider is not None:
            raise Objection(503, "You are logged in already")

    def _longest_line(self) -> int:
        limits = self._config.limits
        return max(limits.command, limits.login) if self._provider is None else limits.command

    @property
    def _stage(self) -> Stage:
        return "mailbox" if self._provider is not None else "hello"

    def _note_command(self, verb: str, line: CommandLine) -> None:
        self._line = line.octets
        secret = verb in _SECRETS
        self.session.note("C", f"{verb} (the rest is not shown: a secret)" if secret else printable(line.octets))


def pop3_relay(accounts: Accounts, config: ServerConfig, session: RelaySession, slowness: float) -> RelayFlow[None]:
    """The conversation of one POP3 connection."""
    return Pop3Relay(accounts, config, session, slowness).serve()
