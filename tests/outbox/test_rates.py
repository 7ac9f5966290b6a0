"""The rate of a lane: in no window more than it says, and nearly all of it while mail waits."""

from __future__ import annotations

import multiprocessing
import os
import signal
from bisect import bisect_left
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from courriel import Outbox, Sandbox
from courriel.outbox import rate
from courriel.outbox.rate import RateState, in_lane
from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import Claimed, ClaimedSlots
from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.work.serving.held_slots import HeldSlots
from courriel.session.pool.throttle import Rate
from fast_part import examples
from outbox.conftest import message, new_mail, settled

RATES = ("1/s", "2/s", "10/s", "100/s", "1/m", "30/m", "1000/h", "7/d")


def fullest(moments: list[float], seconds: float) -> int:
    """The most moments in any stretch of so many seconds, its end not included."""
    moments = sorted(moments)
    # A hair less: 0.1 is no sum of powers of two.
    return max((bisect_left(moments, m + seconds - 1e-6) - n for n, m in enumerate(moments)), default=0)


class Clock:
    """The store's clock, and the only one that counts."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def paced(tmp_path: Path, clock: Clock) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "outbox.db", clock=clock)
    yield store
    store.close()


def put(store: Store, mails: int, rate: str) -> None:
    store.put([new_mail() for _ in range(mails)])
    store.set_lane("billing", in_lane(Rate.parse(rate)))


def claimed(store: Store, most: int = 100, holder: str = "here:1") -> Claimed:
    return store.claim("billing", most, lease=600.0, holder=holder)


def wait(store: Store) -> float | None:
    """Seconds until there is something to do."""
    return next((lane.wait for lane in store.due_lanes()), None)


# The rules.


@pytest.mark.parametrize("written", RATES)
def test_a_rate_is_a_number_of_mails_in_its_time(written: str) -> None:
    lane = in_lane(Rate.parse(written))
    assert lane["gap"]
    assert lane["per"]

    assert RateState(lane["gap"], lane["per"], 0.0).most == Rate.parse(written).messages


def test_an_idle_lane_begins_without_a_burst() -> None:
    assert RateState(2.0, 60.0, -1000.0).room(100) == 1


def test_who_comes_late_catches_up() -> None:
    assert RateState(0.1, 1.0, -0.25).room(100) == 3
    assert RateState(0.1, 1.0, -0.25).after(3, 3)[0] == pytest.approx(0.05)


def test_what_was_missed_while_nothing_waited_is_not_made_up_for() -> None:
    assert RateState(0.1, 1.0, -0.25).after(1, 3)[0] == pytest.approx(0.1)


def test_a_full_window_waits_for_the_first_of_it_to_be_over() -> None:
    state = RateState(0.1, 1.0, -0.05, used=10, oldest=-0.6, newest=-0.1)

    assert state.room(100) == 0
    assert state.after(0, 0)[1] == pytest.approx(0.4, abs=1e-5)


def test_the_moment_of_a_row_is_never_before_the_answer() -> None:
    assert rate.rounded_up(10.0, 60.0) > 10.0
    assert rate.rounded_up(10.0, 60.0) <= 10.0 + 60 / 512


# The store, under a clock of our own.


@pytest.mark.slow
@settings(max_examples=examples(80), deadline=None)
@example("1/s", [("claim", 0, 0.0), ("wait", 0, 0.9), ("begin", 0, 0.0), ("answer", 0, 0.0), ("claim", 0, 0.0),
                 ("begin", 0, 0.0)])  # fmt: skip
@example("1/s", [("claim", 0, 0.0), ("wait", 0, 0.9), ("begin", 0, 0.0), ("claim", 1, 0.0), ("begin", 1, 0.0)])
@example("1/s", [("claim", 0, 0.0), ("jump", 0, 1.2), ("jump", 0, 1.2), ("jump", 0, 1.2), ("claim", 1, 0.0),
                 ("begin", 1, 0.0), ("begin", 0, 0.0)])  # fmt: skip
@given(
    written=some.sampled_from(("1/s", "2/s", "10/s", "3/m", "30/m", "7/d")),
    deeds=some.lists(
        some.tuples(
            some.sampled_from(("claim", "claim", "begin", "answer", "answer", "die", "wait", "wait", "jump")),
            some.integers(0, 2),
            some.floats(0, 1.2),
        ),
        max_size=120,
    ),
)
def test_no_window_at_the_server_holds_more_than_the_rate(written: str, deeds: list[tuple[str, int, float]]) -> None:
    """Workers come, are slow, and die with slots in hand; a mail arrives somewhere between its claim and its answer."""
    meant, clock, arrivals = Rate.parse(written), Clock(), list[float]()
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "outbox.db", clock=clock)
        put(store, 400, written)
        hands: list[list[tuple[Claimed, float]]] = [[], [], []]
        on_the_way: list[list[tuple[ClaimedSlots, int]]] = [[], [], []]
        for deed, who, share in deeds:
            if deed == "wait":
                clock.now += share * meant.gap * 2
            elif deed == "jump":
                clock.now += share * meant.seconds
            elif deed == "claim":
                clock.now += (wait(store) or 0.0) if share < 1 else 0.0
                found = claimed(store)
                if found.slots is not None:
                    hands[who].append((found, clock.now))
            elif deed == "begin" and hands[who]:
                found, since = hands[who].pop()
                slots = found.slots
                assert slots is not None
                if clock.now > since + slots.good_for:
                    slots = store.renew_slots(slots)
                if slots is not None:
                    arrivals += [clock.now] * len(found.jobs)
                    on_the_way[who].append((slots, len(found.jobs)))
            elif deed == "answer" and on_the_way[who]:
                slots, mails = on_the_way[who].pop()
                store.leave_slots(slots, used=mails, ago=0.0)
            elif deed == "die":
                hands[who], on_the_way[who] = [], []
        store.close()

    assert fullest(arrivals, meant.seconds) <= meant.messages


@pytest.mark.slow
@settings(max_examples=examples(20), deadline=None)
@given(
    written=some.sampled_from(("1/s", "2/s", "20/s", "30/m", "7/d")),
    late=some.lists(some.floats(0, 1), min_size=1, max_size=10),
    slow=some.floats(0, 1),
)
def test_nearly_all_of_a_rate_is_used_while_mail_waits(written: str, late: list[float], slow: float) -> None:
    """Who wakes up late by half a gap, or a fiftieth of the rate's time, and is answered within a hundredth of it."""
    meant, clock, arrivals, lateness = Rate.parse(written), Clock(), list[float](), count()
    number = max(20, 3 * meant.messages)
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "outbox.db", clock=clock)
        put(store, number, written)
        began = clock.now
        while (pause := wait(store)) is not None:
            clock.now += pause
            if pause:
                clock.now += late[next(lateness) % len(late)] * min(meant.gap / 2, meant.seconds / 50)
            found = claimed(store)
            if found.slots is not None:
                arrivals += [clock.now] * len(found.jobs)
                clock.now += slow * min(meant.gap, meant.seconds / 100)
                store.settle([settled(job) for job in found.jobs])
                store.leave_slots(found.slots, used=len(found.jobs), ago=0.0)
        store.close()

    assert len(arrivals) == number
    assert fullest(arrivals, meant.seconds) <= meant.messages
    assert (number - 1) * meant.gap >= 0.95 * (arrivals[-1] - began)


def test_a_worker_that_dies_loses_no_more_than_its_slots(paced: SqliteStore, clock: Clock) -> None:
    put(paced, 100, "10/s")
    assert len(claimed(paced).jobs) == 1  # and is killed
    arrivals = []

    for _ in range(100):
        clock.now += 0.02
        found = claimed(paced)
        if found.slots is not None:
            arrivals.append(clock.now)
            paced.leave_slots(found.slots, used=1, ago=0.0)

    assert len(arrivals) == 18  # of 20: nine in each second while one is counted that never came

    clock.now += 1.1  # it is over
    assert len(claimed(paced, 1).jobs) == 1


def test_what_was_not_begun_is_free_again(paced: SqliteStore, clock: Clock) -> None:
    put(paced, 10, "1/h")
    first = claimed(paced)
    assert first.slots is not None
    assert wait(paced) == pytest.approx(3600, abs=31)
    paced.leave_slots(first.slots, used=0, ago=0.0)
    clock.now += 3600.0

    assert len(claimed(paced).jobs) == 1


def test_slots_that_are_over_are_not_renewed_when_others_have_them(paced: SqliteStore, clock: Clock) -> None:
    put(paced, 10, "1/s")
    slow = claimed(paced).slots
    assert slow is not None
    clock.now += slow.good_for
    renewed = paced.renew_slots(slow)
    assert renewed is not None
    clock.now += renewed.good_for + renewed.per
    other = claimed(paced, holder="there:1").slots

    assert other is not None
    assert paced.renew_slots(renewed) is None


def test_slots_are_renewed_before_a_mail_begins_late(
    paced: SqliteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(paced, 10, "1/s")
    slots = claimed(paced).slots
    assert slots is not None
    monkeypatch.setattr("courriel.outbox.work.serving.held_slots.monotonic", clock)
    held = HeldSlots(paced, slots, clock.now)
    assert held.may_begin()

    clock.now += slots.good_for + 0.1
    assert held.may_begin()
    clock.now += slots.good_for + slots.per + 0.1
    assert claimed(paced).slots is not None
    assert not held.may_begin()


def test_a_clock_that_is_put_back_stops_no_lane(paced: SqliteStore, clock: Clock) -> None:
    put(paced, 200, "10/s")
    for _ in range(30):
        found = claimed(paced)
        if found.slots is not None:
            paced.leave_slots(found.slots, used=1, ago=0.0)
        clock.now += 0.1
    clock.now -= 3600.0
    paced.put([new_mail() for _ in range(60)])
    began, arrivals = clock.now, []

    while len(arrivals) < 50:
        clock.now += paced.due_lanes()[0].wait or 0.001
        found = claimed(paced)
        if found.slots is not None:
            arrivals += [clock.now] * len(found.jobs)
            paced.leave_slots(found.slots, used=len(found.jobs), ago=0.0)

    assert clock.now - began < 10
    assert fullest(arrivals, 1.0) <= 10


@pytest.mark.slow
@pytest.mark.parametrize("written", RATES)
def test_what_is_looked_at_now_may_leave_now(paced: SqliteStore, clock: Clock, written: str) -> None:
    """Moments since 1970 are rounded: a lane that waits is not taken for one that does not, nor looked at for ever."""
    put(paced, 50, written)
    clock.now = 1_790_000_000.123456
    looks = 0

    while (pause := wait(paced)) is not None:
        clock.now += pause
        looks += 1
        assert looks < 250
        found = claimed(paced)
        if found.slots is not None:
            paced.settle([settled(job) for job in found.jobs])
            paced.leave_slots(found.slots, used=len(found.jobs), ago=0.0)


@pytest.mark.parametrize("written", ["6/m", "360/h"])
def test_a_lane_knows_its_rate(store: Store, written: str) -> None:
    put(store, 3, written)

    first, second = claimed(store), claimed(store)
    (lane,) = store.lanes()

    assert (lane.gap, lane.per) == (10.0, Rate.parse(written).seconds)
    assert len(first.jobs) == 1
    assert first.slots is not None
    assert not second.jobs
    assert second.wait
    assert 0 < second.wait <= 10.0
    assert 0 < store.due_lanes()[0].wait <= 10.0
    store.leave_slots(first.slots, used=1, ago=0.0)
    again = store.renew_slots(first.slots)
    assert again is not None
    assert again.until > first.slots.until


def test_a_rate_that_is_taken_away_holds_nothing_back(store: Store) -> None:
    put(store, 3, "1/h")
    assert len(claimed(store).jobs) == 1
    store.set_lane("billing", in_lane(None))

    assert wait(store) == 0
    assert len(claimed(store).jobs) == 2
    assert wait(store) is None


# Processes, and a server that looks at its clock.


def send(place: str, lane: str, seconds: float) -> None:
    """In a process of its own."""
    with Outbox(place) as outbox:
        outbox.run_once(lanes=[lane], for_seconds=seconds)


@pytest.mark.slow
@pytest.mark.parametrize(("written", "share"), [("120/m", 0.95), ("4/s", 0.75)])
def test_processes_share_a_rate(place: str, sandbox: Sandbox, written: str, share: float) -> None:
    """One of them is killed with what it has in hand; the server's moments of arrival are what counts.

    Within a second a busy machine is noticed: each slot is free again when its answer is known, and not sooner.
    """
    meant, seconds = Rate.parse(written), 9.0
    lane = f"smtp://127.0.0.1:{sandbox.port}?tls=none"
    with Outbox(place) as outbox:
        outbox.put_many([message(n) for n in range(200)], via=lane)
        (info,) = outbox.lanes()
        outbox.limit(info.name, rate=written)
    start = multiprocessing.get_context("spawn")
    workers = [start.Process(target=send, args=(place, lane, seconds)) for _ in range(3)]
    for worker in workers:
        worker.start()
    sandbox.wait_for(subject="Number 8", timeout=40)
    assert workers[0].pid is not None
    os.kill(workers[0].pid, signal.SIGKILL)
    for worker in workers:
        worker.join(60)

    arrivals = [letter.received.timestamp() for letter in sandbox.letters]

    assert fullest(arrivals, meant.seconds) <= meant.messages
    possible = (max(arrivals) - min(arrivals)) / meant.gap
    assert len(arrivals) >= share * possible - 1  # one slot may have died
