"""Changing the time limits of an open session."""

from __future__ import annotations

import asyncio
import socket
import threading
from time import monotonic

import pytest

from courriel import AsyncSmtpSession, Security, Server, SmtpSession, Timeouts, errors
from session.stranger import Phone, greeted, stranger


@pytest.fixture
def mute() -> object:
    """A server that greets, answers EHLO, and never replies again."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            line, _ = listening.accept()
            with line:
                line.settimeout(10)
                line.sendall(b"220 ready\r\n")
                line.recv(1000)
                line.sendall(b"250 ok\r\n")
                while line.recv(1000):
                    pass

        serving = threading.Thread(target=serve)
        serving.start()
        yield Server("127.0.0.1", listening.getsockname()[1], Security.NONE)
        serving.join()


def test_new_time_limits_hold_from_the_next_wait_on(mute: Server) -> None:
    session = SmtpSession(mute).open()

    session.change_timeouts(Timeouts.silence(0.05))

    with pytest.raises(errors.TimedOut, match=r"0\.05 s"):
        session.noop()
    assert session.server.timeouts.message == 0.05


def test_new_time_limits_hold_when_awaited_too(mute: Server) -> None:
    async def wait() -> None:
        session = await AsyncSmtpSession(mute).open()
        session.change_timeouts(Timeouts.silence(0.05))
        await session.noop()

    with pytest.raises(errors.TimedOut, match=r"0\.05 s"):
        asyncio.run(wait())


def test_a_longer_patience_is_kept_to_its_end_although_the_system_was_told_of_a_shorter_one() -> None:
    def act(phone: Phone) -> None:
        greeted(phone)
        phone.receive()
        phone.say("250 ok")
        phone.expect_nothing_more()

    with stranger(act) as server:
        session = SmtpSession(Server("127.0.0.1", server.port, Security.NONE)).open()
        session.change_timeouts(Timeouts.silence(0.1))
        session.noop()
        session.change_timeouts(Timeouts.silence(0.3))
        began = monotonic()

        with pytest.raises(errors.TimedOut):
            session.noop()

    assert monotonic() - began >= 0.3
