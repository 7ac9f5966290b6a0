"""POP3 server conversation, in the order of a session (RFC 1939, RFC 2449)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from hmac import compare_digest
from typing import ClassVar

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.connection import ServerConnection
from courriel.dialogue.server.dialogue import ServerDialogue
from courriel.dialogue.server.handler import Answer, DuringData, Maildrop, ServerConfig, ServerHandler, ServerSession
from courriel.dialogue.server.login import conclude, log_in
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.pop3 import server_syntax as wire
from courriel.wire.pop3.client_syntax import digest
from courriel.wire.sasl.server_mechanisms import Claim
from courriel.wire.smtp.client_syntax import printable
from courriel.wire.smtp.server_syntax import CommandLine, Objection

_NO_LETTER = "There is no such letter"
_SECRETS = ("PASS", "APOP", "AUTH")  # their arguments are never in the transcript


class Pop3ServerDialogue(ServerDialogue):
    """Server side of one POP3 connection; `serve` is a flow that ends with the session."""

    def __init__(self, handler: ServerHandler, config: ServerConfig, session: ServerSession | None = None) -> None:
        super().__init__(handler, config, ServerConnection(session or ServerSession(), wire.write_status))
        self._commands = {verb: partial(does, self) for verb, does in self._WORDS.items()}
        self._user = ""  # of the USER command
        # For the digest of APOP (RFC 1939 7), which needs passwords known in clear, as CRAM-MD5 does.
        self._timestamp = f"<{secrets.token_hex(12)}@{config.name}>" if "CRAM-MD5" in config.mechanisms else ""
        self._maildrop: Maildrop | None = None
        self._letters: Sequence[tuple[str, bytes]] = ()
        self._repaired: set[str] = set()  # unique ids of letters whose line ends were corrected
        self._deleted: set[int] = set()  # indexes into the list of letters

    def serve(self) -> Flow[None]:
        """As every server; the mailbox is released at the end, however it comes."""
        try:
            yield from super().serve()
        finally:
            if self._maildrop is not None:
                self._maildrop.release()

    # The conversation, in the order it happens.

    def _greet(self) -> Flow[None]:
        decide, answer = self._connection.decide, self._connection.answer
        yield from answer(decide(lambda: self._handler.connect(self.session)), "connect", None)
        usual = Reply(200, (f"{self._config.name} POP3 courriel {self._timestamp}".rstrip(),))
        if not (yield from answer(decide(lambda: self._handler.greeting(self.session)), "greeting", usual)):
            raise (yield from self._connection.leave("greeting"))

    # Before the login.

    def _capa(self, argument: str) -> Flow[None]:
        answer = self._connection.decide(lambda: self._handler.hello(self.session, "CAPA"))
        if (yield from self._connection.answer(answer, "hello", Reply(200, ("This is what can be asked for",)))):
            self._connection.write(wire.write_list(self._offers()))

    def _stls(self, argument: str) -> Flow[None]:
        self._expect_before_login()
        if (yield from self._secure_line("STLS", Reply(200, ("Go ahead",)))):
            self._user = ""

    def _utf8(self, argument: str) -> Flow[None]:
        self._expect_before_login()
        yield from self._reply_ok("Letters are as they were written anyhow")

    def _auth(self, argument: str) -> Flow[None]:
        self._expect_login_possible()
        if not argument:
            self._connection.write(Reply(200, ("These ways",)))
            self._connection.write(wire.write_list(self._config.mechanisms))
            return
        yield from log_in(self._connection, self._handler, self._config, argument, self._admit)

    def _user_name(self, argument: str) -> Flow[None]:
        self._expect_login_possible()
        if not argument:
            raise Objection(501, "Who?")
        self._user = argument
        yield from self._reply_ok("And the password")

    def _pass(self, argument: str) -> Flow[None]:
        self._expect_login_possible()
        user, self._user = self._user, ""
        if not user:
            raise Objection(503, "Say USER first")
        answer = self._connection.decide(lambda: self._handler.authenticate(self.session, "USER"))
        claim = Claim(user, self._handler.check(user, argument))
        yield from conclude(self._connection, self._config, claim, answer, self._admit)

    def _apop(self, argument: str) -> Flow[None]:
        self._expect_login_possible()
        user, _, proof = argument.rpartition(" ")
        if not self._timestamp or not user:
            raise Objection(501, "There is no such login here")
        answer = self._connection.decide(lambda: self._handler.authenticate(self.session, "APOP"))
        secret = self._handler.secret_of(user)
        proved = secret is not None and compare_digest(digest(self._timestamp, secret).encode(), proof.encode())
        yield from conclude(self._connection, self._config, Claim(user, proved), answer, self._admit)

    def _admit(self, user: str) -> Answer | None:
        """Open the mailbox of a user who has logged in; only one session has it at a time."""
        maildrop: Maildrop | None = None

        def opinion() -> Answer | None:
            nonlocal maildrop
            found = self._handler.open_mailbox(self.session, user)
            if not isinstance(found, Maildrop):
                return found or Reply(500, ("[SYS/PERM] There is no mailbox for you here",))
            maildrop = found
            return None

        answer = self._connection.decide(opinion)
        if maildrop is not None:
            self._maildrop, self._letters = (
                maildrop,
                [(uid, wire.with_whole_ends(letter)) for uid, letter in maildrop.letters],
            )
            self._repaired = {
                uid
                for (uid, letter), (_, sent) in zip(maildrop.letters, self._letters, strict=True)
                if letter is not sent
            }
        return answer

    # After the login.

    def _stat(self, argument: str) -> Flow[None]:
        if (yield from self._handler_permits("STAT")):
            left = [len(content) for index, (_, content) in enumerate(self._letters) if index not in self._deleted]
            yield from self._reply_ok(f"{len(left)} {sum(left)}")

    def _list(self, argument: str) -> Flow[None]:
        yield from self._send_listing("LIST", argument, lambda index: str(len(self._letters[index][1])))

    def _uidl(self, argument: str) -> Flow[None]:
        yield from self._send_listing("UIDL", argument, lambda index: self._letters[index][0])

    def _send_listing(self, verb: str, argument: str, about: Callable[[int], str]) -> Flow[None]:
        """Send one line about one letter, or a list with one for each that is not deleted."""
        self._expect_login()
        index = self._index_of(argument) if argument else -1
        if not (yield from self._handler_permits(verb)):
            return
        if index >= 0:
            yield from self._reply_ok(f"{index + 1} {about(index)}")
            return
        yield from self._reply_ok("Here they are")
        left = (index for index in range(len(self._letters)) if index not in self._deleted)
        self._connection.write(wire.write_list(f"{index + 1} {about(index)}" for index in left))

    def _retr(self, argument: str) -> Flow[None]:
        self._expect_login()
        uid, content = self._letters[self._index_of(argument)]
        yield from self._send_letter(uid, content)

    def _top(self, argument: str) -> Flow[None]:
        self._expect_login()
        number, lines = wire.read_numbers(argument, 1, 0)
        uid, content = self._letters[self._index_of(str(number))]
        yield from self._send_letter(uid, wire.head_of(content, lines))

    def _send_letter(self, uid: str, content: bytes) -> Flow[None]:
        if uid in self._repaired:
            self.session.add_finding(
                "bare-lf",
                "a letter holds bare line feeds, which came in as data: it is handed out with CR LF in their place,"
                " because readers that take a line feed for a line's end would lose step",
            )
        answer = self._connection.decide(lambda: self._handler.letter(self.session, uid))
        if isinstance(answer, DuringData):
            # Half of it, and then the scripted behaviour.
            yield from self._connection.answer(None, "letter", Reply(200, (f"{len(content)} octets",)))
            yield from self._connection.hand_over(content[: len(content) // 2], "letter")
            yield from self._connection.flush("letter")
            yield from self._connection.answer(answer.then, "letter", None)
            raise (yield from self._connection.leave("letter"))
        if (yield from self._connection.answer(answer, "letter", Reply(200, (f"{len(content)} octets",)))):
            yield from self._connection.hand_over(wire.write_letter(content), "letter")

    def _dele(self, argument: str) -> Flow[None]:
        self._expect_login()
        index = self._index_of(argument)
        if (yield from self._handler_permits("DELE")):
            self._deleted.add(index)
            yield from self._reply_ok("It will be gone when you are")

    def _rset(self, argument: str) -> Flow[None]:
        if (yield from self._handler_permits("RSET")):
            self._deleted.clear()
            yield from self._reply_ok("Everything is kept")

    def _noop(self, argument: str) -> Flow[None]:
        if (yield from self._handler_permits("NOOP")):
            yield from self._reply_ok("Still here")

    def _quit(self, argument: str) -> Flow[None]:
        """Delete the marked letters before the reply: a client that gets +OK can rely on it (RFC 1939 6)."""
        marked = [self._letters[index][0] for index in sorted(self._deleted)]
        usual = Reply(200, (f"{len(marked)} deleted, goodbye" if marked else "Goodbye",))

        def opinion() -> Answer | None:
            answer = self._handler.goodbye(self.session)
            if self._maildrop is not None and marked and (not isinstance(answer, Reply) or answer.kind == 2):
                self._maildrop.remove(marked)
            return answer

        yield from self._connection.answer(self._connection.decide(opinion), "goodbye", usual)
        raise (yield from self._connection.leave("goodbye"))

    _WORDS: ClassVar[dict[str, Callable[[Pop3ServerDialogue, str], Flow[None]]]] = {
        "CAPA": _capa, "STLS": _stls, "UTF8": _utf8, "AUTH": _auth, "USER": _user_name, "PASS": _pass, "APOP": _apop,
        "STAT": _stat, "LIST": _list, "UIDL": _uidl, "RETR": _retr, "TOP": _top, "DELE": _dele, "RSET": _rset,
        "NOOP": _noop, "QUIT": _quit,
    }  # fmt: skip

    # The steps.

    def _handler_permits(self, verb: str) -> Flow[bool]:
        """Ask the handler about a command, send its refusal, and return whether the command may go on."""
        self._expect_login()
        answer = self._connection.decide(lambda: self._handler.mailbox(self.session, verb))
        return (yield from self._connection.answer(answer, "mailbox", None))

    def _expect_login(self) -> None:
        if self._maildrop is None:
            raise Objection(503, "Log in first")

    def _expect_before_login(self) -> None:
        if self._maildrop is not None:
            raise Objection(503, "You are logged in already")

    def _expect_login_possible(self) -> None:
        self._expect_before_login()
        if not self._config.mechanisms:
            raise Objection(503, "Nobody logs in here")
        if not self._may_log_in():
            raise Objection(538, "Say STLS first")

    def _index_of(self, argument: str) -> int:
        """Index of a letter from its number in a command. Raises Objection."""
        (number,) = wire.read_numbers(argument, 1)
        if number > len(self._letters):
            raise Objection(501, _NO_LETTER)
        if number - 1 in self._deleted:
            raise Objection(501, "This letter is deleted; RSET takes that back")
        return number - 1

    def _longest_line(self) -> int:
        limits = self._config.limits
        return max(limits.command, limits.login) if self._maildrop is None else limits.command

    def _offers(self) -> tuple[str, ...]:
        offers = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8 USER"]
        if self._config.starttls and not self.session.secured:
            offers.append("STLS")
        if self._may_log_in():
            offers += ["USER", " ".join(("SASL", *self._config.mechanisms))]
        return (*offers, "IMPLEMENTATION courriel")

    @property
    def _stage(self) -> Stage:
        return "hello" if self._maildrop is None else "mailbox"

    def _reply_ok(self, text: str) -> Flow[None]:
        yield from self._connection.answer(None, self._stage, Reply(200, (text,)))

    def _note_command(self, verb: str, line: CommandLine) -> None:
        secret = verb in _SECRETS
        self.session.note("C", f"{verb} (the rest is not shown: a secret)" if secret else printable(line.octets))
