"""`send_many` on real connections, blocking and asyncio: pipelined, chunked, small buffers, closing servers."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress

import pytest

from courriel import (
    AsyncSmtpSession,
    CourrielError,
    Envelope,
    Message,
    Receipt,
    Sandbox,
    Security,
    Server,
    SmtpSession,
    Timeouts,
    errors,
)  # fmt: skip
from courriel.model.content import Content
from courriel.model.receipt import Result
from courriel.model.submission import Submission
from courriel.session import message_source, server_memory

PEOPLE = [f"r{number}@example.org" for number in range(50)]


def message(number: int, text: str = "Hello.") -> Message:
    return Message(sender="ada@example.org", to=PEOPLE[number % 50], subject=f"Number {number}", text=text)


def blocking(server: Server, messages: Iterable[Message], **wishes: object) -> list[Result]:
    with SmtpSession(server) as session:
        return list(session.send_many(messages, **wishes))  # type: ignore[arg-type]


def awaiting(server: Server, messages: Iterable[Message], **wishes: object) -> list[Result]:
    async def send() -> list[Result]:
        async with AsyncSmtpSession(server) as session:
            return [result async for result in session.send_many(messages, **wishes)]  # type: ignore[arg-type]

    return asyncio.run(send())


in_both_colours = pytest.mark.parametrize("send", [blocking, awaiting])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@in_both_colours
@pytest.mark.parametrize("window", [1, 2, 100])
@pytest.mark.parametrize("security", [Security.NONE, pytest.param(Security.STARTTLS, marks=pytest.mark.slow)])
def test_every_message_arrives_once_and_in_order(
    send: object, sandbox: Sandbox, window: int, security: Security
) -> None:
    messages = [message(number, "." * (number * 97 % 3000)) for number in range(150)]

    results = send(sandbox.server(security), iter(messages), window=window)  # type: ignore[operator]

    assert [isinstance(result, Receipt) for result in results] == [True] * 150
    assert [result.message_id for result in results] == [each.message_id for each in messages]
    assert [letter.subject for letter in sandbox.letters] == [f"Number {number}" for number in range(150)]
    assert [letter.recipients for letter in sandbox.letters] == [(PEOPLE[number % 50],) for number in range(150)]


@in_both_colours
def test_one_bad_message_does_not_stop_the_others(send: object, sandbox: Sandbox) -> None:
    sandbox.refuse("r3@example.org")
    bad = Message(sender="é@example.org", to="bob@example.org", subject="x", text="y")
    messages = [message(0), message(3), bad, message(4)]

    results = send(sandbox.server(), messages)  # type: ignore[operator]

    assert [type(result).__name__ for result in results] == ["Receipt", "RecipientsRefused", "Receipt", "Receipt"]
    assert len(sandbox.letters) == 3
    assert (results[1].server, results[1].message_id) == (str(sandbox.server()), messages[1].message_id)
    assert any("Fix: " in note or "À faire : " in note for note in results[1].__notes__)


@in_both_colours
@pytest.mark.parametrize("window", [1, 100])
def test_a_result_in_doubt_carries_the_message_id_to_look_for(send: object, sandbox: Sandbox, window: int) -> None:
    sandbox.answer("message", "hang up", times=1)
    mail = message(0)

    results = send(sandbox.server(), [mail], window=window)  # type: ignore[operator]

    assert results[0].in_doubt
    assert results[0].message_id == mail.message_id
    assert f"Message-ID {mail.message_id}" in str(results[0])


def test_an_error_in_doubt_carries_the_message_id_to_look_for(sandbox: Sandbox) -> None:
    sandbox.answer("message", "hang up", times=1)
    mail = message(0)

    with SmtpSession(sandbox.server()) as session, pytest.raises(errors.ConnectionFailed) as lost:
        session.send(mail)

    assert lost.value.in_doubt
    assert lost.value.message_id == mail.message_id
    assert f"{sandbox.server()}" in str(lost.value)
    assert f"Message-ID {mail.message_id}" in str(lost.value)


@pytest.mark.slow
@in_both_colours
def test_large_messages_go_between_small_ones(send: object, sandbox: Sandbox) -> None:
    messages = [
        message(number, "x" * 70 + "\n" * 3000 if number % 3 else "y" * 70 + "\n" * 120_000) for number in range(9)
    ]

    results = send(sandbox.server(), messages)  # type: ignore[operator]

    assert all(isinstance(result, Receipt) for result in results)
    assert [letter.subject for letter in sandbox.letters] == [f"Number {number}" for number in range(9)]


@pytest.mark.slow
def test_messages_are_taken_as_the_line_has_room_for_them(sandbox: Sandbox) -> None:
    taken: list[int] = []

    def supply() -> Iterator[Message]:
        for number in range(500):
            taken.append(number)
            yield message(number)

    with SmtpSession(sandbox.server()) as session:
        for given, _ in enumerate(session.send_many(supply(), window=10), start=1):
            assert len(taken) <= given + 20


@in_both_colours
def test_what_the_messages_raise_comes_after_the_results_of_those_before(send: object, sandbox: Sandbox) -> None:
    def supply() -> Iterator[Message]:
        yield message(1)
        yield message(2)
        raise ZeroDivisionError

    results: list[Result] = []
    with SmtpSession(sandbox.server()) as session, pytest.raises(ZeroDivisionError):
        results.extend(session.send_many(supply()))

    assert len(results) == len(sandbox.letters) == 2
    with pytest.raises(ZeroDivisionError):
        send(sandbox.server(), supply())  # type: ignore[operator]


@in_both_colours
def test_a_row_that_does_not_fit_has_its_error_in_its_place(send: object, sandbox: Sandbox) -> None:
    """An iterator that continues after an error loses nothing; a generator is over then, and its end is not trusted."""
    people = ["ada@example.org", "no address", "bob@example.org"]

    def to(person: str) -> Message:
        return Message(sender="cleo@example.org", to=person, subject="x", text="y")

    results = send(sandbox.server(), map(to, people))  # type: ignore[operator]

    assert [type(result).__name__ for result in results] == ["Receipt", "InvalidAddress", "Receipt"]
    with pytest.raises(errors.InvalidAddress):
        send(sandbox.server(), (to(person) for person in people))  # type: ignore[operator]


@pytest.mark.parametrize("window", [1, 100])
def test_closing_the_generator_leaves_a_session_in_step_or_closed(sandbox: Sandbox, window: int) -> None:
    with SmtpSession(sandbox.server()) as session:
        for _ in session.send_many((message(number) for number in range(100)), window=window):
            break
        if not session.usable:
            session.open()
        session.send(message(777))

    assert sandbox.letters[-1].subject == "Number 777"
    assert len({letter.subject for letter in sandbox.letters}) == len(sandbox.letters)


def test_the_session_is_busy_until_the_last_result_was_taken(sandbox: Sandbox) -> None:
    with SmtpSession(sandbox.server()) as session:
        results = session.send_many([message(1), message(2)], window=1)
        next(results)
        with pytest.raises(errors.UsageError, match="busy"):
            session.send(message(3))
        list(results)
        session.send(message(3))

    assert len(sandbox.letters) == 3


def test_async_messages_are_awaited(sandbox: Sandbox) -> None:
    async def supply() -> AsyncIterator[Message]:
        for number in range(30):
            await asyncio.sleep(0)
            yield message(number)

    async def send() -> int:
        async with AsyncSmtpSession(sandbox.server()) as session:
            return sum([isinstance(result, Receipt) async for result in session.send_many(supply())])

    assert asyncio.run(send()) == 30


@pytest.mark.parametrize("window", [0, -1, True, 10_001, 1.5])
def test_a_window_is_a_number(sandbox: Sandbox, window: object) -> None:
    with SmtpSession(sandbox.server()) as session, pytest.raises(errors.UsageError):
        list(session.send_many([message(1)], window=window))  # type: ignore[arg-type]


def test_a_session_that_is_not_open_sends_nothing(sandbox: Sandbox) -> None:
    with pytest.raises(errors.ConnectionFailed, match="open it again"):
        list(SmtpSession(sandbox.server()).send_many([message(1)]))


class Talker:
    """A server with small buffers that sends long replies, and stops reading while its replies are not read."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.server = Server("127.0.0.1", self._listener.getsockname()[1], Security.NONE, timeouts=Timeouts.silence(20))
        self.taken = 0
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Talker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        line, _ = self._listener.accept()
        with line, line.makefile("rb") as heard, suppress(OSError):
            line.sendall(b"220 hi\r\n")
            for command in heard:
                verb = command[:4]
                if verb == b"EHLO":
                    line.sendall(b"250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
                    continue
                if verb == b"BDAT":
                    heard.read(int(command.split()[1]))
                    self.taken += 1
                line.sendall(b"250 " + b"blah " * 200 + b"\r\n")
                if verb == b"QUIT":
                    return


@in_both_colours
def test_a_server_that_must_be_read_while_we_write_is_read(send: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise both sides would wait for each other for ever."""
    with Talker() as talker:
        server_memory.of(talker.server).bdat_taken = True
        monkeypatch.setattr(socket, "socket", SmallSocket)
        results = send(talker.server, [message(number, "x" * 5000) for number in range(100)])  # type: ignore[operator]

    assert all(isinstance(result, Receipt) for result in results)
    assert talker.taken == 100


class SmallSocket(socket.socket):
    """A socket with small buffers, which fill up at once."""

    def __init__(self, *arguments: int, **named: int) -> None:
        super().__init__(*arguments, **named)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def test_a_cancelled_window_hangs_up(sandbox: Sandbox) -> None:
    sandbox.answer("message", "silence", nth=5)

    async def send() -> AsyncSmtpSession:
        session = AsyncSmtpSession(sandbox.server())
        await session.open()

        async def all_of_them() -> list[Result]:
            return [result async for result in session.send_many([message(n) for n in range(20)], window=20)]

        task = asyncio.create_task(all_of_them())
        await sandbox.awaited(subject="Number 3")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return session

    assert not asyncio.run(send()).usable


def test_results_are_errors_or_receipts_and_nothing_else(sandbox: Sandbox) -> None:
    with SmtpSession(sandbox.server()) as session:
        results = list(session.send_many(iter([])))

    assert results == []
    assert issubclass(errors.MessageRefused, CourrielError)


@pytest.mark.parametrize("window", [1, 100])
def test_a_slow_iterable_leaves_no_unfinished_message_on_the_connection(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(message_source, "_SLOW", -1)

    def supply() -> Iterator[Message]:
        for number in range(5):
            assert len(sandbox.letters) == number
            yield message(number)

    with SmtpSession(sandbox.server()) as session:
        results = list(session.send_many(supply(), window=window))

    assert len(results) == 5


class Unreadable:
    """Content that yields more or fewer bytes than its size, or raises."""

    def __init__(self, size: int, given: bytes | None) -> None:
        self.size, self._given = size, given

    def __iter__(self) -> Iterator[bytes]:
        if self._given is None:
            raise errors.InvalidMessage("the file is gone")
        yield self._given


@pytest.mark.parametrize("given", [None, b"short\r\n", b"much longer than it was said to be\r\n"])
def test_a_content_that_cannot_be_read_inside_the_window_costs_its_own_message_only(
    sandbox: Sandbox, given: bytes | None
) -> None:
    content = Content((b"Subject: Bad\r\n\r\n", Unreadable(20, given)), 36)
    bad = Submission(Envelope.of("ada@example.org", "bob@example.org"), content, "<bad@example.org>")

    with SmtpSession(sandbox.server()) as session:
        results = list(session.send_many([message(1), bad, message(2)]))

    first, broken, last = results
    assert isinstance(first, Receipt)
    assert isinstance(last, Receipt)
    assert isinstance(broken, errors.InvalidMessage)
    assert [letter.subject for letter in sandbox.letters] == ["Number 1", "Number 2"]
    assert len(sandbox.sessions) == 1
