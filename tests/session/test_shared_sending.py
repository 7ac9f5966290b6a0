"""AsyncSmtpPool batching: tasks that send together on one session each get their own result."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import inside
from courriel import AsyncSmtpPool, Message, Receipt, Sandbox, errors
from fast_part import examples
from session import mx
from session.crowd import Crowd
from session.mx import serving
from session.play import PATIENCE
from session.test_batch_sender import Plan, World, body, worlds

Outcome = Receipt | BaseException


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def all_of(tasks: list[asyncio.Task[Receipt]]) -> list[Outcome]:
    return await asyncio.gather(*tasks, return_exceptions=True)


def mail(subject: object) -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject=f"mail {subject}", text="Hello.")


def one_each(world: World) -> dict[int, tuple[tuple[str, ...], bytes]]:
    taken = {number: (recipients, octets) for number, recipients, octets in world.taken}
    assert len(taken) == len(world.taken), "a message was taken twice"
    return taken


# Random events.


@pytest.mark.slow
@settings(max_examples=examples(150), deadline=None)
@given(
    worlds,
    some.one_of(some.just(1_000_000), some.integers(1, 1500)),
    some.dictionaries(some.integers(0, 11), some.integers(0, 60), max_size=4),
    some.integers(1, 100),
)
def test_each_caller_gets_one_result_whatever_happens(
    world: World, cut_after: int, cancelled: dict[int, int], limit: int
) -> None:
    originals = [replace(plan) for plan in world.plans]
    count = len(originals)

    async def story() -> tuple[list[Outcome], Receipt]:
        async with serving(world, cut_after, messages=limit) as (server, pool):
            inside.without_gaps(pool)  # nobody waits for the gap here
            tasks = [asyncio.create_task(mx.send(pool, n, plan)) for n, plan in enumerate(originals)]
            for turn in range(61):
                await asyncio.sleep(0)
                for n in [n for n, when in cancelled.items() if when == turn and n < count]:
                    tasks[n].cancel()
            outcomes = await all_of(tasks)
            assert pool.waiting == 0
            server.cut_no_more()
            world.plans.append(Plan())
            return outcomes, await mx.send(pool, count, world.plans[-1])

    outcomes, after = asyncio.run(story())

    taken = one_each(world)
    assert after.complete
    assert taken.pop(count)
    quiet = cut_after == 1_000_000 and not any(plan.event for plan in originals)
    for n, (plan, outcome) in enumerate(zip(originals, outcomes, strict=True)):
        names = tuple(f"r{n}.{place}@x.org" for place, code in enumerate(plan.rcpts) if code == 250)
        if n in taken:
            assert taken[n] == (names, body(n, plan))
        if isinstance(outcome, Receipt):
            assert n in taken
            assert outcome.accepted == names
            assert outcome.message_id == f"<{n}@x.org>"
        elif isinstance(outcome, errors.CourrielError):
            assert outcome.in_doubt or n not in taken
            assert not (quiet and outcome.in_doubt)
        else:
            assert isinstance(outcome, asyncio.CancelledError)
            assert n in cancelled
        if quiet and n not in cancelled and plan.mail == plan.verdict == 250 and names:
            assert isinstance(outcome, Receipt), "a neighbour's misfortune touched this one"


@pytest.mark.slow
@pytest.mark.parametrize("chunking", [True, False])
def test_a_connection_cut_at_any_byte_leaves_no_caller_without_a_result(chunking: bool) -> None:
    said = 0

    async def story(cut_after: int) -> tuple[World, list[Outcome]]:
        world = World([Plan() for _ in range(4)], chunking=chunking)
        async with serving(world, cut_after) as (_, pool):
            return world, await all_of([asyncio.create_task(mx.send(pool, n, world.plans[n])) for n in range(4)])

    for cut_after in range(90, 400, 3):
        world, outcomes = asyncio.run(story(cut_after))
        taken = one_each(world)
        for n, outcome in enumerate(outcomes):
            if isinstance(outcome, Receipt):
                assert n in taken
            else:
                assert isinstance(outcome, errors.ConnectionFailed)
                assert outcome.in_doubt
                said += 1
        if not chunking:
            assert sum(not isinstance(outcome, Receipt) for outcome in outcomes) <= 1, "one dot, one doubt"
    assert said, "no cut fell after a final dot"


# Batches.


def test_tasks_without_a_free_session_send_together_and_each_gets_its_receipt() -> None:
    world = World([Plan() for _ in range(60)], chunking=True)

    async def story() -> list[Outcome]:
        async with serving(world) as (server, pool):
            outcomes = await all_of([asyncio.create_task(mx.send(pool, n, world.plans[n])) for n in range(60)])

            assert server.together > 20
            return outcomes

    outcomes = asyncio.run(story())

    assert [outcome.message_id for outcome in outcomes if isinstance(outcome, Receipt)] == [
        f"<{n}@x.org>" for n in range(60)
    ]
    assert world.connections == 1


@pytest.mark.parametrize("chunking", [True, False])
def test_a_refusal_among_others_touches_nobody_else(chunking: bool) -> None:
    """Hazard H02."""
    plans = [Plan(), Plan(), Plan(rcpts=(550,)), Plan(), Plan(mail=550), Plan(verdict=554), Plan()]
    world = World(plans, chunking=chunking, resets_itself=False)

    async def story() -> list[Outcome]:
        async with serving(world) as (_, pool):
            return await all_of([asyncio.create_task(mx.send(pool, n, plan)) for n, plan in enumerate(plans)])

    assert [type(outcome).__name__ for outcome in asyncio.run(story())] == [
        "Receipt", "Receipt", "RecipientsRefused", "Receipt", "SenderRefused", "MessageRefused", "Receipt",
    ]  # fmt: skip
    assert world.connections == 1


@pytest.mark.slow
def test_many_tasks_over_several_sessions_lose_and_double_nothing() -> None:
    with Sandbox() as sandbox:

        async def story() -> list[Outcome]:
            async with AsyncSmtpPool(sandbox.server(), size=3, messages=40) as pool:

                async def some_of(rank: int) -> list[Receipt]:
                    return [await pool.send(mail(f"{rank}.{n}")) for n in range(5)]

                return [r for rank in await asyncio.gather(*map(some_of, range(50))) for r in rank]

        receipts = asyncio.run(story())

        assert sorted(letter.subject for letter in sandbox.letters) == sorted(
            f"mail {rank}.{n}" for rank in range(50) for n in range(5)
        )
        assert len({r.message_id for r in receipts if isinstance(r, Receipt)}) == 250
    gc.collect()


def test_an_invalid_message_fails_for_its_caller_only() -> None:
    with Sandbox() as sandbox:

        def recipients() -> Iterator[str]:
            yield "bob@example.org"
            raise ZeroDivisionError

        async def story() -> list[Outcome]:
            async with AsyncSmtpPool(sandbox.server(), size=1) as pool:
                to: dict[int, Any] = {2: "no address", 3: recipients()}
                sends = [pool.send(mail(n), to=to.get(n)) for n in range(5)]
                return await asyncio.gather(*sends, return_exceptions=True)

        assert [type(outcome).__name__ for outcome in asyncio.run(story())] == [
            "Receipt", "Receipt", "InvalidAddress", "ZeroDivisionError", "Receipt",
        ]  # fmt: skip
        assert len(sandbox.letters) == 3


def test_a_generator_of_recipients_is_read_once_and_serves_for_every_session() -> None:
    world = World([], chunking=True)

    async def story() -> None:
        async with serving(world, messages=1) as (server, pool):
            server.may_answer.clear()
            names = [f"r{n}.0@x.org" for n in range(3)]
            world.plans += [Plan() for _ in range(3)]
            sends = [
                asyncio.create_task(pool.send(mail(n), sender=f"m{n}@x.org", to=(name for name in [names[n]])))
                for n in range(3)
            ]
            await server.heard.wait()
            server.may_answer.set()
            outcomes = await all_of(sends)

            assert [outcome.accepted for outcome in outcomes if isinstance(outcome, Receipt)] == [(n,) for n in names]

    asyncio.run(story())


# Cancellation.


@pytest.mark.parametrize("chunking", [True, False])
def test_a_message_cancelled_while_pending_is_not_sent(chunking: bool) -> None:
    world = World([Plan() for _ in range(5)], chunking=chunking)

    async def story() -> None:
        async with serving(world) as (server, pool):
            server.may_answer.clear()
            tasks = [asyncio.create_task(mx.send(pool, n, world.plans[n])) for n in range(5)]
            await server.heard.wait()
            assert pool.waiting == 4
            tasks[2].cancel()
            tasks[3].cancel()
            await turns(2)
            assert pool.waiting == 2
            server.may_answer.set()
            await all_of(tasks)

    asyncio.run(story())

    assert set(one_each(world)) == {0, 1, 4}


@pytest.mark.parametrize("chunking", [True, False])
def test_a_message_cancelled_in_flight_is_finished_and_the_session_stays_in_step(chunking: bool) -> None:
    """The caller is cancelled at once."""
    world = World([Plan() for _ in range(5)], chunking=chunking)

    async def story() -> None:
        async with serving(world) as (server, pool):
            tasks = [asyncio.create_task(mx.send(pool, n, world.plans[n])) for n in range(5)]
            await tasks[0]
            server.heard.clear()
            server.may_answer.clear()
            await server.heard.wait()
            tasks[1].cancel()
            with pytest.raises(asyncio.CancelledError):
                await tasks[1]
            server.may_answer.set()
            others = await all_of([tasks[n] for n in (0, 2, 3, 4)])

            assert all(isinstance(outcome, Receipt) for outcome in others)
            assert (await mx.send(pool, 5, world.plans.append(Plan()) or Plan())).complete

    asyncio.run(story())

    assert set(one_each(world)) == set(range(6))
    assert world.connections == 1


def test_a_cancelled_message_is_not_sent_again_on_another_session() -> None:
    world = World([Plan() for _ in range(3)], chunking=False)

    async def story() -> list[Outcome]:
        async with serving(world) as (server, pool):
            tasks = [asyncio.create_task(mx.send(pool, n, world.plans[n])) for n in range(3)]
            await tasks[0]
            world.plans[2].event = "cut at mail"
            world.plans[1].event = "taken and cut"
            server.heard.clear()
            server.may_answer.clear()
            await server.heard.wait()  # the end of 1, with the envelope of 2
            tasks[2].cancel()
            await turns(2)
            server.may_answer.set()
            return await all_of(tasks)

    outcomes = asyncio.run(story())

    assert set(one_each(world)) == {0, 1}
    assert isinstance(outcomes[1], errors.ConnectionFailed)
    assert outcomes[1].in_doubt
    assert isinstance(outcomes[2], asyncio.CancelledError)


def test_cancelling_the_last_pending_message_leaves_the_queue(crowd: Crowd) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(mx.at(crowd.port), size=1) as pool:
            async with pool.session():
                waits = asyncio.create_task(pool.send(mail(1)))
                await turns(1)
                assert pool.waiting == 1
                waits.cancel()
                await asyncio.gather(waits, return_exceptions=True)

                assert pool.waiting == 0
                assert inside.state_of(pool).waiting == 0
            assert pool.in_use == 0

    asyncio.run(story())


def test_cancelling_the_sending_task_fails_every_pending_message() -> None:
    """Some programs cancel every task they find."""
    world = World([Plan() for _ in range(5)], chunking=True)

    async def story() -> list[Outcome]:
        async with serving(world) as (server, pool):
            tasks = [asyncio.create_task(mx.send(pool, n, world.plans[n])) for n in range(5)]
            await tasks[0]
            server.heard.clear()
            server.may_answer.clear()
            await server.heard.wait()
            (task,) = inside.sending_of(pool)
            task.cancel()
            return await all_of(tasks[1:])

    for outcome in asyncio.run(story()):
        assert isinstance(outcome, errors.ConnectionFailed)
        assert outcome.in_doubt


# Limits and fairness.


def test_a_caller_of_session_is_not_starved_by_batches() -> None:
    with Sandbox() as sandbox:

        async def story() -> None:
            async with asyncio.timeout(PATIENCE), AsyncSmtpPool(sandbox.server(), size=1, messages=1_000_000) as pool:
                enough = asyncio.Event()

                async def on_and_on() -> None:
                    while not enough.is_set():
                        await pool.send(mail(1))

                tasks = [asyncio.create_task(on_and_on()) for _ in range(10)]
                await turns(50)
                async with pool.session() as session:
                    await session.noop()
                enough.set()
                await asyncio.gather(*tasks)

        asyncio.run(story())


def test_no_session_carries_more_than_its_messages(crowd: Crowd) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(mx.at(crowd.port), size=1, messages=4) as pool:
            await asyncio.gather(*(pool.send(mail(n)) for n in range(20)))

    asyncio.run(story())

    assert crowd.came == 5
    assert crowd.mails == {f"mail {n}": 1 for n in range(20)}
    crowd.wait("farewells", 5)


def test_while_throttled_messages_are_sent_alone_and_slowly(crowd: Crowd) -> None:
    """Hazard H35: pending messages are not sent all at once to a server that asked to slow down."""
    gaps: list[float] = []

    async def story() -> list[Outcome]:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(mx.at(crowd.port), size=1) as pool:
            inside.without_gaps(pool, lambda now: gaps.append(now) or now)  # type: ignore[func-returns-value]
            tasks = [asyncio.create_task(pool.send(mail(n))) for n in range(8)]
            await tasks[0]
            crowd.complaint = "451 4.7.0 slow down"
            outcomes = await all_of(tasks)
            assert not inside.state_of(pool).at_ease
            return outcomes

    outcomes = asyncio.run(story())

    (refused,) = [outcome for outcome in outcomes if not isinstance(outcome, Receipt)]
    assert isinstance(refused, errors.SenderRefused)
    assert crowd.total == 7
    assert len(gaps) >= 4, "those who were still waiting asked for their moment"


def test_closing_fails_pending_messages_and_finishes_those_in_flight() -> None:
    world = World([Plan() for _ in range(4)], chunking=True)

    async def story() -> list[Outcome]:
        async with serving(world) as (server, pool):
            tasks = [asyncio.create_task(mx.send(pool, n, world.plans[n])) for n in range(2)]
            await tasks[0]
            server.heard.clear()
            server.may_answer.clear()
            await server.heard.wait()
            tasks += [asyncio.create_task(mx.send(pool, n, world.plans[n])) for n in range(2, 4)]
            await turns(1)
            await pool.close()
            late = await all_of(tasks[2:])
            server.may_answer.set()
            return [*await all_of(tasks[:2]), *late]

    outcomes = asyncio.run(story())

    assert [type(outcome).__name__ for outcome in outcomes] == ["Receipt", "Receipt", *["ConnectionFailed"] * 2]
    assert outcomes[2].detail == "the pool was closed before this message was begun"
    assert outcomes[2] is not outcomes[3], "an error belongs to one caller"


def test_closing_cancels_a_session_being_opened_for_pending_messages(crowd: Crowd) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(mx.at(crowd.port), size=1) as pool:
            async with pool.session() as session:
                waits = asyncio.create_task(pool.send(mail(1)))
                await turns(1)
                crowd.greeting.clear()
                session.hang_up()
            await asyncio.to_thread(crowd.wait, "came", 2)
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)
            await pool.close()

            assert pool.in_use == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(story())


def test_hang_up_interrupts_a_batch() -> None:
    world = World([Plan() for _ in range(4)], chunking=True)

    async def story() -> list[Outcome]:
        async with serving(world) as (server, pool):
            tasks = [asyncio.create_task(mx.send(pool, n, world.plans[n])) for n in range(4)]
            await tasks[0]
            server.heard.clear()
            server.may_answer.clear()
            await server.heard.wait()
            await pool.hang_up()
            return await all_of(tasks[1:])

    for outcome in asyncio.run(story()):
        assert isinstance(outcome, errors.ConnectionFailed)
        assert outcome.in_doubt
    assert world.connections == 1, "nothing is begun again after that"


def test_each_pending_message_has_its_own_time_limit(crowd: Crowd) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(mx.at(crowd.port), size=1, wait=0.05) as pool:
            async with pool.session():
                early = asyncio.create_task(pool.send(mail(1)))
                await turns(1)
                inside.pending_of(pool)[0].until += 1_000
                late = asyncio.create_task(pool.send(mail(2)))
                await turns(1)
                inside.pending_of(pool).reverse()
                with pytest.raises(errors.TimedOut) as told:
                    await late
                assert not early.done()
            assert (await early).complete
            assert told.value.failure is not None
            assert told.value.failure.id == "POOL-BUSY"

    asyncio.run(story())


def test_when_the_session_cannot_be_reopened_each_pending_message_gets_its_own_error(
    crowd: Crowd,
) -> None:
    async def story() -> list[Outcome]:
        async with asyncio.timeout(PATIENCE), AsyncSmtpPool(mx.at(crowd.port), size=1, messages=1) as pool:
            tasks = [asyncio.create_task(pool.send(mail(n))) for n in range(6)]
            crowd.verdict.clear()
            await asyncio.to_thread(crowd.wait, "pending", 1)
            crowd.most = 0
            crowd.verdict.set()
            return await all_of(tasks)

    outcomes = asyncio.run(story())

    assert isinstance(outcomes[0], Receipt)
    assert all(isinstance(outcome, errors.ConnectionFailed) for outcome in outcomes[1:])
    assert len(set(map(id, outcomes))) == 6


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    crowd = Crowd()
    yield crowd
    crowd.close()
