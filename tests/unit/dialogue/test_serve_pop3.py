"""POP3 server: replies to any client, whatever the portions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from courriel import errors
from courriel.dialogue.flow import Receive, Send
from courriel.dialogue.server.handler import (
    Answer,
    Disconnect,
    DuringData,
    Maildrop,
    ServerConfig,
    ServerHandler,
    ServerLimits,
    ServerSession,
)
from courriel.dialogue.server.pop3 import Pop3ServerDialogue
from courriel.model.servers.server import Dialect
from courriel.reply import Reply
from courriel.wire.pop3.client_syntax import digest
from pairs.runner import CUTS, Served, serve_client
from pairs.runner import Cut as Portions

ONE = b"Subject: one\r\n\r\n.dot\r\nlast\r\n"
TWO = b"Subject: two\r\n\r\nhello"
LOGIN = b"USER bob\r\nPASS secret\r\n"
MECHANISMS = ("CRAM-MD5", "PLAIN", "LOGIN")
TERMS = ServerConfig(name="pop.example.org", dialect=Dialect.POP3, mechanisms=MECHANISMS)


class Box(Maildrop):
    """Mailbox with two letters that records what happens to them."""

    def __init__(self, handler: KeepingHandler) -> None:
        super().__init__((("uid-1", ONE), ("uid-2", TWO)))
        self._desk = handler

    def remove(self, uids: Sequence[str]) -> None:
        self._desk.removed.extend(uids)

    def release(self) -> None:
        self._desk.open -= 1


class KeepingHandler(ServerHandler):
    """Handler with the user Bob, and one mailbox for all."""

    def __init__(self, **answers: Answer) -> None:
        self.removed: list[str] = []
        self.open = 0
        self.answers = answers

    def check(self, user: str, secret: str) -> bool:
        return (user, secret) == ("bob", "secret")

    def secret_of(self, user: str) -> str | None:
        return "secret" if user == "bob" else None

    def open_mailbox(self, serve_client: ServerSession, user: str) -> Maildrop | Answer | None:
        if "open_mailbox" in self.answers:
            return self.answers["open_mailbox"]
        self.open += 1
        return Box(self)

    def mailbox(self, serve_client: ServerSession, verb: str) -> Answer | None:
        return self.answers.get(verb)

    def letter(self, serve_client: ServerSession, uid: str) -> Answer | None:
        return self.answers.get(uid.replace("-", "_"))

    def goodbye(self, serve_client: ServerSession) -> Answer | None:
        return self.answers.get("goodbye")


def said(
    words: bytes, *, cut: Portions = "whole", config: ServerConfig = TERMS, handler: ServerHandler | None = None
) -> Served:
    return serve_client(words, cut=cut, config=config, handler=handler or KeepingHandler())


def kinds(served: Served) -> str:
    """Each +OK and -ERR, without the greeting, on one line."""
    return " ".join(line[:4].strip() for line in served.lines[1:] if line.startswith(("+OK", "-ERR")))


@pytest.mark.parametrize("cut", CUTS)
def test_a_whole_session(cut: Portions) -> None:
    handler = KeepingHandler()

    served = said(
        LOGIN + b"STAT\r\nLIST\r\nUIDL 2\r\nRETR 1\r\nTOP 2 0\r\nDELE 1\r\nSTAT\r\nQUIT\r\n", cut=cut, handler=handler
    )

    assert served.lines[3:] == [
        f"+OK 2 {len(ONE + TWO)}", "+OK Here they are", f"1 {len(ONE)}", f"2 {len(TWO)}", ".", "+OK 2 uid-2",
        f"+OK {len(ONE)} octets", "Subject: one", "", "..dot", "last", ".",
        "+OK 16 octets", "Subject: two", "", ".",
        "+OK It will be gone when you are", f"+OK 1 {len(TWO)}", "+OK 1 deleted, goodbye",
    ]  # fmt: skip
    assert handler.removed == ["uid-1"]
    assert handler.open == 0


def test_a_letter_without_a_last_line_end_gets_one() -> None:
    assert said(LOGIN + b"RETR 2\r\n").output.endswith(b"hello\r\n.\r\n")


def test_what_arrives_in_one_burst_is_answered_in_one() -> None:
    """PIPELINING is offered truthfully."""
    assert said(LOGIN + b"NOOP\r\n" * 50).bursts == 2


@pytest.mark.parametrize("end", [b"", b"RSET\r\nQUIT\r\n", b"what?\r\n"])
def test_letters_are_deleted_only_by_quit(end: bytes) -> None:
    """RFC 1939 6: a lost connection deletes nothing."""
    handler = KeepingHandler()

    said(LOGIN + b"DELE 1\r\n" + end, handler=handler)

    assert handler.removed == []
    assert handler.open == 0


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        (b"STAT\r\nRETR 1\r\nDELE 1\r\nNOOP\r\n", "-ERR -ERR -ERR -ERR"),
        (b"PASS secret\r\n", "-ERR"),
        (b"USER\r\n", "-ERR"),
        (b"USER bob\r\nPASS wrong\r\nSTAT\r\n", "+OK -ERR -ERR"),
        (b"USER bob\r\nPASS wrong\r\nPASS secret\r\n", "+OK -ERR -ERR"),
        (LOGIN + b"USER bob\r\nAUTH PLAIN\r\nSTLS\r\nUTF8\r\n", "+OK +OK -ERR -ERR -ERR -ERR"),
        (LOGIN + b"RETR\r\nRETR 0\r\nRETR 3\r\nRETR 1 1\r\nRETR x\r\nRETR -1\r\n", "+OK +OK" + " -ERR" * 6),
        (LOGIN + b"TOP 1\r\nTOP 1 -1\r\nTOP 9 1\r\nLIST 9\r\nUIDL 0\r\n", "+OK +OK" + " -ERR" * 5),
        (LOGIN + b"DELE 1\r\nDELE 1\r\nRETR 1\r\nLIST 1\r\n", "+OK +OK +OK -ERR -ERR -ERR"),
        (b"STLS\r\n", "-ERR"),
        (b"HELO x\r\n\xff\xfe\r\n\r\n", "-ERR -ERR -ERR"),
        (LOGIN + b"NOOP\nNOOP\r\n", "+OK +OK -ERR +OK"),
        (LOGIN + b"DELE 1\rDELE 2\r\n", "+OK +OK -ERR"),
    ],
)
def test_what_is_out_of_place_is_refused(words: bytes, answers: str) -> None:
    assert kinds(said(words)) == answers


def test_a_login_may_hold_any_character_but_a_line_end() -> None:
    """Hazard H28."""

    class Anybody(KeepingHandler):
        def check(self, user: str, secret: str) -> bool:
            return (user, secret) == ("bob smith", " pä ss ")

    served = said("USER bob smith\r\nPASS  pä ss \r\n".encode(), handler=Anybody())

    assert kinds(served) == "+OK +OK"


def test_a_digest_logs_in() -> None:
    """RFC 1939 7."""
    served = Served(TERMS, KeepingHandler())
    timestamp = served.flow.send(None).data.decode().split()[-1]  # type: ignore[union-attr]
    answer = served.flow.send(b"")

    assert timestamp.startswith("<")
    line = f"APOP bob {digest(timestamp, 'secret')}\r\nSTAT\r\n".encode()
    del answer
    said_back = served.flow.send(line).data.decode()  # type: ignore[union-attr]

    assert said_back.startswith("+OK Logged in\r\n+OK 2 ")


@pytest.mark.parametrize("line", [b"APOP bob 0123456789abcdef0123456789abcdef", b"APOP eve x", b"APOP bob", b"APOP"])
def test_a_wrong_digest_does_not(line: bytes) -> None:
    assert kinds(said(line + b"\r\nSTAT\r\n")) == "-ERR -ERR"


def test_no_digest_is_offered_where_no_password_is_known() -> None:
    config = ServerConfig(dialect=Dialect.POP3, mechanisms=("PLAIN",))

    served = said(b"APOP bob x\r\n", config=config)

    assert "<" not in served.lines[0]
    assert kinds(served) == "-ERR"


def test_capa_lists_the_capabilities() -> None:
    served = said(b"CAPA\r\n")

    assert {"TOP", "UIDL", "USER", "PIPELINING", "RESP-CODES", "UTF8 USER"} < set(served.lines)
    assert "SASL CRAM-MD5 PLAIN LOGIN" in served.lines
    assert "STLS" not in served.lines


def test_nothing_is_offered_in_clear_that_needs_tls() -> None:
    config = ServerConfig(dialect=Dialect.POP3, mechanisms=MECHANISMS, starttls=True, login_needs_tls=True)

    served = said(b"CAPA\r\n" + LOGIN + b"AUTH PLAIN\r\nAPOP bob x\r\n", config=config)

    assert "STLS" in served.lines
    assert not {"USER", "SASL CRAM-MD5 PLAIN LOGIN"} & set(served.lines)
    assert kinds(served) == "+OK -ERR -ERR -ERR -ERR"


def test_what_came_along_with_stls_is_thrown_away() -> None:
    """Hazard H77."""
    config = ServerConfig(dialect=Dialect.POP3, mechanisms=MECHANISMS, starttls=True)

    served = said(b"STLS\r\n" + LOGIN, config=config)

    assert served.secured == 1
    assert kinds(served) == "+OK"
    assert [finding.kind for finding in served.session.findings] == ["before-tls"]


def test_user_before_stls_is_forgotten() -> None:
    config = ServerConfig(dialect=Dialect.POP3, mechanisms=MECHANISMS, starttls=True)

    served = Served(config, KeepingHandler()).receive(b"USER bob\r\n", b"STLS\r\n", b"PASS secret\r\n")

    assert kinds(served) == "+OK +OK -ERR"


def test_secrets_are_not_written_down() -> None:
    """Hazards H82, H31."""
    served = said(b"USER bob\r\nPASS hunter2\r\nAPOP bob hunter2\r\nAUTH PLAIN hunter2\r\nhunter2\r\nhunter2 x\r\n")

    assert not [note for note in served.notes if "hunter2" in note]


def test_letters_are_not_written_down() -> None:
    served = said(LOGIN + b"RETR 1\r\n")

    assert not [note for note in served.notes if "Subject" in note]
    assert [note for note in served.notes if "octets of a letter" in note]


def test_a_line_that_is_too_long_is_refused_and_not_kept() -> None:
    """Hazard H79."""
    served = said(LOGIN + b"NOOP " + b"x" * 5000 + b"\r\nNOOP\r\n")

    assert kinds(served) == "+OK +OK -ERR +OK"


def test_a_line_that_goes_on_and_on_ends_the_session() -> None:
    served = said(LOGIN + b"x" * 1_000_000)

    assert served.lines[-1].startswith("-ERR [SYS/TEMP]")


def test_too_many_mistakes_end_the_session() -> None:
    served = said(b"what?\r\n" * 50)

    assert kinds(served).count("-ERR") == TERMS.limits.mistakes + 2


def test_too_many_wrong_passwords_end_the_session() -> None:
    served = said(b"USER bob\r\nPASS wrong\r\n" * 10)

    assert kinds(served).count("-ERR") == TERMS.limits.logins + 1
    assert served.lines[-1].startswith("-ERR [SYS/TEMP] Too many attempts")
    assert "-ERR [AUTH] User name or password is not right" in served.lines


def test_a_mailbox_that_is_in_use_is_told_so() -> None:
    served = said(LOGIN + b"STAT\r\n", handler=KeepingHandler(open_mailbox=Reply(400, ("[IN-USE] Locked",))))

    assert served.lines[2:] == ["-ERR [IN-USE] Locked", "-ERR Log in first"]


def test_a_mailbox_is_released_whatever_happens() -> None:
    class Broken(KeepingHandler):
        def letter(self, serve_client: ServerSession, uid: str) -> Answer | None:
            raise ZeroDivisionError

    handler = Broken()

    served = said(LOGIN + b"RETR 1\r\n", handler=handler)

    assert served.lines[-1] == "-ERR [SYS/TEMP] Something went wrong here; try again later"
    assert isinstance(served.session.failures[0], ZeroDivisionError)
    assert handler.open == 0


@pytest.mark.parametrize("stage", ["STAT", "DELE", "uid_1", "goodbye"])
def test_a_script_may_refuse_at_each_stage(stage: str) -> None:
    handler = KeepingHandler(**{stage: Reply(500, ("[SYS/TEMP] by script",))})

    served = said(LOGIN + b"STAT\r\nDELE 2\r\nRETR 1\r\nQUIT\r\n", handler=handler)

    assert sum("by script" in line for line in served.lines) == 1
    assert handler.removed == ([] if stage in {"goodbye", "DELE"} else ["uid-2"])


def test_a_script_may_hang_up() -> None:
    served = said(LOGIN + b"RETR 1\r\nNOOP\r\n", handler=KeepingHandler(uid_1=Disconnect()))

    assert served.ending == "cut"


def test_large_letters_are_sent_before_they_fill_the_memory() -> None:
    class Large(KeepingHandler):
        def open_mailbox(self, serve_client: ServerSession, user: str) -> Maildrop | Answer | None:
            return Maildrop([("uid", b"x" * 300_000)])

    served = said(LOGIN + b"RETR 1\r\n" * 10, handler=Large())

    assert served.bursts > 10


def test_a_greeting_that_refuses_is_the_end() -> None:
    class Closed(KeepingHandler):
        def greeting(self, serve_client: ServerSession) -> Answer | None:
            return Reply(500, ("[SYS/TEMP] closed",))

    served = said(LOGIN, handler=Closed())

    assert served.lines == ["-ERR [SYS/TEMP] closed"]


def test_tls_that_is_refused_by_script_leaves_the_line_as_it_is() -> None:
    class Refusing(KeepingHandler):
        def secure(self, serve_client: ServerSession) -> Answer | None:
            return Reply(500, ("not today",))

    config = ServerConfig(dialect=Dialect.POP3, mechanisms=MECHANISMS, starttls=True)
    served = Served(config, Refusing()).receive(b"STLS\r\n", LOGIN)

    assert served.secured == 0
    assert kinds(served) == "-ERR +OK +OK"


def test_a_line_is_secured_once() -> None:
    config = ServerConfig(dialect=Dialect.POP3, mechanisms=MECHANISMS, starttls=True)
    served = Served(config, KeepingHandler()).receive(b"STLS\r\n", b"STLS\r\n", b"CAPA\r\n")

    assert served.secured == 1
    assert kinds(served) == "+OK -ERR +OK"
    assert "STLS" not in served.lines


def test_auth_alone_lists_the_mechanisms() -> None:
    assert said(b"AUTH\r\n").lines[1:] == ["+OK These ways", *MECHANISMS, "."]


def test_a_login_line_may_be_long_and_a_command_may_not() -> None:
    """Hazard H79."""
    served = said(b"USER " + b"x" * 3000 + b"\r\nAUTH PLAIN " + b"A" * 3000 + b"\r\n")

    assert served.lines[1] == "-ERR A command has 2048 octets at most"
    assert kinds(served).count("-ERR") == 2


@pytest.mark.parametrize("verb", ["LIST", "UIDL", "RSET", "NOOP"])
def test_a_script_may_refuse_each_command(verb: str) -> None:
    handler = KeepingHandler(**{verb: Reply(500, ("by script",))})

    served = said(LOGIN + verb.encode() + b"\r\nSTAT\r\n", handler=handler)

    assert served.lines[-2:] == ["-ERR by script", f"+OK 2 {len(ONE + TWO)}"]


def test_a_script_may_speak_in_the_middle_of_a_letter() -> None:
    served = said(LOGIN + b"RETR 1\r\nNOOP\r\n", handler=KeepingHandler(uid_1=DuringData(b"rubbish")))

    assert served.output.endswith(ONE[: len(ONE) // 2] + b"rubbish")


def test_a_silent_client_is_disconnected() -> None:
    flow = Pop3ServerDialogue(KeepingHandler(), TERMS).serve()
    greeting = next(flow)
    waiting = flow.send(b"")
    last_words = flow.throw(errors.TimedOut("silent"))

    assert isinstance(greeting, Send)
    assert isinstance(waiting, Receive)
    assert last_words == Send(b"-ERR [SYS/TEMP] You were silent for too long\r\n", "goodbye")


def test_limits_are_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        ServerLimits(session=float("inf"))
