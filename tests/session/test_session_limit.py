"""Servers that limit the messages of a session, and refuse the next MAIL: a new session follows at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inside
from courriel import (
    AsyncSmtpPool,
    AsyncSmtpSession,
    Message,
    Outbox,
    Receipt,
    Reply,
    Sandbox,
    Security,
    Server,
    SmtpPool,
    SmtpSession,
    State,
    Timeouts,
    errors,
)
from courriel.dialogue.smtp.session_limit import speaks_of_session
from courriel.session import server_memory
from courriel.session.pool.throttle import asks_to_slow_down
from session.crowd import Crowd

FULL = "452 4.5.3 Too many messages in this session"
WORDS = "450 too many messages in this connection"
CAPABILITIES = [["PIPELINING"], []]

Sender = Callable[[Server, int], list[Receipt | errors.CourrielError]]


def mail(n: int) -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject=f"mail {n}", text="Hello.")


def at(crowd: Crowd) -> Server:
    return Server("127.0.0.1", crowd.port, Security.NONE, timeouts=Timeouts.silence(10))


@pytest.fixture(autouse=True)
def fresh_memory() -> Iterator[None]:
    server_memory.forget()
    yield
    server_memory.forget()


@pytest.fixture(params=CAPABILITIES, ids=["pipelining", "lock-step"])
def crowd(request: pytest.FixtureRequest) -> Iterator[Crowd]:
    crowd = Crowd(each=3, ending=FULL)
    crowd.capabilities = request.param
    yield crowd
    crowd.close()


def one_by_one(server: Server, count: int) -> list[Receipt | errors.CourrielError]:
    with SmtpSession(server) as session:
        return [session.send(mail(n)) for n in range(count)]


def one_by_one_awaited(server: Server, count: int) -> list[Receipt | errors.CourrielError]:
    async def story() -> list[Receipt | errors.CourrielError]:
        async with AsyncSmtpSession(server) as session:
            return [await session.send(mail(n)) for n in range(count)]

    return asyncio.run(story())


def many(server: Server, count: int) -> list[Receipt | errors.CourrielError]:
    with SmtpSession(server) as session:
        return list(session.send_many(mail(n) for n in range(count)))


def many_awaited(server: Server, count: int) -> list[Receipt | errors.CourrielError]:
    async def story() -> list[Receipt | errors.CourrielError]:
        async with AsyncSmtpSession(server) as session:
            return [result async for result in session.send_many(mail(n) for n in range(count))]

    return asyncio.run(story())


def pooled(server: Server, count: int) -> list[Receipt | errors.CourrielError]:
    with SmtpPool(server, size=1) as pool:
        return [pool.send(mail(n)) for n in range(count)]


def pooled_together(server: Server, count: int) -> list[Receipt | errors.CourrielError]:
    async def story() -> list[Receipt | errors.CourrielError]:
        async with AsyncSmtpPool(server, size=2) as pool:
            return await asyncio.gather(*(pool.send(mail(n)) for n in range(count)))

    return asyncio.run(story())


@pytest.mark.parametrize("send", [one_by_one, one_by_one_awaited, many, many_awaited, pooled, pooled_together])
@pytest.mark.parametrize("ending", [FULL, WORDS])
def test_a_full_session_is_followed_by_another_and_every_mail_arrives_once(
    crowd: Crowd, send: Sender, ending: str
) -> None:
    crowd.ending = ending

    results = send(at(crowd), 10)

    assert all(isinstance(result, Receipt) for result in results), results
    assert crowd.mails == {f"mail {n}": 1 for n in range(10)}
    assert server_memory.of(at(crowd)).max_messages == 3


@pytest.mark.parametrize("send", [one_by_one, one_by_one_awaited, many, many_awaited, pooled])
def test_a_known_limit_causes_no_further_refusal(crowd: Crowd, send: Sender) -> None:
    send(at(crowd), 5)
    refusals, crowd.mails = crowd.refusals, type(crowd.mails)()

    send(at(crowd), 10)

    assert crowd.refusals == refusals >= 1
    assert crowd.mails == {f"mail {n}": 1 for n in range(10)}


def test_a_window_in_flight_is_handed_over_again_in_its_order(crowd: Crowd) -> None:
    arrived: list[str] = []
    receive = crowd.receive_mail

    def receive_in_order(phone: object) -> str:
        arrived.append(receive(phone))  # type: ignore[arg-type]
        return arrived[-1]

    crowd.receive_mail = receive_in_order  # type: ignore[method-assign,assignment]

    many(at(crowd), 20)

    assert arrived == [f"mail {n}" for n in range(20)]


def test_a_pool_is_not_slowed_down_by_a_full_session(crowd: Crowd) -> None:
    with SmtpPool(at(crowd)) as pool:
        for n in range(8):
            pool.send(mail(n))

        assert inside.state_of(pool).at_ease


def test_a_421_that_speaks_of_the_session_teaches_the_number_and_slows_nothing_down() -> None:
    crowd = Crowd(each=2, ending="421")
    crowd.closing = "421 too many messages in this connection"
    with SmtpPool(at(crowd), size=1) as pool:
        for n in range(7):
            pool.send(mail(n))

        assert inside.state_of(pool).at_ease
    assert server_memory.of(at(crowd)).max_messages == 2
    assert crowd.mails == {f"mail {n}": 1 for n in range(7)}
    crowd.close()


def test_a_new_session_that_is_refused_at_once_is_throttled() -> None:
    crowd = Crowd(each=0, ending=FULL)
    with SmtpPool(at(crowd)) as pool, pytest.raises(errors.SenderRefused) as refused:
        pool.send(mail(1))

    assert refused.value.failure is not None
    assert refused.value.failure.id == "RATE-LIMITED"
    assert asks_to_slow_down(refused.value)
    assert server_memory.of(at(crowd)).max_messages is None
    crowd.close()


def test_the_outbox_sends_everything_at_once_on_as_many_sessions_as_it_takes(crowd: Crowd, tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.put_many([mail(n) for n in range(10)], via=f"smtp://127.0.0.1:{crowd.port}?tls=none")

        assert outbox.run_once() == 10

        assert [count.state for count in outbox.stats()] == [State.SENT]
    assert crowd.mails == {f"mail {n}": 1 for n in range(10)}


def test_whole_messages_in_flight_are_handed_over_again() -> None:
    with Sandbox() as sandbox:
        sandbox.answer("sender", FULL, nth=4, times=2)
        with SmtpSession(sandbox.server()) as session:
            results = list(session.send_many((mail(n) for n in range(12)), window=5))

        assert all(isinstance(result, Receipt) for result in results), results
        assert sorted(letter.subject for letter in sandbox.letters) == sorted(f"mail {n}" for n in range(12))
        assert len(sandbox.sessions) > 1


def refusal(code: int, text: str, stage: errors.Stage = "sender") -> errors.Refused:
    return errors.SenderRefused(Reply(code, (text,)), stage=stage)


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (refusal(452, "4.5.3 Too many recipients"), True),
        (refusal(452, "4.5.3"), True),
        (refusal(450, "Maximum number of messages per session reached"), True),
        (refusal(421, "Max message per connection reached"), True),
        (refusal(421, "too many mail transactions in this session"), True),
        (refusal(451, "this connection has reached its limit of 50 messages"), True),
        (refusal(452, "4.5.3 Too many recipients", "recipient"), False),
        (refusal(432, "4.5.3 too many messages in this session"), False),
        (refusal(421, "4.7.0 Max message per connection reached"), False),
        (refusal(450, "4.7.1 too many messages in this session"), False),
        (refusal(452, "4.3.1 Insufficient system storage"), False),
        (refusal(421, "4.4.2 mail.example.org connection timed out"), False),
        (refusal(421, "mail.example.org: connection limit exceeded"), False),
        (refusal(550, "5.5.3 too many messages in this session"), False),
        (refusal(450, "too many messages, slow down"), False),
    ],
    ids=str,
)
def test_which_replies_are_about_the_session(error: errors.CourrielError, full: bool) -> None:
    assert speaks_of_session(error) is full


@given(st.text(max_size=3000))
def test_any_reply_is_classified(text: str) -> None:
    assert speaks_of_session(refusal(450, text)) in (True, False)
