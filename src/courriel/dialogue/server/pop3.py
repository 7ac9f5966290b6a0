"""POP3 server conversation, in the order of a session (RFC 1939, RFC 2449)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import ClassVar

from courriel import errors
from courriel.dialogue.flow import Flow, ReceivePending, Secure
from courriel.dialogue.server.connection import ReplyBuffer, ServerConnection
from courriel.dialogue.server.handler import Answer, DuringData, Maildrop, ServerConfig, ServerHandler, ServerSession
from courriel.dialogue.server.login import conclude, log_in
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.pop3 import server_syntax as wire
from courriel.wire.pop3.client_syntax import digest
from courriel.wire.sasl.server_mechanisms import Claim
from courriel.wire.smtp import server_syntax
from courriel.wire.smtp.client_syntax import printable
from courriel.wire.smtp.server_syntax import Objection

_NO_LETTER = "There is no such letter"
_SECRETS = ("PASS", "APOP", "AUTH")  # their arguments are never in the transcript


class Pop3ServerDialogue:
    """Server side of one POP3 connection; `serve` is a flow that ends with the session."""

    def __init__(self, desk: ServerHandler, terms: ServerConfig, visit: ServerSession | None = None) -> None:
        self.visit = visit or ServerSession()
        self._desk = desk
        self._terms = terms
        self._hearing = ServerConnection(self.visit, wire.write_status)
        self._mistakes = 0
        self._user = ""  # of the USER command
        # For the digest of APOP (RFC 1939 7), which needs passwords known in clear, as CRAM-MD5 does.
        self._timestamp = f"<{secrets.token_hex(12)}@{terms.name}>" if "CRAM-MD5" in terms.mechanisms else ""
        self._stock: Maildrop | None = None
        self._letters: Sequence[tuple[str, bytes]] = ()
        self._repaired: set[str] = set()  # unique ids of letters whose line ends were corrected
        self._deleted: set[int] = set()  # indexes into the list of letters

    def serve(self) -> Flow[None]:
        """Send the greeting, answer commands, end the session; letters are deleted only after QUIT (RFC 1939 6)."""
        try:
            yield from self._greet()
            while True:
                yield from self._heed_one_command()
        except ReplyBuffer:
            return
        except errors.TimedOut:
            self.visit.note("*", "the client was silent for too long")
            yield from self._send_away("You were silent for too long")
        except errors.CourrielError as gone:
            self.visit.note("*", printable(str(gone).encode()))
        except Exception as mishap:  # noqa: BLE001 - the edge: a client never sees internal errors (hazard H83)
            self.visit.mishaps.append(mishap)
            yield from self._send_away("Something went wrong here")
        finally:
            if self._stock is not None:
                self._stock.release()

    # The conversation, in the order it happens.

    def _greet(self) -> Flow[None]:
        decide, answer = self._hearing.decide, self._hearing.answer
        yield from answer(decide(lambda: self._desk.connect(self.visit)), "connect", None)
        usual = Reply(200, (f"{self._terms.name} POP3 courriel {self._timestamp}".rstrip(),))
        if not (yield from answer(decide(lambda: self._desk.greeting(self.visit)), "greeting", usual)):
            raise (yield from self._hearing.leave("greeting"))

    def _heed_one_command(self) -> Flow[None]:
        """Read one line and handle it; while complete lines are in the buffer, nothing is sent or awaited."""
        try:
            line = yield from self._hearing.line(self._longest_line(), self._stage)
        except Objection as too_long:
            self.visit.note("C", "(a line that is too long)")
            yield from self._object(too_long)
            return
        if server_syntax.is_http(line):
            self.visit.note("C", "(HTTP)")
            self.visit.remark(
                "http", "somebody spoke HTTP to this port: the session was ended before any of it was taken"
            )
            yield from self._send_away("This is not a web server")
            raise ReplyBuffer
        try:
            verb, argument = server_syntax.read_command(line)
            if verb not in self._WORDS:
                raise Objection(500, "This command is not known here")
            if verb != "AUTH" and len(line.octets) + 2 > self._terms.limits.command:
                raise Objection(500, f"A command has {self._terms.limits.command} octets at most")
        except Objection as objection:
            # An invalid command may be a misplaced password: it is not shown.
            self.visit.note("C", f"({len(line.octets):,} octets that are no command)")
            yield from self._object(objection)
            return
        secret = verb in _SECRETS
        self.visit.note("C", f"{verb} (the rest is not shown: a secret)" if secret else printable(line.octets))
        if verb == "PASS":
            # A password may hold spaces anywhere, at its ends too.
            argument = line.octets[5:].decode()
        try:
            yield from self._WORDS[verb](self, argument)
        except Objection as objection:
            yield from self._object(objection)

    # Before the login.

    def _capa(self, argument: str) -> Flow[None]:
        answer = self._hearing.decide(lambda: self._desk.hello(self.visit, "CAPA"))
        if (yield from self._hearing.answer(answer, "hello", Reply(200, ("This is what can be asked for",)))):
            self._hearing.write(wire.write_list(self._offers()))

    def _stls(self, argument: str) -> Flow[None]:
        """Start TLS with an empty buffer: octets that came along with the command were not encrypted (hazard H77)."""
        self._expect_before_login()
        if self.visit.secured:
            raise Objection(503, "The line is secure already")
        if not self._terms.starttls:
            raise Objection(502, "There is no TLS here")
        yield from self._hearing.flush("secure")
        early = bytes(self._hearing.buffer) + (yield ReceivePending("secure"))
        self._hearing.buffer.clear()
        if early:
            self.visit.note("*", f"{len(early):,} octets came together with STLS and were thrown away")
            self.visit.remark(
                "before-tls", "something was sent together with STLS: thrown away, it may be an attacker's"
            )
        answer = self._hearing.decide(lambda: self._desk.secure(self.visit))
        if not (yield from self._hearing.answer(answer, "secure", Reply(200, ("Go ahead",)))):
            return
        yield from self._hearing.flush("secure")
        yield Secure()
        self.visit.secured, self._user = True, ""
        self.visit.note("*", f"secured by {self.visit.tls_version or 'TLS'}")

    def _utf8(self, argument: str) -> Flow[None]:
        self._expect_before_login()
        yield from self._say("Letters are as they were written anyhow")

    def _auth(self, argument: str) -> Flow[None]:
        self._expect_login_possible()
        if not argument:
            self._hearing.write(Reply(200, ("These ways",)))
            self._hearing.write(wire.write_list(self._terms.mechanisms))
            return
        yield from log_in(self._hearing, self._desk, self._terms, argument, self._admit)

    def _user_name(self, argument: str) -> Flow[None]:
        self._expect_login_possible()
        if not argument:
            raise Objection(501, "Who?")
        self._user = argument
        yield from self._say("And the password")

    def _pass(self, argument: str) -> Flow[None]:
        self._expect_login_possible()
        user, self._user = self._user, ""
        if not user:
            raise Objection(503, "Say USER first")
        answer = self._hearing.decide(lambda: self._desk.authenticate(self.visit, "USER"))
        claim = Claim(user, self._desk.check(user, argument))
        yield from conclude(self._hearing, self._terms, claim, answer, self._admit)

    def _apop(self, argument: str) -> Flow[None]:
        self._expect_login_possible()
        user, _, proof = argument.rpartition(" ")
        if not self._timestamp or not user:
            raise Objection(501, "There is no such login here")
        answer = self._hearing.decide(lambda: self._desk.authenticate(self.visit, "APOP"))
        secret = self._desk.secret_of(user)
        proved = secret is not None and compare_digest(digest(self._timestamp, secret).encode(), proof.encode())
        yield from conclude(self._hearing, self._terms, Claim(user, proved), answer, self._admit)

    def _admit(self, user: str) -> Answer | None:
        """Open the mailbox of a user who has logged in; only one session has it at a time."""
        stock: Maildrop | None = None

        def opinion() -> Answer | None:
            nonlocal stock
            found = self._desk.open_mailbox(self.visit, user)
            if not isinstance(found, Maildrop):
                return found or Reply(500, ("[SYS/PERM] There is no mailbox for you here",))
            stock = found
            return None

        answer = self._hearing.decide(opinion)
        if stock is not None:
            self._stock, self._letters = stock, [(uid, wire.with_whole_ends(letter)) for uid, letter in stock.letters]
            self._repaired = {
                uid for (uid, letter), (_, sent) in zip(stock.letters, self._letters, strict=True) if letter is not sent
            }
        return answer

    # After the login.

    def _stat(self, argument: str) -> Flow[None]:
        if (yield from self._may("STAT")):
            left = [len(content) for place, (_, content) in enumerate(self._letters) if place not in self._deleted]
            yield from self._say(f"{len(left)} {sum(left)}")

    def _list(self, argument: str) -> Flow[None]:
        yield from self._tell("LIST", argument, lambda place: str(len(self._letters[place][1])))

    def _uidl(self, argument: str) -> Flow[None]:
        yield from self._tell("UIDL", argument, lambda place: self._letters[place][0])

    def _tell(self, verb: str, argument: str, about: Callable[[int], str]) -> Flow[None]:
        """Send one line about one letter, or a list with one for each that is not deleted."""
        self._expect_login()
        place = self._place(argument) if argument else -1
        if not (yield from self._may(verb)):
            return
        if place >= 0:
            yield from self._say(f"{place + 1} {about(place)}")
            return
        yield from self._say("Here they are")
        left = (place for place in range(len(self._letters)) if place not in self._deleted)
        self._hearing.write(wire.write_list(f"{place + 1} {about(place)}" for place in left))

    def _retr(self, argument: str) -> Flow[None]:
        self._expect_login()
        uid, content = self._letters[self._place(argument)]
        yield from self._hand_over(uid, content)

    def _top(self, argument: str) -> Flow[None]:
        self._expect_login()
        number, lines = wire.read_numbers(argument, 1, 0)
        uid, content = self._letters[self._place(str(number))]
        yield from self._hand_over(uid, wire.head_of(content, lines))

    def _hand_over(self, uid: str, content: bytes) -> Flow[None]:
        if uid in self._repaired:
            self.visit.remark(
                "bare-lf",
                "a letter holds bare line feeds, which came in as data: it is handed out with CR LF in their place,"
                " because readers that take a line feed for a line's end would lose step",
            )
        answer = self._hearing.decide(lambda: self._desk.letter(self.visit, uid))
        if isinstance(answer, DuringData):
            # Half of it, and then the scripted behaviour.
            yield from self._hearing.answer(None, "letter", Reply(200, (f"{len(content)} octets",)))
            yield from self._hearing.hand_over(content[: len(content) // 2], "letter")
            yield from self._hearing.flush("letter")
            yield from self._hearing.answer(answer.then, "letter", None)
            raise (yield from self._hearing.leave("letter"))
        if (yield from self._hearing.answer(answer, "letter", Reply(200, (f"{len(content)} octets",)))):
            yield from self._hearing.hand_over(wire.write_letter(content), "letter")

    def _dele(self, argument: str) -> Flow[None]:
        self._expect_login()
        place = self._place(argument)
        if (yield from self._may("DELE")):
            self._deleted.add(place)
            yield from self._say("It will be gone when you are")

    def _rset(self, argument: str) -> Flow[None]:
        if (yield from self._may("RSET")):
            self._deleted.clear()
            yield from self._say("Everything is kept")

    def _noop(self, argument: str) -> Flow[None]:
        if (yield from self._may("NOOP")):
            yield from self._say("Still here")

    def _quit(self, argument: str) -> Flow[None]:
        """Delete the marked letters before the reply: a client that gets +OK can rely on it (RFC 1939 6)."""
        marked = [self._letters[place][0] for place in sorted(self._deleted)]
        usual = Reply(200, (f"{len(marked)} deleted, goodbye" if marked else "Goodbye",))

        def opinion() -> Answer | None:
            answer = self._desk.goodbye(self.visit)
            if self._stock is not None and marked and (not isinstance(answer, Reply) or answer.kind == 2):
                self._stock.remove(marked)
            return answer

        yield from self._hearing.answer(self._hearing.decide(opinion), "goodbye", usual)
        raise (yield from self._hearing.leave("goodbye"))

    _WORDS: ClassVar[dict[str, Callable[[Pop3ServerDialogue, str], Flow[None]]]] = {
        "CAPA": _capa, "STLS": _stls, "UTF8": _utf8, "AUTH": _auth, "USER": _user_name, "PASS": _pass, "APOP": _apop,
        "STAT": _stat, "LIST": _list, "UIDL": _uidl, "RETR": _retr, "TOP": _top, "DELE": _dele, "RSET": _rset,
        "NOOP": _noop, "QUIT": _quit,
    }  # fmt: skip

    # The steps.

    def _object(self, objection: Objection) -> Flow[None]:
        self._hearing.write(objection.reply)
        self._mistakes += 1
        if self._mistakes > self._terms.limits.mistakes:
            yield from self._send_away("Too many mistakes")
            raise ReplyBuffer

    def _send_away(self, why: str) -> Flow[None]:
        self._hearing.write(Reply(421, (why,)))
        try:
            yield from self._hearing.flush("goodbye")
        except errors.CourrielError:
            return

    def _may(self, verb: str) -> Flow[bool]:
        """Ask the handler about a command, send its refusal, and return whether the command may go on."""
        self._expect_login()
        answer = self._hearing.decide(lambda: self._desk.mailbox(self.visit, verb))
        return (yield from self._hearing.answer(answer, "mailbox", None))

    def _expect_login(self) -> None:
        if self._stock is None:
            raise Objection(503, "Log in first")

    def _expect_before_login(self) -> None:
        if self._stock is not None:
            raise Objection(503, "You are logged in already")

    def _expect_login_possible(self) -> None:
        self._expect_before_login()
        if not self._terms.mechanisms:
            raise Objection(503, "Nobody logs in here")
        if not self._may_log_in():
            raise Objection(538, "Say STLS first")

    def _may_log_in(self) -> bool:
        return bool(self._terms.mechanisms) and (self.visit.secured or not self._terms.login_needs_tls)

    def _place(self, argument: str) -> int:
        """Index of a letter from its number in a command. Raises Objection."""
        (number,) = wire.read_numbers(argument, 1)
        if number > len(self._letters):
            raise Objection(501, _NO_LETTER)
        if number - 1 in self._deleted:
            raise Objection(501, "This letter is deleted; RSET takes that back")
        return number - 1

    def _longest_line(self) -> int:
        limits = self._terms.limits
        return max(limits.command, limits.login) if self._stock is None else limits.command

    def _offers(self) -> tuple[str, ...]:
        offers = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8 USER"]
        if self._terms.starttls and not self.visit.secured:
            offers.append("STLS")
        if self._may_log_in():
            offers += ["USER", " ".join(("SASL", *self._terms.mechanisms))]
        return (*offers, "IMPLEMENTATION courriel")

    @property
    def _stage(self) -> Stage:
        """Stage whose command is awaited."""
        return "hello" if self._stock is None else "mailbox"

    def _say(self, text: str) -> Flow[None]:
        yield from self._hearing.answer(None, self._stage, Reply(200, (text,)))
