"""IMAP server conversation: greeting, TLS, login, and the commands of each state (RFC 3501, RFC 9051)."""

from __future__ import annotations

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.connection import ReplyBuffer
from courriel.dialogue.server.dialogue import ServerDialogue
from courriel.dialogue.server.handler import ANSWERS, Answer, Quirk, ServerConfig, ServerHandler, ServerSession
from courriel.dialogue.server.imap.append import AppendCommand
from courriel.dialogue.server.imap.connection import Http, ImapCommand, ImapServerConnection
from courriel.dialogue.server.imap.fetching import Answered, FetchCommands
from courriel.dialogue.server.imap.folder_commands import FolderCommands
from courriel.dialogue.server.imap.letter_commands import LetterCommands
from courriel.dialogue.server.imap.search_commands import SearchCommands
from courriel.dialogue.server.imap.state import Commands, ImapState
from courriel.dialogue.server.login import conclude, log_in
from courriel.dialogue.server.mail_store import MailAccount
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.imap_server.arguments import Arguments
from courriel.wire.imap_server.quirks import QUIRKS
from courriel.wire.sasl.server_mechanisms import Claim
from courriel.wire.smtp.server_syntax import CommandLine, Objection

_BEFORE_LOGIN = 50  # commands, before the session ends
_SECRETS = ("LOGIN", "AUTHENTICATE")  # their arguments are never in the transcript
_ALWAYS = (
    "IMAP4rev1", "IMAP4rev2", "LITERAL+", "SASL-IR", "ID", "ENABLE",
)  # fmt: skip
_AFTER_LOGIN = (
    "IDLE", "NAMESPACE", "UIDPLUS", "MOVE", "UNSELECT", "CHILDREN", "SPECIAL-USE", "CREATE-SPECIAL-USE",
    "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "ESEARCH", "SEARCHRES", "WITHIN", "SORT", "SORT=DISPLAY",
    "CONDSTORE", "QRESYNC", "BINARY", "MULTIAPPEND", "UTF8=ACCEPT",
)  # fmt: skip
_ENABLED = ("CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "IMAP4REV2")


class ImapServerDialogue(ServerDialogue):
    """Server side of one IMAP connection; `serve` is a flow that ends with the session."""

    _mistaken = (500, 501, 503)
    _connection: ImapServerConnection

    def __init__(self, handler: ServerHandler, config: ServerConfig, session: ServerSession | None = None) -> None:
        connection = ImapServerConnection(session or ServerSession(), config.limits)
        super().__init__(handler, config, connection)
        connection.code_of_login = lambda: f"CAPABILITY {self._offers(logged_in=True)}"
        self._state = ImapState(connection, handler, config)
        self._before_login = 0
        self._anywhere: Commands = {
            "CAPABILITY": self._capability, "NOOP": self._noop, "LOGOUT": self._logout, "ID": self._id,
            "STARTTLS": self._start_tls, "AUTHENTICATE": self._authenticate, "LOGIN": self._login,
        }  # fmt: skip
        self._in_mailbox: Commands = {
            "ENABLE": self._enable, "IDLE": self._idle, "CHECK": self._noop,
            **FolderCommands(self._state).commands, **AppendCommand(self._state).commands,
            **FetchCommands(self._state).commands, **LetterCommands(self._state).commands,
            **SearchCommands(self._state).commands,
        }  # fmt: skip

    def serve(self) -> Flow[None]:
        """As every server; nothing is watched any more at the end, however it comes."""
        try:
            yield from super().serve()
        finally:
            self._state.select(None)

    # The conversation, in the order it happens.

    def _greet(self) -> Flow[None]:
        decide, answer = self._connection.decide, self._connection.answer
        _ = yield from answer(decide(lambda: self._handler.connect(self.session)), "connect", None)
        said = decide(lambda: self._handler.greeting(self.session))
        if said is None:
            self._connection.write(
                f"* OK [CAPABILITY {self._offers()}] {self._config.name} IMAP courriel\r\n".encode("ascii")
            )
        elif not (yield from answer(said, "greeting", None)):
            raise (yield from self._connection.leave("greeting"))

    def _handle_one_command(self) -> Flow[None]:
        """Read one command and handle it; while complete commands are in the buffer, nothing is sent or awaited."""
        try:
            command = yield from self._connection.command(self._longest_line(), self._stage, self._longest_literal)
        except Http:
            yield from self._refuse_http()
            return
        except Objection as objection:
            yield from self._send_objection(objection)
            return
        try:
            yield from self._handle(command)
        except Answered:
            return
        except Objection as objection:
            self._state.tell_news(expunge=False)
            yield from self._send_objection(objection)

    def _handle(self, command: ImapCommand) -> Flow[None]:
        verb = command.verb
        shown = f"{command.tag} {verb} (the rest is not shown: a secret)" if verb in _SECRETS else command.shown
        if (does := self._anywhere.get(verb)) is not None:
            self.session.note("C", shown)
        elif (does := self._in_mailbox.get(verb)) is not None:
            self.session.note("C", shown)
            _ = self._state.expect_account()
        else:
            # An invalid command may be a misplaced password: it is not shown.
            self.session.note("C", f"{command.tag} (something that is no command)")
            raise Objection(500, "This command is not known here")
        if self._state.account is None:
            self._before_login += 1
            if self._before_login > _BEFORE_LOGIN:
                yield from self._refuse_connection("4.7.0", "Log in, or go")
                raise ReplyBuffer
        elif verb not in ("CAPABILITY", "AUTHENTICATE", "LOGIN") and not (yield from self._permits(command)):
            return
        yield from does(command)

    # Commands of any state.

    def _capability(self, command: ImapCommand) -> Flow[None]:
        self._arguments(command).end()
        answer = self._connection.decide(lambda: self._handler.hello(self.session, "CAPABILITY"))
        if answer is not None and not (yield from self._connection.answer(answer, "hello", None)):
            return
        self._connection.untagged(f"CAPABILITY {self._offers()}".encode("ascii"))
        if answer is None:
            self._state.finish("That is all")

    def _noop(self, command: ImapCommand) -> Flow[None]:
        self._arguments(command).end()
        self._state.finish("Still here")
        yield from ()

    def _id(self, command: ImapCommand) -> Flow[None]:
        _ = command.arguments(utf8=False)
        self._state.identified = True
        self._connection.untagged(b'ID ("name" "courriel sandbox")')
        self._state.finish("Pleased")
        yield from ()

    def _logout(self, command: ImapCommand) -> Flow[None]:
        answer = self._connection.decide(lambda: self._handler.goodbye(self.session))
        if answer is None:
            self._connection.untagged(b"BYE Goodbye")
            self._connection.ok("Closed")
            raise (yield from self._connection.leave("goodbye"))
        if (yield from self._connection.answer(answer, "goodbye", None)):
            raise (yield from self._connection.leave("goodbye"))

    # The login.

    def _start_tls(self, command: ImapCommand) -> Flow[None]:
        self._arguments(command).end()
        if self._state.account is not None:
            raise Objection(503, "You are logged in already")
        _ = yield from self._secure_line("STARTTLS", Reply(250, ("Go ahead",)))

    def _authenticate(self, command: ImapCommand) -> Flow[None]:
        self._expect_login_possible()
        argument = command.pieces[0].decode("ascii", "replace") if len(command.pieces) == 1 else ""
        if not argument.strip():
            raise Objection(501, "Log in how?")
        yield from log_in(self._connection, self._handler, self._config, argument, self._admit)

    def _login(self, command: ImapCommand) -> Flow[None]:
        self._expect_login_possible()
        arguments = command.arguments(utf8=True)
        user, secret = arguments.text("A user name"), arguments.text("A password")
        arguments.end()
        answer = self._connection.decide(lambda: self._handler.authenticate(self.session, "LOGIN"))
        claim = Claim(user, self._handler.check(user, secret))
        yield from conclude(self._connection, self._config, claim, answer, self._admit)

    def _admit(self, user: str) -> Answer | None:
        """Open the account of a user who has logged in."""
        account: MailAccount | None = None

        def opinion() -> Answer | None:
            nonlocal account
            found = self._handler.open_account(self.session, user)
            if found is None:
                return Reply(550, ("[UNAVAILABLE] There is no mailbox for you here",))
            if isinstance(found, ANSWERS):
                return found
            account = found
            return None

        answer = self._connection.decide(opinion)
        self._state.account = account
        return answer

    # Behind the login.

    def _enable(self, command: ImapCommand) -> Flow[None]:
        arguments = self._arguments(command)
        words = []
        while arguments.left:
            words.append(arguments.word("An extension"))
        known = [word for word in dict.fromkeys(words) if word in _ENABLED and word not in self._state.enabled]
        for word in known:
            self._state.enable(word)
        self._connection.untagged(" ".join(("ENABLED", *known)).replace("REV2", "rev2").encode("ascii"))
        self._state.finish("Switched on")
        yield from ()

    def _idle(self, command: ImapCommand) -> Flow[None]:
        """Tell what happens until the client says DONE (RFC 2177)."""
        self._arguments(command).end()
        self._connection.write(b"+ Waiting\r\n")
        while b"\n" not in self._connection.buffer:
            self._state.tell_news()
            if len(self._connection.buffer) > self._config.limits.command:
                raise Objection(500, "DONE ends the waiting")
            yield from self._connection.wait_for_news("mailbox", self._config.limits.idle)
        line = yield from self._connection.line(self._config.limits.command, "mailbox")
        self.session.note("C", "DONE" if line.octets.upper() == b"DONE" else f"({len(line.octets):,} octets)")
        if line.octets.upper() != b"DONE":
            raise Objection(500, "DONE ends the waiting")
        self._state.finish("Waited")

    # The steps.

    def _permits(self, command: ImapCommand) -> Flow[bool]:
        """Ask the handler about a command: a scripted fault may answer it, or play a quirk with its responses."""
        answer = self._connection.decide(lambda: self._handler.mailbox(self.session, command.verb))
        if not isinstance(answer, Quirk):
            return answer is None or (yield from self._connection.answer(answer, "mailbox", None))
        quirk = QUIRKS[answer.name]
        word, _, text = (quirk.refuses(command.shown, self._state.identified) if quirk.refuses else "").partition(" ")
        if word:
            raise Objection(500 if word == "BAD" else 550, text)
        self._connection.rewrite = quirk.rewrite
        return True

    def _arguments(self, command: ImapCommand) -> Arguments:
        return command.arguments(utf8=self._state.utf8)

    def _expect_login_possible(self) -> None:
        if self._state.account is not None:
            raise Objection(503, "You are logged in already")
        if not self._may_log_in():
            raise Objection(538, "Say STARTTLS first")

    def _offers(self, *, logged_in: bool = False) -> str:
        """Capabilities on this connection now."""
        offers: list[str] = list(_ALWAYS)
        if not (logged_in or self._state.account is not None):
            if self._config.starttls and not self.session.secured:
                offers.append("STARTTLS")
            if self._may_log_in():
                offers += [f"AUTH={mechanism}" for mechanism in self._config.mechanisms]
            else:
                offers.append("LOGINDISABLED")
        return " ".join((*offers, *_AFTER_LOGIN, f"APPENDLIMIT={self._config.limits.message}"))

    def _longest_line(self) -> int:
        limits = self._config.limits
        return max(limits.command, limits.login if self._state.account is None else limits.line)

    def _longest_literal(self, verb: str) -> int:
        limits = self._config.limits
        if self._state.account is None:
            return limits.command
        return limits.message if verb == "APPEND" else limits.line

    @property
    def _stage(self) -> Stage:
        return "hello" if self._state.account is None else "mailbox"

    def _note_command(self, verb: str, line: CommandLine) -> None:
        """Not used: a command of IMAP is more than a line."""
