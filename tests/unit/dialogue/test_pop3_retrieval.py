"""Window of requested letters, without a connection: bursts of commands out, answers in."""

from __future__ import annotations

from courriel.dialogue.flow import Flow, Receive, ReceivePending, Send
from courriel.dialogue.pop3.client import PopDialogue
from courriel.model.servers.server import Dialect, Server

KILOBYTE = 1024


def dialogue(count: int, size: int, *capabilities: str) -> PopDialogue:
    there = PopDialogue(Server("pop.example.org", dialect=Dialect.POP3), None, 64 * KILOBYTE * KILOBYTE)
    there.count = count
    there.sizes = dict.fromkeys(range(1, count + 1), size)
    there.capabilities = dict.fromkeys(capabilities, "")
    return there


def run(flow: Flow[None], *answers: bytes) -> list[bytes]:
    """Run the flow with these answers; return its bursts, with "..." for each wait."""
    bursts: list[bytes] = []
    waiting = list(answers)
    try:
        want = next(flow)
        while True:
            match want:
                case Send(data):
                    bursts.append(data)
                    want = flow.send(b"")
                case ReceivePending():
                    want = flow.send(b"")
                case Receive():
                    bursts.append(b"...")
                    want = flow.send(waiting.pop(0))
    except StopIteration:
        return bursts


def letters(count: int) -> bytes:
    return b"+OK\r\nhello\r\n.\r\n" * count


def asked(burst: bytes) -> int:
    return burst.count(b"RETR")


def test_a_window_is_asked_for_at_once_and_then_kept_full_by_bursts() -> None:
    reading = dialogue(400, 100, "PIPELINING").read_many(range(1, 401), 100)

    first = run(reading.advance(), letters(10))
    second = run(reading.advance(), letters(22))
    third = run(reading.advance(), letters(1))
    fourth = run(reading.advance(), letters(67))

    assert [asked(burst) for burst in first] == [100, 0]
    assert second == third == [b"..."]
    assert [asked(burst) for burst in fourth] == [33, 0]
    assert len(reading.results()) == 100


def test_large_letters_are_asked_for_until_a_megabyte_is_on_its_way() -> None:
    reading = dialogue(100, 400 * KILOBYTE, "PIPELINING").read_many(range(1, 101), 100)

    burst, _ = run(reading.advance(), letters(1))

    assert asked(burst) == 3


def test_without_pipelining_one_letter_is_requested_at_a_time() -> None:
    reading = dialogue(2, 100).read_many((1, 2), 100)

    assert run(reading.advance(), letters(1)) == [b"RETR 1\r\n", b"..."]
    assert run(reading.advance(), letters(1)) == [b"RETR 2\r\n", b"..."]
    assert not reading.done
    assert len(list(reading.results())) == 2
    assert reading.done


def test_a_letter_that_is_too_large_comes_in_its_place() -> None:
    there = dialogue(3, 100, "PIPELINING")
    there.sizes[2] = there.largest + 1
    reading = there.read_many((1, 2, 3), 100)

    first = run(reading.advance(), letters(1))
    second = run(reading.advance(), letters(1))

    assert first == [b"RETR 1\r\n", b"..."]
    assert second == [b"RETR 3\r\n", b"..."]
    assert [number for number, _ in reading.results()] == [1, 2, 3]


def test_what_was_asked_for_is_heard_before_something_else_is_said() -> None:
    there = dialogue(3, 100, "PIPELINING")
    reading = there.read_many((1, 2, 3), 100)
    run(reading.advance(), letters(1))

    heard = run(there.noop(), letters(2), b"+OK\r\n")

    assert heard == [b"...", b"NOOP\r\n", b"..."]
    assert len(list(reading.results())) == 3


def test_two_readings_do_not_take_each_others_letters() -> None:
    there = dialogue(2, 100, "PIPELINING")
    one, other = there.read_many((1, 2), 100), there.read_many((2,), 100)

    run(one.advance(), letters(1))
    run(other.advance(), b"+OK\r\ntwo of one\r\n.\r\n", b"+OK\r\ntwo of other\r\n.\r\n")

    assert list(one.results()) == [(1, b"hello\r\n"), (2, b"two of one\r\n")]
    assert list(other.results()) == [(2, b"two of other\r\n")]
