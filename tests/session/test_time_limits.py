"""Time limits for opening a session and for whole calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import pytest

from courriel import (
    AsyncSmtpSession,
    ImapSession,
    PopSession,
    Security,
    Server,
    SmtpSession,
    Timeouts,
    asend,
    errors,
    send,
)
from courriel.model.servers.server import Dialect
from courriel.network import line
from courriel.network.line import Deadlines
from session.stranger import Phone, greeted, stranger

MAIL = {"sender": "a@x.org", "to": "b@x.org", "subject": "x", "text": "y"}


def blocking(server: Server) -> None:
    {Dialect.POP3: PopSession, Dialect.IMAP: ImapSession}.get(server.dialect, SmtpSession)(server).open()


def awaiting(server: Server) -> None:
    asyncio.run(AsyncSmtpSession(server).open())  # type: ignore[arg-type]


Opening = Callable[[Server], None]
in_both_colours = pytest.mark.parametrize("open_session", [blocking, awaiting])


def silent(phone: Phone) -> None:
    phone.expect_nothing_more()


@in_both_colours
def test_a_silent_greeting_costs_its_limit_and_the_look_at_the_port_is_within_it(open_session: Opening) -> None:
    """The probe's own limit would be longer."""
    with stranger(silent) as there:
        server = Server("127.0.0.1", there.port, Security.NONE, timeouts=Timeouts(greeting=0.2))

        with pytest.raises(errors.TimedOut, match=r"was silent for 0\.2 s \(greeting\)"):
            open_session(server)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", [Dialect.SMTP, Dialect.POP3, Dialect.IMAP])
def test_one_silence_is_the_limit_in_every_protocol(dialect: Dialect) -> None:
    with stranger(silent) as there:
        server = Server("127.0.0.1", there.port, Security.NONE, timeouts=Timeouts.silence(0.2), dialect=dialect)

        with pytest.raises(errors.TimedOut, match=r"was silent for 0\.2 s \(greeting\)"):
            blocking(server)


@pytest.mark.slow
@in_both_colours
def test_a_server_that_is_slow_at_every_stage_does_not_add_them_up(open_session: Opening) -> None:
    def slow(phone: Phone) -> None:
        phone.ask("220 hi")
        phone.expect_nothing_more()

    with stranger(slow) as there:
        timeouts = Timeouts(opening=0.3)

        with pytest.raises(errors.TimedOut, match=r"opening a session with .* took more than 0\.3 s \(hello\)"):
            open_session(Server("127.0.0.1", there.port, Security.NONE, timeouts=timeouts))


@pytest.mark.slow
@pytest.mark.parametrize("call", [send, lambda **fields: asyncio.run(asend(**fields))])
def test_the_deadline_of_one_call_is_over_all_of_it(call: Callable[..., object]) -> None:
    def slow(phone: Phone) -> None:
        greeted(phone)
        phone.expect_nothing_more()

    with stranger(slow) as there, pytest.raises(errors.TimedOut, match=r"the whole call to .* took more than 0\.3 s"):
        call(via=f"smtp://127.0.0.1:{there.port}?total=0.3", **MAIL)


# Deadlines.


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(line, "monotonic", time)
    return time


def clock(timeouts: Timeouts) -> Deadlines:
    made = Deadlines(Server("127.0.0.1", 25, Security.NONE, timeouts=timeouts))
    made.start_call()
    made.for_connecting()
    return made


def test_waiting_for_a_greeting_looking_at_the_port_and_waiting_again_have_one_limit(time: Time) -> None:
    watch = clock(Timeouts(greeting=20))

    assert watch.for_greeting(10) == 10
    time.now += 10
    assert watch.for_probe("greeting") == 5
    time.now += 5
    assert watch.for_reply("greeting", more=False) == 5


def test_a_short_limit_leaves_the_look_what_is_left(time: Time) -> None:
    watch = clock(Timeouts(greeting=2))

    watch.for_greeting(1)
    time.now += 1
    assert watch.for_probe("greeting") == 1
    time.now += 1.5
    assert watch.for_probe("greeting") == 0
    with pytest.raises(TimeoutError):
        watch.for_reply("greeting", more=False)


def test_an_opening_has_one_deadline_and_what_comes_after_it_its_own_limits(time: Time) -> None:
    watch = clock(Timeouts(opening=30))

    time.now += 20
    assert watch.for_reply("hello", more=False) == 10
    time.now += 9
    assert watch.for_reply("authenticate", more=False) == 1
    time.now += 5
    assert watch.for_reply("sender", more=False) == 300
    assert watch.for_reply("message", more=False) == 600


def test_a_session_that_is_opened_anew_within_a_call_has_its_time_anew_but_not_more_than_the_call(time: Time) -> None:
    watch = clock(Timeouts(opening=30, total=50))
    time.now += 25
    watch.for_reply("sender", more=False)

    watch.for_connecting()

    assert watch.for_reply("hello", more=False) == 25


def test_calls_that_count_as_one_share_the_total(time: Time) -> None:
    watch = Deadlines(Server("127.0.0.1", 25, Security.NONE, timeouts=Timeouts(total=50)))
    watch.count_as_one_call()
    watch.start_call()
    time.now += 20

    watch.start_call()

    assert watch.for_reply("sender", more=False) == 30


@pytest.mark.slow
@pytest.mark.parametrize("send_by", [send, lambda **about: asyncio.run(asend(**about))], ids=["blocking", "awaiting"])
def test_a_reply_that_begins_while_the_content_is_written_has_its_own_limit(
    monkeypatch: pytest.MonkeyPatch, send_by: Callable[..., object]
) -> None:
    """The limit of the reply before has run out meanwhile: writing took long."""
    late = 0.0
    monkeypatch.setattr(line, "monotonic", lambda: monotonic() + late)

    def slow(phone: Phone) -> None:
        nonlocal late
        greeted(phone)
        assert phone.receive().startswith(b"MAIL")
        assert phone.ask("250 ok").startswith(b"RCPT")
        assert phone.ask("250 ok") == b"DATA"
        assert phone.ask("354 go")
        phone.say("552-this")
        late = 1000.0
        phone.receive_content()
        assert phone.ask("552 is too large") == b"RSET"
        phone.say("250 ok")
        phone.expect_nothing_more()

    with stranger(slow) as there:
        large = MAIL | {"text": ("y" * 70 + "\n") * 300_000}
        with pytest.raises(errors.MessageRefused, match="is too large"):
            send_by(via=f"smtp://127.0.0.1:{there.port}?tls=none", **large)
