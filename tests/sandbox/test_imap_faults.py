"""Faults and quirks of the practice server's IMAP, as our own session meets them."""

from __future__ import annotations

import imaplib
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

import courriel
import inside
from courriel import ImapSession, Password, Sandbox, Security, Timeouts, errors
from courriel._dataclass import replace
from courriel.dialogue.server.handler import ServerLimits
from courriel.wire.imap_server.quirks import QUIRKS

BOB = "bob@example.org"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        for number in (1, 2, 3):
            courriel.send(via=sandbox.url, sender="ada@example.org", to=BOB, subject=f"number {number}", text="Hello")
        yield sandbox
        # None of this is an error of the server.
        assert not [failure for each in sandbox.sessions for failure in each.session.failures]


def opened(sandbox: Sandbox, security: Security = Security.NONE) -> ImapSession:
    server = replace(sandbox.imap_server(security), timeouts=Timeouts.silence(2))
    return ImapSession(server, Password(BOB, "any"))


def read_all(session: ImapSession) -> list[bytes]:
    """Open the session and read every letter."""
    with session:
        return [letter.raw for letter in session.search()]


# Faults.


@pytest.mark.parametrize(
    ("stage", "when", "kind"),
    [
        ("greeting", "", errors.ConnectionFailed),
        ("authenticate", "", errors.AuthenticationRefused),
        ("mailbox", "SELECT", errors.CommandRefused),
        ("mailbox", "UID SEARCH", errors.CommandRefused),
        ("letter", "", errors.CommandRefused),
    ],
)
def test_a_stage_can_be_refused(sandbox: Sandbox, stage: str, when: str, kind: type[Exception]) -> None:
    sandbox.answer(stage, "NO [UNAVAILABLE] later", when=when)

    with pytest.raises(kind, match="later"):
        read_all(opened(sandbox))


def test_capabilities_can_be_refused(sandbox: Sandbox) -> None:
    sandbox.answer("hello", "NO later", when="CAPABILITY")

    # imaplib of Python 3.14 takes them from the greeting, and does not ask.
    with socket.create_connection((sandbox.host, sandbox.imap_port), timeout=20) as line, line.makefile("rb") as heard:
        _ = heard.readline()
        line.sendall(b"a CAPABILITY\r\n")

        assert heard.readline() == b"a NO later\r\n"


@pytest.mark.parametrize("stage", ["connect", "greeting", "authenticate", "mailbox", "letter"])
def test_a_line_can_break_at_each_stage(sandbox: Sandbox, stage: str) -> None:
    sandbox.answer(stage, "hang up")

    with pytest.raises(errors.ConnectionFailed) as lost:
        read_all(opened(sandbox))

    assert lost.value.stage in (stage, "greeting", "mailbox")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["mailbox", "letter"])
def test_a_server_can_fall_silent(sandbox: Sandbox, stage: str) -> None:
    sandbox.answer(stage, "silence", when="UID FETCH" if stage == "mailbox" else "")

    with pytest.raises(errors.TimedOut):
        read_all(opened(sandbox))


def test_a_line_can_break_within_a_letter(sandbox: Sandbox) -> None:
    sandbox.answer("letter", "hang up", within=True, nth=2)
    session = opened(sandbox).open()

    with pytest.raises(errors.ConnectionFailed):
        read_all(session)

    assert not session.usable


def test_a_fault_is_over_after_its_times(sandbox: Sandbox) -> None:
    sandbox.answer("mailbox", "NO [LIMIT] not so fast", when="UID SEARCH", nth=2, times=1)

    with opened(sandbox) as session:
        counts = [len(session.search())]
        with pytest.raises(errors.CommandRefused, match="not so fast"):
            session.search()
        counts.append(len(session.search()))

    assert counts == [3, 3]


def test_a_bye_ends_the_session(sandbox: Sandbox) -> None:
    sandbox.answer("mailbox", "BYE going down", when="UID SEARCH")
    session = opened(sandbox).open()

    with pytest.raises(errors.ConnectionFailed, match="going down"):
        session.search()


def test_a_failure_of_the_table_can_be_played(sandbox: Sandbox) -> None:
    sandbox.play("IMAP-LOGIN-REFUSED")

    with pytest.raises(errors.AuthenticationRefused) as refused:
        opened(sandbox).open()

    assert refused.value.failure is not None
    assert refused.value.failure.id == "IMAP-LOGIN-REFUSED"


def test_starttls_can_be_refused(sandbox: Sandbox) -> None:
    sandbox.answer("secure", "NO [UNAVAILABLE] no TLS now")

    with pytest.raises(errors.CommandRefused, match="no TLS now"):
        opened(sandbox, Security.STARTTLS).open()


# Quirks.


def read(session: ImapSession) -> Any:
    return [letter.raw for letter in session.search()]


def listed(session: ImapSession) -> Any:
    session.create("Élèves")
    return sorted(folder.name for folder in session.folders() if folder.selectable)


FOLDERS = ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash", "Élèves"]
SEEN: dict[str, tuple[Any, Any]] = {
    "IMAP-ID-FIRST": (lambda session: len(session.search()), 3),
    "IMAP-BAD-DATE": (lambda session: [letter.received for letter in session.search()], [None] * 3),
    "IMAP-NO-UID": (read, errors.RemoteProtocolError),
    "IMAP-NIL-BODY": (read, errors.LetterRefused),
    "IMAP-NO-BODY": (read, errors.LetterRefused),
    "IMAP-EMPTY-BODY": (read, errors.LetterRefused),
    "IMAP-RFC822-BODY": (lambda session: [len(each) > 100 for each in read(session)], [True] * 3),
    "IMAP-SECOND-FETCH": (lambda session: [letter.flags - {"recent"} for letter in session.search()], [{"seen"}] * 3),
    "IMAP-BRACKET-KEYWORD": (
        lambda session: [letter.flags - {"recent"} for letter in session.search()],
        [{"$Forwarded", "[Gmail]", "a]b"}] * 3,
    ),
    "IMAP-RAW-FOLDERS": (listed, FOLDERS),
    "IMAP-COURIER-FOLDERS": (
        listed,
        sorted(["INBOX", *(f"INBOX.{name}" for name in FOLDERS if name != "INBOX")]),
    ),
    "IMAP-COPYUID-UNORDERED": (lambda session: session.copy([1, 2, 3], "Archive"), {1: 3, 2: 2, 3: 1}),
    "IMAP-COPYUID-ZERO": (lambda session: session.move([1, 2], "Archive"), {1: 1, 2: 2}),
    "IMAP-COPYUID-NONSENSE": (lambda session: session.move([1, 2], "Archive"), {}),
    "IMAP-COPYUID-EMPTY": (lambda session: session.move([1, 2], "Archive"), {}),
    "IMAP-NO-UIDVALIDITY": (lambda session: len(session.search()), 3),
    "IMAP-LONG-UIDVALIDITY": (lambda session: session.select().uid_validity, 1655354778123456),
    "IMAP-ODD-FLAGS": (lambda session: len(session.search()), 3),
    "IMAP-SEARCH-TWO-LINES": (lambda session: len(session.search()), 3),
    "IMAP-SEARCH-BAD": (lambda session: session.search(subject="été"), errors.NotSupported),
    "IMAP-BADCHARSET": (lambda session: session.search(subject="été"), errors.NotSupported),
    "IMAP-LOGOUT-HANGUP": (lambda session: session.close(), None),
    "IMAP-LOGOUT-SILENCE": (lambda session: session.close(), None),
    "IMAP-LOGOUT-NO-BYE": (lambda session: session.close(), None),
}
"""What our session does with each quirk, and what comes of it."""


def test_each_quirk_is_tried() -> None:
    assert list(SEEN) == list(QUIRKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUIRKS)
def test_a_quirk_is_played_and_borne(sandbox: Sandbox, name: str) -> None:
    act, expected = SEEN[name]
    sandbox.play(name)
    session = opened(sandbox).open()
    if name in ("IMAP-SEARCH-BAD", "IMAP-BADCHARSET"):
        inside.dialogue_of(session).enabled.clear()  # where UTF8=ACCEPT is on, no charset is named

    try:
        if isinstance(expected, type):
            with pytest.raises(expected):
                act(session)
        else:
            assert act(session) == expected
    finally:
        session.hang_up()


def test_a_quirk_of_imap_is_none_of_pop3_or_smtp(sandbox: Sandbox) -> None:
    for name in QUIRKS:
        sandbox.play(name)

    with courriel.PopSession(sandbox.pop_server(), Password(BOB, "any")) as box:
        assert len(box) == 3
    courriel.send(via=sandbox.url, sender="ada@example.org", to=BOB, subject="x", text="x")


# Limits on the wire.


@pytest.fixture
def small() -> Iterator[Sandbox]:
    with Sandbox(limits=ServerLimits(patience=0.2, content_patience=0.2, idle=0.3, sessions=2)) as sandbox:
        yield sandbox


def raw(sandbox: Sandbox) -> socket.socket:
    return socket.create_connection((sandbox.host, sandbox.imap_port), timeout=20)


def everything(line: socket.socket) -> bytes:
    heard = b""
    with suppress(ConnectionError):
        while octets := line.recv(65536):
            heard += octets
    return heard


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [b"", b"a LOGIN {5}\r\nbo", b"a LOGIN bob x\r\n", b"a LOGIN bob x\r\nb IDLE\r\n",
     b"a LOGIN bob x\r\nb APPEND INBOX {500+}\r\nSub", b"a AUTHENTICATE PLAIN\r\n"],
)  # fmt: skip
def test_a_silent_client_is_sent_away(small: Sandbox, words: bytes) -> None:
    with raw(small) as line:
        line.sendall(words)

        assert everything(line).splitlines()[-1].startswith(b"* BYE You were silent for too long")


def test_one_client_too_many_is_told_so(small: Sandbox) -> None:
    with raw(small) as one, raw(small) as two, raw(small) as three:
        assert one.recv(5) == two.recv(5) == b"* OK "
        assert everything(three).startswith(b"* BYE [UNAVAILABLE] Too many connections")


@pytest.mark.slow
def test_a_client_that_asks_and_never_reads_is_cut_off_and_harms_nobody() -> None:
    with Sandbox(limits=ServerLimits(patience=1)) as sandbox:
        courriel.send(via=sandbox.url, sender="a@example.org", to=BOB, subject="x", text="words " * 200_000)
        with raw(sandbox) as deaf:
            deaf.setblocking(False)
            with suppress(BlockingIOError):
                deaf.sendall(b"a LOGIN bob x\r\nb SELECT INBOX\r\n" + b"c FETCH 1 BODY.PEEK[]\r\n" * 100_000)

            client = imaplib.IMAP4(sandbox.host, sandbox.imap_port)
            client.login(BOB, "x")
            assert client.select() == ("OK", [b"1"])
            client.logout()

            inside.loop_of(sandbox).run(inside.wait_until_gone(sandbox))
            deaf.settimeout(20)
            heard = everything(deaf)

        # What the buffers of the system held.
        assert len(heard) < 15_000_000


def test_a_client_that_waits_is_told_when_everything_is_cleared(sandbox: Sandbox) -> None:
    with raw(sandbox) as line, line.makefile("rb") as said:
        line.sendall(b"a LOGIN %b x\r\nb SELECT INBOX\r\nc CREATE Work\r\nd IDLE\r\n" % BOB.encode())
        while not said.readline().startswith(b"+ "):
            pass

        sandbox.clear()

        assert [said.readline() for _ in range(3)] == [b"* %d EXPUNGE\r\n" % number for number in (3, 2, 1)]
        line.sendall(b'DONE\r\ne LIST "" Work\r\n')
        assert [said.readline() for _ in range(2)] == [b"d OK Waited\r\n", b"e OK Listed\r\n"]
