"""Reading through the bridge by POP3 and IMAP, on good days and bad ones."""

from __future__ import annotations

import base64
import imaplib
import poplib
import socket
import threading
from collections.abc import Callable

import pytest

import courriel
from bridge.conftest import PASSWORD, Client, Open, by_token
from courriel import Sandbox, errors
from servers.accounts import ADA
from session.stranger import Phone

Connect = Callable[..., Client]
MakeProvider = Callable[..., str]


class Reader(Client):
    """A program that reads line by line."""

    def reply(self) -> bytes:
        return self._file.readline()

    def log_in(self) -> bytes:
        self.reply()
        self.ask(f"USER {self.user}")
        return self.ask(f"PASS {self.password}")

    def through(self, tag: str) -> bytes:
        """Lines up to the answer with this tag."""
        lines = b""
        while not lines.splitlines()[-1:] or not lines.splitlines()[-1].startswith(tag.encode()):
            line = self.reply()
            if not line:
                return lines
            lines += line
        return lines


@pytest.fixture
def box(sandbox: Sandbox) -> str:
    """The URL of a mailbox of Ada with two letters in it."""
    for number in (1, 2):
        courriel.send(
            via=sandbox.url, sender="bob@example.org", to=ADA.user, subject=f"Letter {number}", text=".dot\n" * 3
        )
    return by_token(sandbox.pops_url)


@pytest.fixture
def reader() -> Callable[[int], Reader]:
    return Reader


# POP3.


@pytest.mark.slow
def test_pop3_answers_are_the_providers_to_the_octet(opened: Open, sandbox: Sandbox, box: str) -> None:
    reader = Reader(opened(box).bridge.pop3_port)
    assert reader.log_in().startswith(b"+OK")
    sandbox.answer("mailbox", b"-ERR [SYS/TEMP]  odd\ttext \xe9\r\n", when="NOOP")

    assert reader.ask("NOOP") == b"-ERR [SYS/TEMP]  odd\ttext \xe9\r\n"
    assert reader.ask("STAT").startswith(b"+OK 2 ")
    assert reader.ask("LAST") == b"-ERR This command is not known here\r\n"
    reader.close()


def test_what_pop3_offers_has_no_login_of_the_provider(opened: Open, box: str) -> None:
    running = opened(box)
    program = poplib.POP3("127.0.0.1", running.bridge.pop3_port, timeout=30)
    before = program.capa()
    program.user(ADA.user)
    program.pass_(PASSWORD)
    after = program.capa()
    program.quit()

    assert {"SASL", "USER", "TOP", "UIDL", "PIPELINING"} <= before.keys()
    assert {"TOP", "UIDL", "PIPELINING"} <= after.keys()
    assert not {"SASL", "USER", "STLS", "UTF8"} & after.keys()
    assert "UTF8" not in before
    # Letters come in another form after it, for which the program has not asked.
    assert "C: UTF8" not in str(running.next_session().provider)


def test_a_letter_that_breaks_off_never_gets_an_end(opened: Open, sandbox: Sandbox, box: str) -> None:
    running = opened(box)
    reader = Reader(running.bridge.pop3_port)
    reader.log_in()
    sandbox.answer("letter", "hang up", within=True)
    assert reader.ask("RETR 1").startswith(b"+OK")
    lines = b""
    while line := reader.reply():
        lines += line
    reader.close()

    assert b"\r\n.\r\n" not in lines
    assert isinstance(running.next_session().session.error, errors.ConnectionFailed)


@pytest.mark.slow
def test_a_provider_lost_at_quit_is_not_spoken_for(opened: Open, sandbox: Sandbox, box: str) -> None:
    running = opened(box)
    reader = Reader(running.bridge.pop3_port)
    reader.log_in()
    reader.ask("DELE 1")
    sandbox.answer("goodbye", "hang up")

    assert reader.ask("QUIT") == b""
    reader.close()


@pytest.mark.slow
def test_a_refused_login_of_pop3_is_the_providers_own_text(opened: Open, sandbox: Sandbox, box: str) -> None:
    running = opened(box)
    sandbox.answer("authenticate", "-ERR [AUTH] the token is no good")
    reader = Reader(running.bridge.pop3_port)

    assert reader.log_in() == b"-ERR [AUTH] the token is no good\r\n"
    assert running.bridge.trials[0].error is None
    reader.close()


def test_a_provider_that_is_away_is_a_temporary_refusal(
    opened: Open, sandbox: Sandbox, box: str, imap_provider: MakeProvider
) -> None:
    running = opened(box, imap_provider(AUTHENTICATE=None))
    sandbox.answer("greeting", "hang up")
    pop, imap = Reader(running.bridge.pop3_port), Reader(running.bridge.imap_port)
    imap.reply()

    assert pop.log_in().startswith(b"-ERR [SYS/TEMP] ")
    assert imap.ask(f"a LOGIN {ADA.user} {PASSWORD}").startswith(b"a NO [UNAVAILABLE] ")
    pop.close()
    imap.close()


def test_pipelined_commands_of_pop3_are_answered_in_order(opened: Open, box: str) -> None:
    reader = Reader(opened(box).bridge.pop3_port)
    reader.log_in()
    reader.say(b"STAT\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
    lines = []
    while line := reader.reply():
        lines.append(line)
    reader.close()

    assert lines[0].startswith(b"+OK 2 ")
    assert lines.count(b"..dot\r\n") == 3
    assert lines[-3] == b".\r\n"
    assert lines[-1].startswith(b"+OK 1 deleted")


def test_wrong_passwords_of_pop3_end_the_session(opened: Open, box: str) -> None:
    running = opened(box, attempts=2)
    reader = Reader(running.bridge.pop3_port, password="a-wrong-password")
    answers = [reader.log_in(), reader.ask(f"USER {ADA.user}"), reader.ask("PASS x"), reader.reply(), reader.reply()]
    reader.close()

    assert answers[0] == b"-ERR [AUTH] User name or password is not right\r\n"
    assert answers[3].startswith(b"-ERR ")
    assert answers[4] == b""
    assert running.next_session().session.refused_logins == 2


# IMAP.


def sasl(user: str = ADA.user, password: str = PASSWORD) -> str:
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


LOGINS: dict[str, list[str | bytes]] = {
    "quoted": [f'a LOGIN "{ADA.user}" "{PASSWORD}"'],
    "atoms": [f"a login {ADA.user} {PASSWORD}"],
    "literals": [f"a LOGIN {{{len(ADA.user)}}}", f"{ADA.user} {{{len(PASSWORD)}}}", PASSWORD],
    "literals without waiting": [
        f"a LOGIN {{{len(ADA.user)}+}}\r\n{ADA.user} {{{len(PASSWORD)}+}}\r\n{PASSWORD}",
    ],
    "PLAIN at once": [f"a AUTHENTICATE PLAIN {sasl()}"],
    "PLAIN": ["a AUTHENTICATE PLAIN", sasl()],
    "LOGIN": [
        "a AUTHENTICATE LOGIN",
        base64.b64encode(ADA.user.encode()).decode(),
        base64.b64encode(PASSWORD.encode()).decode(),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("way", sorted(LOGINS))
def test_each_way_to_log_in_to_imap_is_taken(opened: Open, imap_provider: MakeProvider, way: str) -> None:
    running = opened(imap_provider())
    reader = Reader(running.bridge.imap_port)
    reader.reply()
    answers = [reader.ask(line) for line in LOGINS[way]]
    reader.say("b LOGOUT")
    rest = reader.through("b ")
    reader.close()

    assert all(answer.startswith(b"+ ") for answer in answers[:-1])
    assert answers[-1] == b"a OK [CAPABILITY IMAP4REV1 IDLE UIDPLUS THREAD=REFS XLATER] Logged in\r\n"
    assert rest == b"* BYE bye\r\nb OK bye\r\n"
    said = str(running.next_session().client)
    assert PASSWORD not in said
    assert sasl() not in said


def test_imap_offers_what_the_provider_has_and_a_login_of_its_own(opened: Open, imap_provider: MakeProvider) -> None:
    program = imaplib.IMAP4("127.0.0.1", opened(imap_provider()).bridge.imap_port, timeout=30)

    assert {*program.capabilities} == {
        "IMAP4REV1", "IDLE", "UIDPLUS", "THREAD=REFS", "XLATER", "SASL-IR", "LITERAL+", "AUTH=PLAIN", "AUTH=LOGIN",
        "AUTH=CRAM-MD5",
    }  # fmt: skip
    program.login_cram_md5(ADA.user, PASSWORD)
    program.logout()


def test_octets_pass_both_ways_at_any_time(opened: Open, imap_provider: MakeProvider) -> None:
    told = threading.Event()

    def idle(phone: Phone, tag: str, command: str) -> None:
        phone.say("+ idling")
        told.wait(20)
        phone.line.sendall(b"* 4 EXISTS\r\n* 1 FETCH (BODY[] {9}\r\nX: \x00\xff\r\n\r\n)\r\n")
        assert phone.receive() == b"DONE"
        phone.say(f"{tag} OK idled")

    reader = Reader(opened(imap_provider(IDLE=idle)).bridge.imap_port)
    reader.reply()
    # What follows the login at once is the provider's.
    reader.say(f"a LOGIN {ADA.user} {PASSWORD}\r\nb IDLE")
    assert reader.through("a ").startswith(b"a OK ")
    assert reader.reply() == b"+ idling\r\n"
    told.set()
    assert reader.reply() == b"* 4 EXISTS\r\n"
    assert b"".join(reader.reply() for _ in range(4)) == b"* 1 FETCH (BODY[] {9}\r\nX: \x00\xff\r\n\r\n)\r\n"

    assert reader.ask("DONE") == b"b OK idled\r\n"
    reader.close()


def test_a_refused_login_of_imap_is_the_providers_own_text(opened: Open, imap_provider: MakeProvider) -> None:
    url = imap_provider(AUTHENTICATE="{tag} NO [AUTHENTICATIONFAILED] AUTHENTICATE failed, they say")
    running = opened(url)
    reader = Reader(running.bridge.imap_port)
    reader.reply()

    assert reader.ask(f"x LOGIN {ADA.user} {PASSWORD}") == (
        b"x NO [AUTHENTICATIONFAILED] AUTHENTICATE failed, they say\r\n"
    )
    assert isinstance(running.bridge.trials[0].error, errors.AuthenticationRefused)
    reader.close()


@pytest.mark.slow
def test_the_end_of_the_provider_is_the_end_of_the_client(opened: Open, imap_provider: MakeProvider) -> None:
    def goodbye(phone: Phone, tag: str, command: str) -> None:
        phone.say("* BYE too long")
        phone.line.shutdown(socket.SHUT_RDWR)

    running = opened(imap_provider(NOOP=goodbye))
    reader = Reader(running.bridge.imap_port)
    reader.reply()
    reader.ask(f"a LOGIN {ADA.user} {PASSWORD}")

    assert reader.ask("b NOOP") == b"* BYE too long\r\n"
    assert reader.reply() == b""
    ended = running.next_session().session
    assert ended.up == len(b"b NOOP\r\n")
    assert ended.down == len(b"* BYE too long\r\n")
    reader.close()


def test_silence_of_both_sides_ends_the_session_without_a_word(opened: Open, imap_provider: MakeProvider) -> None:
    """A word of ours could complete a letter that has broken off."""
    running = opened(imap_provider(), idle=0.2)
    reader = Reader(running.bridge.imap_port)
    reader.reply()
    reader.ask(f"a LOGIN {ADA.user} {PASSWORD}")

    assert reader.reply() == b""
    reader.close()


def test_a_client_that_does_not_log_in_to_imap_is_sent_away(opened: Open, imap_provider: MakeProvider) -> None:
    reader = Reader(opened(imap_provider(), login=0.2).bridge.imap_port)
    reader.reply()

    assert reader.reply() == b"* BYE You were silent for too long\r\n"
    assert reader.reply() == b""
    reader.close()


HOSTILE = {
    "no command": (b"\x00\xff\r\n", b"* BAD this is no tag\r\n"),
    "a tag alone": (b"a\r\n", b"a BAD this is no command\r\n"),
    "before the login": (b"a SELECT INBOX\r\n", b"a BAD log in first\r\n"),
    "STARTTLS": (b"a STARTTLS\r\n", b"a BAD log in first\r\n"),
    "a wrong password": (b"a LOGIN x y\r\n", b"a NO [AUTHENTICATIONFAILED] User name or password is not right\r\n"),
    "one word": (b"a LOGIN x\r\n", b"a BAD LOGIN takes a user name and a password\r\n"),
    "a token": (b"a AUTHENTICATE XOAUTH2 eA==\r\n", b"a BAD this way to log in is not offered\r\n"),
    "no base64": (b"a AUTHENTICATE PLAIN !\r\n", b"a BAD 5.5.2 This is not base64\r\n"),
    "a literal without end": (b"a LOGIN {999999999}\r\n", b"* BYE A command here is shorter than that\r\n"),
    "a line without end": (b"x" * 300_000, b"* BYE Lines have an end\r\n"),
    "a web page": (b"GET / HTTP/1.1\r\n", b"* BYE This is not a web server\r\n"),
}


@pytest.mark.parametrize("what", sorted(HOSTILE))
def test_hostile_words_of_imap_are_refused(opened: Open, imap_provider: MakeProvider, what: str) -> None:
    octets, answer = HOSTILE[what]
    running = opened(imap_provider())
    reader = Reader(running.bridge.imap_port)
    reader.reply()

    assert reader.ask(octets) == answer
    reader.close()


def test_too_many_mistakes_end_the_session(opened: Open, imap_provider: MakeProvider) -> None:
    reader = Reader(opened(imap_provider(), mistakes=2).bridge.imap_port)
    reader.reply()
    answers = [reader.ask("?") for _ in range(3)] + [reader.reply(), reader.reply()]
    reader.close()

    assert answers[3:] == [b"* BYE Too many mistakes\r\n", b""]


# A client that has said everything, and a provider that says more.


@pytest.mark.slow
def test_a_client_that_closes_its_half_gets_all_answers(opened: Open, sandbox: Sandbox) -> None:
    for _ in range(3):
        courriel.send(via=sandbox.url, sender="bob@example.org", to=ADA.user, subject="x", text="x" * 60_000)
    port = opened(by_token(sandbox.imaps_url)).bridge.imap_port

    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(f"a LOGIN {ADA.user} {PASSWORD}\r\nb SELECT INBOX\r\nc FETCH 1:* BODY.PEEK[]\r\n".encode())
        line.sendall(b"d LOGOUT\r\n")
        line.shutdown(socket.SHUT_WR)
        heard = line.makefile("rb").read()

    assert heard.count(b" FETCH (") == 3
    assert b"\r\nd OK" in heard


@pytest.mark.slow
def test_a_client_that_closes_its_half_and_never_reads_holds_little(opened: Open, imap_provider: MakeProvider) -> None:
    stuck = threading.Event()

    def fetch(phone: Phone, tag: str, command: str) -> None:
        phone.line.settimeout(1)
        try:
            for _ in range(512):
                phone.line.sendall(b"x" * 131_072)
        except OSError:
            stuck.set()

    running = opened(imap_provider(FETCH=fetch))
    with socket.create_connection(("127.0.0.1", running.bridge.imap_port), timeout=30) as line:
        line.sendall(f"a LOGIN {ADA.user} {PASSWORD}\r\nc FETCH 1:* BODY.PEEK[]\r\n".encode())
        line.shutdown(socket.SHUT_WR)

        assert stuck.wait(30)


def test_whatever_a_provider_says_behind_the_login_is_passed_on(opened: Open, imap_provider: MakeProvider) -> None:
    more = "* OK [ALERT] " + "the mailbox is nearly full " * 10
    port = opened(
        imap_provider(AUTHENTICATE=f"{{tag}} OK [CAPABILITY IMAP4rev1] in\n{more}\n* 3 EXISTS")
    ).bridge.imap_port
    reader = Reader(port)
    reader.reply()
    reader.say(f"a LOGIN {ADA.user} {PASSWORD}")
    assert b"a OK" in reader.through("a")
    reader.say("b NOOP")

    assert reader.through("b") == more.encode() + b"\r\n* 3 EXISTS\r\nb OK ok\r\n"
    reader.close()


def test_a_line_of_the_bridge_is_never_compressed(opened: Open, imap_provider: MakeProvider) -> None:
    reader = Reader(opened(imap_provider(COMPRESS="{tag} OK go") + "&compress=1").bridge.imap_port)
    reader.reply()
    reader.say(f"a LOGIN {ADA.user} {PASSWORD}")
    assert b"a OK" in reader.through("a")
    reader.say("b NOOP")

    assert reader.through("b") == b"b OK ok\r\n"
    reader.close()
