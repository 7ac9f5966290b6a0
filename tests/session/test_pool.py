"""Pools, blocking and asyncio, with limited servers: no message lost or doubled, no caller waits for ever."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

import inside
from courriel import AsyncSmtpPool, Message, Password, Receipt, Sandbox, Security, Server, SmtpPool, Timeouts, errors
from courriel.session.pool.throttle import Rate
from session.crowd import Crowd
from session.play import PATIENCE
from session.stranger import Phone, stranger

Outcome = Receipt | BaseException


def mail(subject: object) -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject=f"mail {subject}", text="Hello.")


def at(port: int) -> Server:
    return Server("127.0.0.1", port, Security.NONE, timeouts=Timeouts.silence(10))


class Threads:
    """A blocking pool; each caller is a thread."""

    def __init__(self, server: Server, credentials: Password | None = None, **limits: object) -> None:
        self.pool = SmtpPool(server, credentials, **limits)  # type: ignore[arg-type]

    def send(self, subject: object = "alone") -> Receipt:
        return self.pool.send(mail(subject))

    def send_all(self, count: int) -> list[Outcome]:
        with ThreadPoolExecutor(count) as threads:
            return [done.exception() or done.result() for done in [threads.submit(self.send, n) for n in range(count)]]

    def meanwhile(self, act: Callable[[], None]) -> Outcome:
        """Result of a mail that is being sent while `act` runs."""
        with ThreadPoolExecutor(1) as threads:
            sent = threads.submit(self.send)
            act()
            return sent.exception(PATIENCE) or sent.result()

    def hold(self, act: Callable[[], object]) -> object:
        """Run this while a session is borrowed."""
        with self.pool.session():
            return act()

    def noop(self) -> None:
        with self.pool.session() as session:
            session.noop()

    def send_many(self, count: int) -> list[Receipt | errors.CourrielError]:
        with self.pool.session() as session:
            return list(session.send_many(mail(n) for n in range(count)))

    def close(self) -> None:
        self.pool.close()

    def hang_up(self) -> None:
        self.pool.hang_up()

    def leave(self) -> None:
        self.pool.hang_up()


class Tasks:
    """An asyncio pool with the same interface, for tests of both kinds."""

    def __init__(self, server: Server, credentials: Password | None = None, **limits: object) -> None:
        self._runner = asyncio.Runner()
        self.pool = AsyncSmtpPool(server, credentials, **limits)  # type: ignore[arg-type]

    def run(self, story: Awaitable[object]) -> object:
        async def within() -> object:
            async with asyncio.timeout(PATIENCE):
                return await story

        return self._runner.run(within())

    def send(self, subject: object = "alone") -> Receipt:
        return self.run(self.pool.send(mail(subject)))  # type: ignore[return-value]

    def send_all(self, count: int) -> list[Outcome]:
        async def story() -> list[Outcome]:
            return await asyncio.gather(*(self.pool.send(mail(n)) for n in range(count)), return_exceptions=True)

        return self.run(story())  # type: ignore[return-value]

    def meanwhile(self, act: Callable[[], None]) -> Outcome:
        async def story() -> Outcome:
            sent = asyncio.create_task(self.pool.send(mail("alone")))
            await asyncio.to_thread(act)
            return (await asyncio.gather(sent, return_exceptions=True))[0]

        return self.run(story())  # type: ignore[return-value]

    def hold(self, act: Callable[[], object]) -> object:
        async def story() -> object:
            async with self.pool.session():
                return await asyncio.to_thread(act)

        return self.run(story())

    def noop(self) -> None:
        async def story() -> None:
            async with self.pool.session() as session:
                await session.noop()

        self.run(story())

    def send_many(self, count: int) -> list[Receipt | errors.CourrielError]:
        async def story() -> list[Receipt | errors.CourrielError]:
            async with self.pool.session() as session:
                return [result async for result in session.send_many(mail(n) for n in range(count))]

        return self.run(story())  # type: ignore[return-value]

    def close(self) -> None:
        loop = self._runner.get_loop()
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(self.pool.close(), loop).result(PATIENCE)
        else:
            self.run(self.pool.close())

    def hang_up(self) -> None:
        loop = self._runner.get_loop()
        asyncio.run_coroutine_threadsafe(self.pool.hang_up(), loop).result(PATIENCE)

    def leave(self) -> None:
        self.run(self.pool.hang_up())
        left = {task for task in asyncio.all_tasks(self._runner.get_loop()) if not task.done()}
        self._runner.close()
        assert not left, "a task was left behind"


Pool = Threads | Tasks
Opener = Callable[..., Pool]


@pytest.fixture(params=[Threads, Tasks])
def colour(request: pytest.FixtureRequest) -> type[Pool]:
    return request.param


@pytest.fixture
def pool_for(colour: type[Pool]) -> Iterator[Opener]:
    """Makes pools; checks that no slot in use and no socket is left at the end."""
    made: list[Pool] = []

    def pool_for(server: Server | int, *credentials: Password, **limits: object) -> Pool:
        made.append(colour(at(server) if isinstance(server, int) else server, *credentials, **limits))
        return made[-1]

    yield pool_for
    for pool in made:
        pool.leave()
        assert (pool.pool.in_use, pool.pool.resting, pool.pool.waiting) == (0, 0, 0)
    made.clear()
    gc.collect()  # an unclosed socket warns now


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    crowd = Crowd()
    yield crowd
    crowd.close()


def good(outcomes: list[Outcome]) -> bool:
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return True


def once_each(crowd: Crowd, count: int) -> bool:
    return crowd.mails == {f"mail {n}": 1 for n in range(count)}


# Many callers, few sessions.


@pytest.mark.slow
def test_fifty_callers_share_three_sessions_and_each_mail_leaves_once(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=3)

    assert good(pool.send_all(50))

    assert once_each(crowd, 50)
    assert crowd.came <= 3
    pool.close()
    crowd.wait("farewells", crowd.came)


@pytest.mark.slow
def test_a_session_is_used_again(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port)

    for n in range(3):
        pool.send(n)

    assert crowd.came == 1
    assert pool.pool.resting == 1


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["421", "unasked", "silently"])
def test_a_server_that_ends_sessions_after_some_messages_costs_no_message(
    pool_for: Opener, crowd: Crowd, ending: str
) -> None:
    crowd.each, crowd.ending = 3, ending
    pool = pool_for(crowd.port, size=2)

    assert good(pool.send_all(20))

    assert once_each(crowd, 20)


@pytest.mark.slow
def test_a_session_ends_after_so_many_messages_with_a_farewell(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, messages=2)

    for n in range(5):
        pool.send(n)

    assert crowd.came == 3
    crowd.wait("farewells", 2)


def test_many_messages_on_a_lent_session_count_too(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, messages=5)

    assert len(pool.send_many(7)) == 7

    assert once_each(crowd, 7)
    crowd.wait("farewells", 1)


# Limits of the server.


@pytest.mark.slow
def test_a_server_that_takes_only_two_at_a_time_gets_two(pool_for: Opener, crowd: Crowd) -> None:
    """Hazard H35: refused callers wait for a working session; the mail is sent all the same."""
    crowd.most = 2
    pool = pool_for(crowd.port, size=4)
    inside.without_gaps(pool.pool)  # nobody waits for the gap here

    assert good(pool.send_all(12))

    assert once_each(crowd, 12)
    assert crowd.peak <= 2
    assert inside.state_of(pool.pool).throttle(monotonic()).sessions < 4


@pytest.mark.slow
@pytest.mark.parametrize("complaint", ["432 4.3.2 Concurrent connections limit exceeded", "451 4.7.0 slow down"])
def test_throttling_halves_sessions_and_rate(pool_for: Opener, crowd: Crowd, complaint: str) -> None:
    pool = pool_for(crowd.port, size=4)
    crowd.complaint = complaint

    with pytest.raises(errors.SenderRefused) as refused:
        pool.send()

    gait = inside.state_of(pool.pool).throttle(monotonic())
    assert refused.value.retryable
    assert (gait.sessions, gait.gap) == (2, 1)
    assert pool.pool.resting == 1, "a refusal is no reason to hang up"


@pytest.mark.slow
def test_a_caller_whose_session_cannot_be_reopened_gets_a_working_one(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=2)
    inside.without_gaps(pool.pool)
    crowd.verdict.clear()
    threading.Thread(target=lambda: (crowd.wait("came", 2), crowd.verdict.set()), daemon=True).start()
    assert good(pool.send_all(2))
    assert pool.pool.resting == 2
    crowd.most = 1
    crowd.hang_up(1)
    crowd.wait("connections", 1)

    assert good(pool.send_all(6))

    assert crowd.total == 8


@pytest.mark.slow
def test_the_rate_holds_for_all_together(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=3, rate=Rate(2, 0.2))
    begun = monotonic()

    assert good(pool.send_all(5))

    assert monotonic() - begun >= 0.4
    assert once_each(crowd, 5)


@pytest.mark.slow
def test_the_rate_holds_inside_a_lent_session(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, rate=Rate(2, 0.2))
    begun = monotonic()

    pool.send_many(5)

    assert monotonic() - begun >= 0.4
    assert once_each(crowd, 5)


# Unreachable servers.


@pytest.mark.slow
def test_when_no_session_can_be_opened_all_callers_fail_at_once(pool_for: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    pool = pool_for(port, size=2, wait=3600)  # nobody waits for that long

    outcomes = pool.send_all(30)

    assert all(isinstance(outcome, errors.ConnectionFailed) and outcome.retryable for outcome in outcomes)
    assert len(set(map(id, outcomes))) == 30, "an error belongs to one caller"


@pytest.mark.slow
def test_a_wrong_password_is_tried_once(pool_for: Opener) -> None:
    with Sandbox(users={"ada": "right"}) as sandbox:
        pool = pool_for(sandbox.server(), Password("ada", "wrong"), size=2)

        outcomes = pool.send_all(30)

        assert all(isinstance(outcome, errors.AuthenticationRefused) for outcome in outcomes)
        assert len(sandbox.sessions) < 30


@pytest.mark.slow
def test_a_pool_does_not_repeat_a_mechanism_that_failed(pool_for: Opener) -> None:
    logins: list[str] = []

    def serve(phone: Phone) -> None:
        phone.say("220 hi")
        while line := phone.receive().decode():
            verb, _, rest = line.partition(" ")
            if verb == "AUTH":
                logins.append(rest.split()[0])
            answers = {"EHLO": "250-mx\n250 AUTH CRAM-MD5 PLAIN", "DATA": "354 go on", "QUIT": "221 bye"}
            dead = "504 5.5.4 what?" if rest == "CRAM-MD5" else "235 in"
            phone.say(dead if verb == "AUTH" else answers.get(verb, "250 ok"))
            if verb == "DATA":
                phone.receive_content()
                phone.say("250 kept")

    with stranger(serve) as server:
        pool = pool_for(server.port, Password("ada", "secret"), size=1, messages=1)

        for number in range(3):
            pool.send(number)
        pool.close()

    assert logins == ["CRAM-MD5", "PLAIN", "PLAIN", "PLAIN"]


@pytest.mark.slow
def test_a_pool_works_again_when_its_server_does(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=2)
    crowd.most = 0
    with pytest.raises(errors.ConnectionFailed):
        pool.send()

    crowd.most = 10
    inside.without_gaps(pool.pool)

    assert good(pool.send_all(5))


# Waiting.


@pytest.mark.slow
def test_the_wait_for_a_free_session_ends_and_says_why(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=1, wait=0.1)

    if isinstance(pool, Threads):
        with pytest.raises(errors.TimedOut) as late, pool.pool.session():
            pool.send()
    else:

        async def story() -> None:
            async with pool.pool.session():
                await pool.pool.send(mail(1))

        with pytest.raises(errors.TimedOut) as late:
            pool.run(story())

    assert str(late.value).startswith(f"no session to 127.0.0.1:{crowd.port} was free within 0.1 s: 1 of 1 in use")
    assert late.value.failure is not None
    assert late.value.failure.id == "POOL-BUSY"
    assert late.value.retryable
    assert pool.send().complete


def test_first_come_first_served(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=1)
    asked = asking(pool)
    crowd.verdict.clear()
    threads = []
    if isinstance(pool, Threads):
        for n in range(6):
            threads.append(threading.Thread(target=pool.send, args=(n,)))
            threads[-1].start()
            assert asked.acquire(timeout=PATIENCE)
        crowd.verdict.set()
        for thread in threads:
            thread.join(PATIENCE)
    else:
        crowd.verdict.set()
        pool.send_all(6)

    assert list(crowd.mails) == [f"mail {n}" for n in range(6)]


def asking(pool: Pool) -> threading.Semaphore:
    """A semaphore that counts the callers that have asked for a session: each has one by then, or waits."""
    asked, state = threading.Semaphore(0), inside.state_of(pool.pool)
    ask = state.ask

    def counted(*given: Any) -> object:
        try:
            return ask(*given)
        finally:
            asked.release()

    state.ask = counted  # type: ignore[method-assign, assignment]
    return asked


# Idle sessions.


def test_a_session_that_died_at_rest_is_replaced_before_it_is_lent(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port)
    pool.send(1)
    crowd.hang_up()
    crowd.wait("connections", 0)

    pool.noop()

    assert crowd.came == 2


def test_a_session_that_is_opened_anew_when_the_pool_is_closed_already_is_not_lent(
    pool_for: Opener, crowd: Crowd
) -> None:
    pool = pool_for(crowd.port)
    pool.send(1)
    crowd.hang_up()
    crowd.wait("connections", 0)
    crowd.greeting.clear()

    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(pool.noop)
        crowd.wait("came", 2)
        pool.close()
        crowd.greeting.set()

        with pytest.raises(errors.ConnectionFailed, match="closed"):
            asked.result(PATIENCE)

    crowd.wait("connections", 0)


def test_a_mail_finds_a_dead_session_opened_anew(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port)
    pool.send(1)
    crowd.hang_up()
    crowd.wait("connections", 0)

    pool.send(2)

    assert crowd.came == 2
    assert crowd.total == 2


def test_a_server_that_hung_up_on_silence_is_remembered(pool_for: Opener, crowd: Crowd) -> None:
    """Hazard H16."""
    pool = pool_for(crowd.port)
    pool.send(1)
    (place,) = inside.state_of(pool.pool).resting_slots
    place.used -= 6  # six seconds have passed
    crowd.hang_up()
    crowd.wait("connections", 0)

    pool.send(2)

    assert inside.state_of(pool.pool).idle_limit(monotonic()) == pytest.approx(3, abs=0.5)


@pytest.mark.slow
def test_a_session_that_rests_too_long_is_closed(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, idle=0.05)
    pool.send(1)
    if isinstance(pool, Tasks):  # by a timer
        pool.run(asyncio.to_thread(crowd.wait, "farewells", 1))
    else:  # at the next call
        (place,) = inside.state_of(pool.pool).resting_slots
        place.used -= 1  # a second has passed
        pool.send(2)

    crowd.wait("farewells", 1)


# Errors and closing.


def test_an_error_in_the_block_gives_the_session_back(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=1)

    def fail() -> None:
        raise RuntimeError("mine")

    for _ in range(3):
        with pytest.raises(RuntimeError, match="mine"):
            pool.hold(fail)

    assert pool.send().complete
    assert crowd.came == 1


def test_a_session_that_broke_is_not_used_again(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=1)
    with pytest.raises(errors.ConnectionFailed):
        pool.hold(lambda: _cut(pool))

    assert pool.send().complete


def _cut(pool: Pool) -> None:
    (session,) = inside.state_of(pool.pool).sessions
    inside.line_of(session).broken = True
    raise errors.ConnectionFailed("cut")


@pytest.mark.slow
def test_a_closed_pool_refuses_and_may_be_closed_again(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port)
    pool.send()

    pool.close()
    pool.close()

    crowd.wait("connections", 0)
    crowd.wait("farewells", 1)
    with pytest.raises(errors.UsageError, match="closed"):
        pool.send()
    with pytest.raises(errors.UsageError, match="closed"):
        _enter(pool)


def _enter(pool: Pool) -> None:
    if isinstance(pool, Threads):
        pool.pool.__enter__()
    else:
        pool.run(pool.pool.__aenter__())


def test_closing_fails_waiting_callers_and_finishes_messages_being_sent(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=1)
    crowd.verdict.clear()

    def close() -> None:
        crowd.wait("pending", 1)
        pool.close()
        assert pool.pool.closed
        crowd.verdict.set()

    assert isinstance(pool.meanwhile(close), Receipt)

    crowd.wait("connections", 0)
    assert crowd.total == 1


@pytest.mark.slow
def test_a_caller_waiting_when_the_pool_is_closed_fails(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, size=1)
    asked = asking(pool)

    def close() -> None:
        for _ in range(2):  # one has it, the other waits
            assert asked.acquire(timeout=PATIENCE)
        pool.close()

    if isinstance(pool, Threads):
        outcome = pool.hold(lambda: pool.meanwhile(close))
    else:

        async def story() -> Outcome:
            async with pool.pool.session():
                waits = asyncio.create_task(pool.pool.send(mail(1)))
                await asyncio.to_thread(close)
                return (await asyncio.gather(waits, return_exceptions=True))[0]

        outcome = pool.run(story())

    assert isinstance(outcome, errors.ConnectionFailed)
    assert outcome.detail == "the pool was closed before this message was begun"
    assert outcome.retryable
    assert crowd.total == 0


@pytest.mark.slow
def test_a_caller_waiting_for_the_rate_when_the_pool_is_closed_fails(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port, rate="1/h")
    pool.send()
    pauses = threading.Event()

    class Pausing(set[Callable[[], None]]):
        def add(self, call: Callable[[], None]) -> None:
            super().add(call)
            pauses.set()

    inside.replace_pauses(pool.pool, Pausing())

    def close() -> None:
        assert pauses.wait(PATIENCE)
        pool.close()

    assert pool.meanwhile(close).detail == "the pool was closed before this message was begun"
    crowd.wait("connections", 0)


@pytest.mark.slow
def test_closing_while_a_session_is_being_opened_closes_it_too(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port)
    crowd.greeting.clear()

    def close() -> None:
        crowd.wait("connections", 1)
        pool.close()
        crowd.greeting.set()

    assert isinstance(pool.meanwhile(close), errors.ConnectionFailed)

    crowd.wait("connections", 0)
    assert crowd.total == 0


def test_a_caller_served_during_hang_up_fails(crowd: Crowd) -> None:
    async def story() -> None:
        pool = AsyncSmtpPool(at(crowd.port), size=1)

        async def send_and_hang_up() -> None:
            await pool.send(mail(0), on_refused="abandon")
            await pool.hang_up()

        _, other = await asyncio.gather(
            send_and_hang_up(), pool.send(mail(1), on_refused="abandon"), return_exceptions=True
        )
        assert "the pool was closed" in str(other)

    asyncio.run(story())
    assert dict(crowd.mails) == {"mail 0": 1}
    assert crowd.came == 1


@pytest.mark.slow
def test_hang_up_interrupts_messages_being_sent(pool_for: Opener, crowd: Crowd) -> None:
    pool = pool_for(crowd.port)
    crowd.verdict.clear()

    def hang_up() -> None:
        crowd.wait("pending", 1)
        pool.hang_up()

    outcome = pool.meanwhile(hang_up)

    assert isinstance(outcome, errors.ConnectionFailed)
    assert outcome.in_doubt


# Cancelling.


def alone(pool: AsyncSmtpPool, subject: object) -> Coroutine[object, object, Receipt]:
    """Send outside a batch: messages with `on_refused="abandon"` are not batched."""
    return pool.send(mail(subject), on_refused="abandon")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))])
def test_a_storm_of_cancellations_leaves_the_pool_whole(crowd: Crowd, seed: int) -> None:
    chance = random.Random(seed)
    crowd.each, crowd.ending = 7, "silently"

    async def story() -> None:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(at(crowd.port), size=3, messages=5) as pool:
            tasks = [asyncio.create_task(pool.send(mail(n))) for n in range(120)]
            while waiting := [task for task in tasks if not task.done()]:
                if chance.random() < 0.3:
                    chance.choice(waiting).cancel()
                await asyncio.sleep(0)
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)

            for n, outcome in enumerate(outcomes):
                taken = crowd.mails[f"mail {n}"]
                assert taken == 1 if isinstance(outcome, Receipt) else taken <= 1
                assert isinstance(outcome, Receipt | asyncio.CancelledError), outcome
            assert pool.waiting == 0
            # A batch that was begun is finished, even if all its callers are cancelled.
            while pool.in_use:  # noqa: ASYNC110 - only the pool's own books say it
                await asyncio.sleep(0)
            assert pool.resting <= 3
            await asyncio.gather(*(pool.send(mail(f"after {n}")) for n in range(10)))
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left

    asyncio.run(story())
    gc.collect()
    assert crowd.peak <= 6, "a line that was cut may be seen by the server a little later"


def test_cancelled_while_opening_gives_the_slot_to_the_next(crowd: Crowd) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(at(crowd.port), size=1) as pool:
            crowd.greeting.clear()
            opens, waits = (asyncio.create_task(pool.send(mail(n))) for n in range(2))
            await asyncio.to_thread(crowd.wait, "came", 1)
            opens.cancel()
            with suppress(asyncio.CancelledError):
                await opens
            crowd.greeting.set()

            assert (await waits).complete
        assert dict(crowd.mails) == {"mail 1": 1}

    asyncio.run(story())


def test_cancelled_while_being_served_passes_the_session_on(crowd: Crowd) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(at(crowd.port), size=1) as pool:
            async with pool.session():
                served, waits = (asyncio.create_task(alone(pool, n)) for n in range(2))
                await asyncio.sleep(0)
                assert pool.waiting == 2
            assert pool.waiting == 1, "it was served, and does not know yet"
            served.cancel()

            assert (await waits).complete
            assert served.cancelled()

    asyncio.run(story())


def test_cancelled_while_waiting_for_the_rate_releases_the_reservation(crowd: Crowd) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(at(crowd.port), rate="2/h") as pool:
            await pool.send(mail(0))
            inside.slots_of(pool).reserve(monotonic())
            given = list(inside.slots_of(pool).given)
            for _ in range(5):
                waits = asyncio.create_task(pool.send(mail(1)))
                while not inside.pauses_of(pool):  # noqa: ASYNC110 - only the pool's own books say it
                    await asyncio.sleep(0)
                waits.cancel()
                await asyncio.gather(waits, return_exceptions=True)

            assert inside.slots_of(pool).given == given

    asyncio.run(story())


def test_a_pool_belongs_to_one_event_loop(crowd: Crowd) -> None:
    pool = AsyncSmtpPool(at(crowd.port))

    async def close_after_use() -> None:
        await pool.send(mail(1))
        await pool.close()

    asyncio.run(close_after_use())

    with pytest.raises(errors.UsageError, match="another event loop"):
        asyncio.run(pool.send(mail(2)))


def test_interrupted_while_waiting_leaves_the_queue(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C does."""

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    with SmtpPool(at(crowd.port), size=1) as pool:
        with pool.session():
            monkeypatch.setattr("courriel.session.pool.blocking._Bell.wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                pool.send(mail(1))
            assert pool.waiting == 0
        assert pool.send(mail(2)).complete


@pytest.mark.parametrize("limits", [{"size": 0}, {"rate": "many"}, {"idle": 0}, {"wait": float("inf")}])
def test_invalid_limits_are_refused(limits: dict[str, object]) -> None:
    for kind in (SmtpPool, AsyncSmtpPool):
        with pytest.raises(errors.UsageError):
            kind("mx.example.org", **limits)  # type: ignore[arg-type]


def test_the_repr_of_a_pool_has_its_state_and_no_secret() -> None:
    pool = SmtpPool("mx.example.org", Password("ada", "hunter2"))

    assert repr(pool) == "<SmtpPool mx.example.org:465 TLS 0 of 4 in use, 0 at rest, 0 waiting>"
