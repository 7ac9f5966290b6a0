"""The receive buffer of a connection, and its reusable timer."""

from __future__ import annotations

import asyncio

import inside
from courriel.network.receive_buffer import Alarm, ReceiveBuffer


def test_a_timer_set_to_a_later_time_fires_then() -> None:
    async def story() -> None:
        loop, rung = asyncio.get_running_loop(), asyncio.Event()
        alarm = Alarm(rung.set)
        begun = loop.time()
        alarm.set(0.01)
        alarm.set(0.05)
        await asyncio.wait_for(rung.wait(), 5)

        assert loop.time() - begun >= 0.049

    asyncio.run(story())


def test_a_timer_set_to_an_earlier_time_fires_then() -> None:
    async def story() -> None:
        rung = asyncio.Event()
        alarm = Alarm(rung.set)
        alarm.set(1_000)
        alarm.set(0.01)

        await asyncio.wait_for(rung.wait(), 5)

    asyncio.run(story())


def test_a_cancelled_timer_leaves_nothing_behind() -> None:
    async def story() -> None:
        rung = asyncio.Event()
        alarm = Alarm(rung.set)
        alarm.set(0.01)
        alarm.cancel()

        assert inside.timer_of(alarm) is None
        with_another = asyncio.Event()
        asyncio.get_running_loop().call_later(0.03, with_another.set)
        await with_another.wait()
        assert not rung.is_set()

    asyncio.run(story())


def test_much_data_is_read_in_large_pieces_and_little_in_small_ones() -> None:
    """As the loop does it: it asks for space, fills some of it, and says how much."""
    received, sizes, sent = ReceiveBuffer(), [], b""
    for size in (10, 16 * 1024, 128 * 1024, 20_000, 30, 16 * 1024 - 1):
        space = received.get_buffer(-1)
        sizes.append(len(space))
        octets = bytes([len(sizes)]) * size
        space[:size] = octets
        received.buffer_updated(size)
        sent += octets

    small, large = 16 * 1024, 128 * 1024
    assert sizes == [small, small, large, large, large, small]
    assert received.take() == sent
