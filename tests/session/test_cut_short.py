"""Interrupted calls (cancelled, Ctrl-C): the connection is closed, other callers are refused, `open()` reconnects."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from courriel import AsyncSmtpSession, Envelope, Security, Server, SmtpSession, errors
from courriel.model.content import Content
from courriel.model.submission import Submission
from courriel.network.connecting import blocking as connecting
from courriel.network.https.line import HttpsLine
from session.play import PATIENCE
from session.stranger import Phone, Stranger, greeted, stranger

RAW = b"Subject: hello\r\n\r\nhello\r\n"
CONTENT = Content((RAW,), len(RAW))
BOB = Envelope.of("ada@example.org", "bob@example.org")

STAGES = ["greeting", "hello", "sender", "recipient", "data", "message"]
ANSWERS = {"hello": "250 hi", "sender": "250 ok", "recipient": "250 ok", "data": "354 go", "message": "250 queued"}


class Sleeper:
    """Server that stops replying at one stage of its first session, and signals when the client has closed."""

    def __init__(self, stage: str) -> None:
        self.asleep = threading.Event()
        self.left = threading.Event()
        self._stage = stage

    def first(self, phone: Phone) -> None:
        self._converse(phone, self._stage)
        self.asleep.set()
        phone.expect_nothing_more()
        self.left.set()

    def later(self, phone: Phone) -> None:
        self._converse(phone, "")
        phone.receive()
        phone.say("221 bye")

    def _converse(self, phone: Phone, until: str) -> None:
        if until == "greeting":
            return
        phone.say("220 hi")
        for stage, answer in ANSWERS.items():
            phone.receive_content() if stage == "message" else phone.receive()
            if stage == until:
                return
            phone.say(answer)


@pytest.fixture
def asleep_at() -> Iterator[Callable[[str], tuple[Sleeper, Server]]]:
    running: list[Stranger] = []

    def start(stage: str) -> tuple[Sleeper, Server]:
        sleeper = Sleeper(stage)
        running.append(Stranger(sleeper.first, sleeper.later))
        return sleeper, Server("127.0.0.1", running[0].port, Security.NONE, ehlo_name="client.example.org")

    yield start
    for server in running:
        server.close()


Asleep = Callable[[str], tuple[Sleeper, Server]]


async def event(happened: threading.Event) -> None:
    assert await asyncio.to_thread(happened.wait, PATIENCE), "it did not happen"


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancelled_call_hangs_up(asleep_at: Asleep, stage: str) -> None:
    sleeper, server = asleep_at(stage)

    async def scenario() -> None:
        session = AsyncSmtpSession(server)

        async def use() -> None:
            await session.open()
            await session.submit(Submission(BOB, CONTENT))

        call = asyncio.create_task(use())
        await event(sleeper.asleep)
        with pytest.raises(errors.UsageError, match="busy") as busy:
            await (session.noop() if session.usable else session.open())
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await event(sleeper.left)

        assert busy.value.session_usable
        assert busy.value.failure is not None
        assert busy.value.failure.id == "SESSION-BUSY"
        assert not session.usable
        with pytest.raises(errors.ConnectionFailed, match="open it again"):
            await session.noop()
        async with session:
            assert (await session.submit(Submission(BOB, CONTENT))).complete

    asyncio.run(scenario())


@pytest.mark.parametrize("stage", ["sender", "message"])
def test_a_time_limit_of_asyncio_hangs_up_too(asleep_at: Asleep, stage: str) -> None:
    sleeper, server = asleep_at(stage)

    async def scenario() -> None:
        async with AsyncSmtpSession(server) as session:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await session.submit(Submission(BOB, CONTENT))
            await event(sleeper.left)

            assert not session.usable

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_cancelled_handshake_leaves_nothing_open(asleep_at: Asleep) -> None:
    sleeper, clear = asleep_at("greeting")
    server = Server("127.0.0.1", clear.port, Security.TLS)

    async def scenario() -> None:
        session = AsyncSmtpSession(server)
        call = asyncio.create_task(session.open())
        await event(sleeper.asleep)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await event(sleeper.left)

        assert not session.usable

    asyncio.run(scenario())
    gc.collect()


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_hangs_up(asleep_at: Asleep, stage: str) -> None:
    """The signal arrives during the wait; the session is closed, and can be reopened."""
    sleeper, server = asleep_at(stage)
    session = SmtpSession(server)
    refused: list[Exception] = []

    def interrupt() -> None:
        assert sleeper.asleep.wait(PATIENCE)
        try:
            session.noop() if session.usable else session.open()
        except errors.UsageError as busy:
            refused.append(busy)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def use() -> None:
        session.open()
        session.submit(Submission(BOB, CONTENT))

    other = threading.Thread(target=interrupt)
    other.start()
    with pytest.raises(KeyboardInterrupt):
        use()
    other.join()

    assert sleeper.left.wait(PATIENCE)
    assert "busy" in str(refused[0])
    assert not session.usable
    with pytest.raises(errors.ConnectionFailed, match="open it again"):
        session.noop()
    with session:
        assert session.submit(Submission(BOB, CONTENT)).complete


def test_what_a_signal_handler_raises_hangs_up(asleep_at: Asleep) -> None:
    """A worker that stops by an exception in a signal handler, as under process managers."""

    class Stop(Exception):
        pass

    def stop(number: int, frame: object) -> None:
        raise Stop

    sleeper, server = asleep_at("message")
    before = signal.signal(signal.SIGUSR1, stop)
    main = threading.main_thread().ident or 0

    def interrupt() -> None:
        assert sleeper.asleep.wait(PATIENCE)
        signal.pthread_kill(main, signal.SIGUSR1)

    other = threading.Thread(target=interrupt)
    other.start()
    try:
        with SmtpSession(server) as session, pytest.raises(Stop):
            session.submit(Submission(BOB, CONTENT))
    finally:
        other.join()
        signal.signal(signal.SIGUSR1, before)

    assert sleeper.left.wait(PATIENCE)
    assert not session.usable


def test_a_signal_that_raises_nothing_changes_nothing() -> None:
    """PEP 475: an interrupted wait goes on."""
    main = threading.main_thread().ident or 0
    before = signal.signal(signal.SIGUSR1, lambda number, frame: None)

    def act(phone: Phone) -> None:
        greeted(phone)
        phone.receive()
        signal.pthread_kill(main, signal.SIGUSR1)
        phone.say("250 ok")
        phone.expect_nothing_more()

    try:
        with stranger(act) as server, SmtpSession(Server("127.0.0.1", server.port, Security.NONE)) as session:
            session.noop()

            assert session.usable
            session.hang_up()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_threads_that_share_a_session_are_refused_and_not_mixed_up(asleep_at: Asleep) -> None:
    """Closing it ends the call in which another thread waits."""
    sleeper, server = asleep_at("message")
    session = SmtpSession(server).open()
    first: list[BaseException] = []
    others: list[BaseException] = []

    def send(outcome: list[BaseException]) -> None:
        try:
            session.submit(Submission(BOB, CONTENT))
        except errors.CourrielError as error:
            outcome.append(error)

    thread = threading.Thread(target=send, args=(first,))
    thread.start()
    assert sleeper.asleep.wait(PATIENCE)
    for _ in range(3):
        send(others)
    session.close()
    thread.join(PATIENCE)

    assert [type(each) for each in others] == [errors.UsageError] * 3
    assert [type(each) for each in first] == [errors.ConnectionFailed]
    assert isinstance(first[0], errors.CourrielError)
    assert first[0].in_doubt
    assert sleeper.left.wait(PATIENCE)


def test_a_session_that_is_closed_meanwhile_ends_the_call_that_awaits(asleep_at: Asleep) -> None:
    sleeper, server = asleep_at("message")

    async def scenario() -> None:
        session = await AsyncSmtpSession(server).open()
        call = asyncio.create_task(session.submit(Submission(BOB, CONTENT)))
        await event(sleeper.asleep)
        await session.close()
        with pytest.raises(errors.ConnectionFailed) as lost:
            await call

        assert lost.value.in_doubt
        await event(sleeper.left)

    asyncio.run(scenario())


class SilentWhileOpening:
    """Server that falls silent before its greeting, within the TLS handshake, or behind STARTTLS."""

    def __init__(self, security: Security) -> None:
        self.asleep = threading.Event()
        self.left = threading.Event()
        self._security = security

    def act(self, phone: Phone) -> None:
        if self._security is Security.STARTTLS:
            phone.ask("220 ready")
            phone.ask("250-hi\n250 STARTTLS")
            phone.say("220 go ahead")
        if self._security is not Security.NONE:
            assert phone.file.read(1) == b"\x16"  # the ClientHello has begun
        self.asleep.set()
        with contextlib.suppress(AssertionError):
            while phone.file.read(1):
                pass
        self.left.set()


OPENINGS = [Security.NONE, Security.TLS, Security.STARTTLS]


@pytest.mark.parametrize("security", OPENINGS)
def test_hanging_up_ends_an_opening_wherever_it_waits(security: Security) -> None:
    silent = SilentWhileOpening(security)
    ended: list[errors.CourrielError] = []
    with stranger(silent.act) as server:
        session = SmtpSession(Server("127.0.0.1", server.port, security))

        def open_() -> None:
            with pytest.raises(errors.ConnectionFailed) as failed:
                session.open()
            ended.append(failed.value)

        opening = threading.Thread(target=open_)
        opening.start()
        assert silent.asleep.wait(PATIENCE)
        session.hang_up()
        assert silent.left.wait(PATIENCE)
        opening.join(PATIENCE)

    assert [(type(each), each.in_doubt) for each in ended] == [(errors.ConnectionFailed, False)]
    assert "closed here" in str(ended[0])
    assert not session.usable


@pytest.mark.parametrize("security", OPENINGS)
def test_hanging_up_ends_an_awaited_opening_wherever_it_waits(security: Security) -> None:
    silent = SilentWhileOpening(security)

    async def scenario() -> None:
        with stranger(silent.act) as server:
            session = AsyncSmtpSession(Server("127.0.0.1", server.port, security))
            opening = asyncio.create_task(session.open())
            await event(silent.asleep)
            session.hang_up()
            with pytest.raises(errors.ConnectionFailed, match="closed here") as failed:
                await opening
            await event(silent.left)

        assert (type(failed.value), failed.value.in_doubt, session.usable) == (errors.ConnectionFailed, False, False)

    asyncio.run(scenario())


def test_a_signal_handler_may_hang_up_within_the_handshake() -> None:
    silent = SilentWhileOpening(Security.TLS)
    main = threading.main_thread().ident or 0
    with stranger(silent.act) as server:
        session = SmtpSession(Server("127.0.0.1", server.port, Security.TLS))
        before = signal.signal(signal.SIGUSR1, lambda *_: session.hang_up())

        def interrupt() -> None:
            assert silent.asleep.wait(PATIENCE)
            signal.pthread_kill(main, signal.SIGUSR1)

        other = threading.Thread(target=interrupt)
        other.start()
        try:
            with pytest.raises(errors.ConnectionFailed, match="closed here"):
                session.open()
        finally:
            other.join()
            signal.signal(signal.SIGUSR1, before)

    assert not session.usable


def test_hanging_up_ends_the_handshake_of_a_request_by_https() -> None:
    silent = SilentWhileOpening(Security.TLS)
    with stranger(silent.act) as server, ThreadPoolExecutor(1) as threads:
        line = HttpsLine(Server("127.0.0.1", server.port, Security.TLS))
        opening = threads.submit(line.open)
        assert silent.asleep.wait(PATIENCE)
        line.hang_up()
        assert silent.left.wait(PATIENCE)
        with pytest.raises(errors.ConnectionFailed, match="aborted here"):
            opening.result(PATIENCE)

    assert not line.connected


def test_hanging_up_before_the_connection_is_there_ends_the_opening_too(monkeypatch: pytest.MonkeyPatch) -> None:
    called, may_answer = threading.Event(), threading.Event()
    reach = connecting.reach

    def reach_late(server: Server, ends: float) -> socket.socket:
        line = reach(server, ends)
        called.set()
        assert may_answer.wait(PATIENCE)
        return line

    monkeypatch.setattr(connecting, "reach", reach_late)
    with stranger(greeted) as server:
        session = SmtpSession(Server("127.0.0.1", server.port, Security.NONE))
        with ThreadPoolExecutor(1) as threads:
            opening = threads.submit(session.open)
            assert called.wait(PATIENCE)
            session.hang_up()
            may_answer.set()
            with pytest.raises(errors.ConnectionFailed, match="closed here"):
                opening.result(PATIENCE)

    assert not session.usable
