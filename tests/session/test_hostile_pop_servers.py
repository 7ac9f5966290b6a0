"""Hostile and broken POP3 servers never block a session, fill memory or pass wrong data (part B)."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import inside
from courriel import Dialect, Password, Security, Server, Timeouts, errors
from session.pop_play import AwaitingBox, BlockingBox, Box, MeetBox
from session.stranger import Act, Phone, stranger
from session.test_pop_session import ADA, GREETED, PIPELINED, letter, mailbox

Call = Callable[..., Box]


def opened(box: Box) -> None:
    box.open()


# The client's last command, and the call that sends it.
SCENES: dict[str, tuple[str, Callable[[Box], object]]] = {
    "greeting": ("", opened),
    "hello": ("S: +OK\nC: CAPA\n", opened),
    "authenticate": (GREETED + "C: USER ada\n", opened),
    "password": (GREETED + "C: USER ada\nS: +OK\nC: PASS secret\n", opened),
    "STAT": (GREETED + "C: USER ada\nS: +OK\nC: PASS secret\nS: +OK\nC: STAT\n", opened),
    "LIST": (PIPELINED + "C: STAT\nS: +OK 2 20\nC: LIST\n", lambda box: box.sizes()),
    "UIDL": (PIPELINED + "C: STAT\nS: +OK 2 20\nC: UIDL\n", lambda box: box.uids()),
    "RETR": (mailbox(2) + "C: RETR 1\n", lambda box: box.raw(1)),
    "RETR, many": (mailbox(2) + "C: RETR 1\nC: RETR 2\n", lambda box: box.many()),
    "TOP": (PIPELINED + "C: STAT\nS: +OK 2 20\nC: TOP 1 0\n", lambda box: box.head(1)),
    "DELE": (PIPELINED + "C: STAT\nS: +OK 2 20\nC: DELE 1\n", lambda box: box.delete(1)),
    "RSET": (PIPELINED + "C: STAT\nS: +OK 2 20\nC: RSET\n", lambda box: box.undo()),
    "NOOP": (PIPELINED + "C: STAT\nS: +OK 2 20\nC: NOOP\n", lambda box: box.noop()),
}
HALF_A_LINE = "S! +OK\\r\n"
NONSENSE = [
    "S: what?\n",
    "S: 220 mx.example.org ESMTP\n",
    "S! \\r\\n",
    "S! +OK\\n",
    "S! \\xff\\xfe\\r\\n",
    "S: +\n",
    HALF_A_LINE,
]


def called(meet_box: MeetBox, stage: str, then: str) -> tuple[Box, Callable[[Box], object]]:
    script, call = SCENES[stage]
    credentials = ADA if "C: USER" in script else None
    # A server that hangs up on CAPA is called once more, without CAPA.
    again = [then] if stage == "hello" and then in ("---\n", HALF_A_LINE + "---\n") else []
    box = meet_box(script + then, *again, credentials=credentials)
    if call is not opened:
        box.open()
    return box, call


@pytest.mark.parametrize("said", NONSENSE)
@pytest.mark.parametrize("stage", SCENES)
def test_nonsense_ends_the_session(meet_box: MeetBox, stage: str, said: str) -> None:
    box, call = called(meet_box, stage, said + "---\n")

    with pytest.raises((errors.RemoteProtocolError, errors.ConnectionFailed)) as broken:
        call(box)

    assert not broken.value.session_usable
    assert not box.session.usable
    assert broken.value.server


@pytest.mark.parametrize("stage", SCENES)
def test_a_server_that_hangs_up_is_a_lost_session(meet_box: MeetBox, stage: str) -> None:
    """Hazard H70."""
    box, call = called(meet_box, stage, "---\n")

    with pytest.raises(errors.ConnectionFailed) as lost:
        call(box)

    assert lost.value.retryable
    assert not box.session.usable


@pytest.mark.parametrize("stage", [stage for stage in SCENES if stage not in ("hello", "RETR, many", "TOP")])
def test_a_refusal_is_one_everywhere(meet_box: MeetBox, stage: str) -> None:
    """-ERR leaves an open session usable, and ends one that is being opened."""
    box, call = called(
        meet_box, stage, "S: -ERR no\n" + ("C: NOOP\nS: +OK\n" if SCENES[stage][1] is not opened else "")
    )

    with pytest.raises(errors.Refused) as refused:
        call(box)

    assert not refused.value.retryable
    assert refused.value.session_usable == box.session.usable == (call is not opened)
    if box.session.usable:
        box.noop()


@pytest.mark.parametrize("stage", ["DELE", "RSET", "NOOP", "RETR", "TOP"])
def test_an_answer_too_many_does_not_answer_the_next_command(meet_box: MeetBox, stage: str) -> None:
    """Hazards H01, H68."""
    answer = letter("one") if stage in ("RETR", "TOP") else "S: +OK\n"
    box, call = called(meet_box, stage, answer + "S: +OK 1 too many\n...\n")
    call(box)
    if inside.dialogue_of(box.session).exchange.idle:
        box.wait_for_words()

    with pytest.raises(errors.RemoteProtocolError, match="without being asked"):
        box.noop()

    assert not box.session.usable


def test_a_server_that_hangs_up_in_the_middle_of_a_letter_gives_those_before_it(meet_box: MeetBox) -> None:
    box, _ = called(meet_box, "RETR, many", letter("one") + "S: +OK\nS: half of\n---\n")
    seen: list[int] = []
    if not isinstance(box, BlockingBox):
        with pytest.raises(errors.ConnectionFailed):
            box.many()
        return

    with pytest.raises(errors.ConnectionFailed) as lost:
        seen.extend(letter.number for letter in box.session.fetch_many())

    assert lost.value.stage == "letter"
    assert not box.session.usable


def test_a_greeting_of_another_protocol_is_told_by_its_name(meet_box: MeetBox) -> None:
    box, call = called(meet_box, "greeting", "S: 220 mx.example.org ESMTP Postfix\n...\n")

    with pytest.raises(errors.RemoteProtocolError, match="220 mx") as wrong:
        call(box)

    assert wrong.value.failure is not None
    assert wrong.value.failure.id == "WRONG-PROTOCOL"


@pytest.mark.parametrize("line", ["99999999 10", "1 x", "0 10", "1 10\nS: 1 10"])
def test_a_list_that_lies_ends_the_session(meet_box: MeetBox, line: str) -> None:
    box, call = called(meet_box, "LIST", f"S: +OK\nS: {line}\nS: .\n...\n")

    with pytest.raises(errors.RemoteProtocolError) as lie:
        call(box)

    assert lie.value.stage == "mailbox"
    assert not box.session.usable


def test_a_list_without_end_is_not_kept(meet_box: MeetBox) -> None:
    """Hazard H67: it is limited by the number of letters."""
    box, call = called(meet_box, "LIST", "S: +OK\n" + f"S: {'1 ' * 1000}\n" * 4 + "---\n")

    with pytest.raises(errors.RemoteProtocolError, match="goes on beyond"):
        call(box)


# Behaviour that plays cannot describe.


@pytest.fixture(params=[BlockingBox, AwaitingBox])
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    """A mailbox session, not opened yet, with a server of this behaviour."""
    with ExitStack() as closing:

        def call(act: Act, *, silence: float = 10, **more: int) -> Box:
            there = closing.enter_context(stranger(act))
            server = Server(
                "127.0.0.1", there.port, Security.NONE, dialect=Dialect.POP3, timeouts=Timeouts.silence(silence)
            )
            box: Box = request.param(server, None, None, **more)
            closing.callback(box.leave)
            return box

        yield call


def greeted(phone: Phone, count: int = 0, size: int = 0, *capabilities: str) -> None:
    """Greet, and answer the commands of opening a session."""
    phone.ask("+OK ready")
    phone.ask("\n".join(["+OK", "TOP", "UIDL", *capabilities, "."]))
    phone.say(f"+OK {count} {count * size}")


def flood(phone: Phone, octets: bytes) -> None:
    """Send this repeatedly until the client closes."""
    try:
        while True:
            phone.line.sendall(octets)
    except OSError:
        return


@pytest.mark.parametrize("octets", [b"x" * 65536, b"+OK " + b"y" * 65536])
def test_an_endless_line_ends_the_session(call: Call, octets: bytes) -> None:
    box = call(lambda phone: flood(phone, octets))

    with pytest.raises(errors.RemoteProtocolError, match="without ending a line"):
        box.open()

    assert not box.session.usable


def test_an_endless_letter_ends_the_session(call: Call) -> None:
    def act(phone: Phone) -> None:
        greeted(phone, 1, 10)
        phone.receive()
        phone.ask("+OK\n1 10\n.")
        phone.say("+OK")
        flood(phone, b"line\r\n" * 10_000)

    box = call(act, largest=1_000_000)
    box.open()

    with pytest.raises(errors.RemoteProtocolError, match="beyond 1250000 octets"):
        box.many()


def test_endless_capabilities_end_the_session(call: Call) -> None:
    def act(phone: Phone) -> None:
        phone.ask("+OK ready")
        phone.say("+OK")
        flood(phone, b"X-MORE\r\n" * 1000)

    with pytest.raises(errors.RemoteProtocolError, match="goes on beyond"):
        call(act).open()


@pytest.mark.slow
def test_a_silent_server_is_not_waited_for_for_ever(call: Call) -> None:
    """Hazards H09, H17."""

    def act(phone: Phone) -> None:
        greeted(phone, 1, 10)
        phone.expect_nothing_more()

    box = call(act, silence=0.3)
    box.open()

    with pytest.raises(errors.TimedOut) as late:
        box.noop()

    assert late.value.stage == "mailbox"
    assert not box.session.usable


def test_what_comes_while_nobody_asks_does_not_answer_the_next_command(call: Call) -> None:
    """Hazard H01: unsolicited data is looked for on the socket too, not only in the buffer."""
    idle = threading.Event()

    def act(phone: Phone) -> None:
        greeted(phone, 1, 10)
        assert idle.wait(10)
        phone.say("+OK 7 letters too many")
        phone.expect_nothing_more()

    box = call(act)
    box.open()
    idle.set()
    box.wait_for_words()

    with pytest.raises(errors.RemoteProtocolError, match="without being asked"):
        box.noop()


@pytest.mark.slow
def test_a_letter_that_drips_does_not_hold_us_for_ever(call: Call) -> None:
    """Each byte arrives in time; the letter as a whole does not."""
    dripping = threading.Event()

    def act(phone: Phone) -> None:
        greeted(phone, 1, 10)
        phone.receive()
        phone.ask("+OK\n1 10\n.")
        phone.say("+OK")
        try:
            while not dripping.wait(0.05):
                phone.line.sendall(b"x")
        except OSError:
            return

    box = call(act, silence=0.4)
    box.open()

    with pytest.raises(errors.TimedOut) as late:
        box.raw(1)

    dripping.set()
    assert late.value.stage == "letter"


@pytest.mark.slow
def test_a_letter_that_makes_progress_may_take_longer_than_the_limit(call: Call, tmp_path: Path) -> None:
    """Hazard H19: a limit applies to each wait, not to the whole."""
    pause = threading.Event()

    def act(phone: Phone) -> None:
        greeted(phone, 1, 10)
        phone.receive()
        phone.say("+OK")
        for _ in range(8):
            phone.line.sendall(b"x" * 4998 + b"\r\n")
            pause.wait(0.1)
        phone.say(".")
        phone.expect_nothing_more()

    box = call(act, silence=0.4)
    box.open()

    box.save(1, tmp_path / "letter.eml")

    assert (tmp_path / "letter.eml").stat().st_size == 40_000


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_letters(call: Call) -> None:
    """Twenty megabytes are read; only a window of them is held."""
    count, body = 2_000, b"x" * 9_998 + b"\r\n"

    def act(phone: Phone) -> None:
        greeted(phone, count, 10_000, "PIPELINING")
        phone.receive()
        phone.say("+OK\n" + "".join(f"{number} 10000\n" for number in range(1, count + 1)) + ".")
        for _ in range(count):
            phone.receive()
            phone.line.sendall(b"+OK\r\n" + body + b".\r\n")

    box = call(act)
    box.open()
    following = box.letters(window=100)
    assert following() == 1
    tracemalloc.start()

    for number in range(2, count + 1):
        assert following() == number

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_commands_and_letters_pass_each_other(call: Call) -> None:
    """A server that writes before it reads and a client that pipelines do not deadlock."""
    count, body = 300, b"x" * 9_998 + b"\r\n"

    def act(phone: Phone) -> None:
        greeted(phone, count, 10_000, "PIPELINING")
        phone.receive()
        phone.say("+OK\n" + "".join(f"{number} 10000\n" for number in range(1, count + 1)) + ".")
        for _ in range(count):
            phone.receive()
            phone.line.sendall(b"+OK\r\n" + body + b".\r\n")
        phone.receive()
        phone.say("+OK")

    box = call(act)
    box.open()

    assert [content for _, content in box.many()] == [body] * count
    box.close()


@pytest.mark.parametrize("colour", [BlockingBox, AwaitingBox])
@pytest.mark.parametrize("credentials", [("u\r\nDELE 1", "secret"), ("ada", "secret\r\nDELE 1"), ("u\x7f", "secret")])
def test_a_user_name_never_becomes_a_second_command(colour: type[Box], credentials: tuple[str, str]) -> None:
    """Hazard H42: nothing of it is sent."""

    def act(phone: Phone) -> None:
        phone.ask("+OK ready")
        phone.ask("-ERR")
        phone.say("+OK")
        phone.expect_nothing_more()

    with stranger(act) as there:
        server = Server("127.0.0.1", there.port, Security.NONE, dialect=Dialect.POP3)
        box = colour(server, Password(*credentials), None)

        with pytest.raises(errors.LocalProtocolError) as refused:
            box.open()

        box.leave()

    assert "DELE" not in str(refused.value)
    assert not any(b"DELE" in line or b"\x7f" in line for phone in there.phones for line in phone.heard)
