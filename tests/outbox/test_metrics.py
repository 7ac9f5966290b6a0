"""The figures for whoever is on call: what they are taken from, and that they cost the same beside a million mails."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from courriel import AsyncOutbox, Outbox, Sandbox, State
from courriel.outbox import metrics
from courriel.outbox.metrics import HEARD, WINDOW, Metrics, WorkerStatus, metrics_of
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import WorkerInfo
from courriel.outbox.store.postgres.connection import translated
from courriel.outbox.store.postgres.store import PostgresStore
from courriel.outbox.store.sql.store import SqlStore
from courriel.outbox.store.states import OnUnsure
from courriel.outbox.work import lease_keeper
from courriel.outbox.work.liveness import BESIDE, Life, Presence, WorkerLock
from inside import store_of, write_in
from outbox.conftest import claim, message, new_mail, settled


def change(store: Store, said: str, **values: object) -> None:
    """Change a row behind the store's back: a moment that has passed, a worker that was not heard of."""
    assert isinstance(store, SqlStore)
    said = translated(said) if isinstance(store, PostgresStore) else said
    now = {} if isinstance(store, PostgresStore) else {"now": time.time()}
    write_in(store, lambda line: line.execute(said, values | now))


def test_an_empty_outbox_has_nothing_to_tell(store: Store) -> None:
    found = metrics_of(store)

    assert (found.oldest_due, found.last_error, found.rate, found.window) == (None, None, 0.0, WINDOW)
    assert (found.counts, found.workers, found.taken) == ((), (), ())
    assert (found.waiting, found.in_hand, found.held, found.unsure, found.sent, found.refused) == (0,) * 6


def test_mails_are_told_by_where_they_stand(store: Store) -> None:
    store.put([new_mail(on_unsure=OnUnsure.HOLD) for _ in range(6)] + [new_mail(lane="b"), new_mail(delay=600)])
    first, second, third, fourth, fifth = claim(store, 5)
    store.settle([settled(first), settled(second, unsure=True), settled(third, State.FAILED),
                  settled(fourth, State.HELD, unsure=True)])  # fmt: skip

    found = metrics_of(store)

    assert (found.waiting, found.in_hand, found.held, found.sent, found.refused) == (3, 1, 1, 2, 1)
    assert found.unsure == 1, "a mail that has reached its end is no doubt any more"
    assert list(found.counts) == store.counts()
    assert [(each.lane, each.worker, each.mails) for each in found.taken] == [("billing", "here:1", 1)]
    assert fifth.lane == "billing"


def test_what_was_due_first_is_the_oldest_and_what_is_due_later_is_not_old(store: Store) -> None:
    store.put([new_mail(delay=600)])
    assert metrics_of(store).oldest_due is None

    store.put([new_mail(lane="b"), new_mail(lane="c")])
    change(store, "UPDATE outbox_mail SET due = due - 300 WHERE lane = 'c'")

    oldest = metrics_of(store).oldest_due
    assert oldest is not None
    assert 300 <= oldest < 400


def test_the_rate_is_that_of_the_last_minute(store: Store) -> None:
    store.put([new_mail() for _ in range(12)])
    jobs = claim(store)
    store.settle([settled(job) for job in jobs[:9]] + [settled(jobs[9], State.FAILED)])
    change(store, "UPDATE outbox_mail SET changed = changed - 61 WHERE id IN (:one, :two, :three)",
           one=jobs[0].id, two=jobs[1].id, three=jobs[2].id)  # fmt: skip

    found = metrics_of(store)

    assert (found.rate, found.window) == (6 / WINDOW, WINDOW)


def test_on_a_busy_day_the_last_mails_are_enough(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "SAMPLE", 4)
    store.put([new_mail() for _ in range(8)])
    jobs = claim(store)
    store.settle([settled(job) for job in jobs])
    for number, job in enumerate(jobs):
        change(store, "UPDATE outbox_mail SET changed = :now - :ago WHERE id = :id", id=job.id, ago=5.0 * number)

    found = metrics_of(store)

    assert 15 <= found.window < WINDOW / 2
    assert found.rate == 4 / found.window


def test_the_last_error_is_that_of_any_lane_and_is_kept_when_it_works_again(store: Store) -> None:
    store.put([new_mail(lane="a"), new_mail(lane="b")])
    before = time.time()
    store.lane_failed("a", fails=0, pause=60, why="nobody answers")
    store.lane_works("a")

    error = metrics_of(store).last_error
    assert error is not None
    assert (error.lane, error.text) == ("a", "nobody answers")
    assert before - 5 < error.at < time.time() + 5

    store.note_error("b", "550 5.1.1 no such user (bob@example.org)")
    error = metrics_of(store).last_error
    assert error is not None
    assert (error.lane, error.text) == ("b", "550 5.1.1 no such user (bob@example.org)")


@pytest.mark.slow
@pytest.mark.parametrize("reply", ["550 5.1.1 no such user", "451 4.2.0 come back later"])
def test_what_a_server_says_no_to_is_the_last_error(outbox: Outbox, sandbox: Sandbox, reply: str) -> None:
    outbox.put(message(), via=sandbox.url)
    outbox.run_once()
    assert outbox.metrics().last_error is None

    sandbox.answer("recipient", reply)
    outbox.put(message(), via=sandbox.url)
    outbox.run_once()

    found = outbox.metrics()
    assert found.last_error is not None
    assert reply in found.last_error.text
    assert found.last_error.lane == outbox.lanes()[0].name
    assert (found.sent, found.refused) == (1, int(reply.startswith("5")))


def test_a_worker_is_alive_that_was_heard_of_and_is_not_proved_to_be_gone(store: Store) -> None:
    for name in ("here", "silent", "gone"):
        store.enlist(WorkerInfo(f"{name}:1/{name}", "", 0, ""))
    change(store, "UPDATE outbox_worker SET seen = seen - :ago WHERE id = :id",
           id="silent:1/silent", ago=HEARD + 1)  # fmt: skip

    found = {each.worker: each for each in metrics_of(store).workers}

    assert {name: each.alive for name, each in found.items()} == {"here:1": True, "silent:1": False, "gone:1": True}
    assert not WorkerStatus("x:1", Life.GONE, 0.0, 0, None).alive
    assert metrics_of(store).alive == 2


def test_what_a_worker_has_that_is_gone_is_told_with_the_moment_at_which_it_comes_back(tmp_path: Path) -> None:
    place = tmp_path / "outbox.db"
    with Outbox(place, elsewhere=True) as outbox:
        store = store_of(outbox)
        lock = WorkerLock.make(str(place), "there:7/abc")
        assert lock is not None
        store.put([new_mail(), new_mail()])
        store.enlist(WorkerInfo("there:7/abc", BESIDE, lock.inode, ""))
        store.claim("billing", 2, lease=500, holder="there:7/abc")
        assert outbox.metrics().alive == 1
        lock.close()

        found = outbox.metrics()

        (gone,) = found.gone
        (worker,) = found.workers
        assert (gone.worker, gone.mails, found.alive) == ("there:7", 2, 0)
        assert (worker.life, worker.mails) == (Life.GONE, 2)
        assert worker.back == gone.back
        assert 400 < gone.back - time.time() < 501


def test_a_worker_says_every_minute_that_it_is_there(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a worker on another machine, whose lock nobody sees, could not be told from one that is gone."""
    heard: list[float] = []
    renewed, once = Presence.renew, threading.Event()

    def renew(self: Presence) -> None:
        renewed(self)
        heard.append(outbox.metrics().workers[0].heard)
        once.set()

    monkeypatch.setattr(Presence, "renew", renew)
    monkeypatch.setattr(lease_keeper, "_TICK", 0.001)
    with outbox.worker():
        assert once.wait(20)  # it ticks sixty times

    assert heard[0] < HEARD


def test_those_who_await_get_the_same(tmp_path: Path) -> None:
    async def look() -> Metrics:
        async with AsyncOutbox(tmp_path / "outbox.db") as outbox:
            await outbox.put(message(), via="smtp://127.0.0.1:2525")
            return await outbox.metrics()

    assert asyncio.run(look()).waiting == 1


def test_a_look_does_not_change(open_store: Callable[[], Store]) -> None:
    found = metrics_of(open_store())

    with pytest.raises(AttributeError):
        found.waiting = 3  # type: ignore[misc]
