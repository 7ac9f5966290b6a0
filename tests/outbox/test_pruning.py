"""Old mails are forgotten in short steps, and whoever puts a mail meanwhile waits for one of them at most."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from courriel.outbox.store import pruning
from courriel.outbox.store.base import Store
from courriel.outbox.store.chunks import LARGE
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import Pruned
from courriel.outbox.store.pruning import Pruning
from courriel.outbox.store.sql.connection import SqlConnection
from courriel.outbox.store.sql.store import SqlStore
from courriel.outbox.store.states import State
from outbox.conftest import claim, new_mail, settled


def put_and_end(store: Store, *contents: bytes, state: State = State.SENT) -> list[str]:
    ids = store.put([new_mail(content) for content in contents])
    store.settle([settled(job, state) for job in claim(store, len(contents))])
    return ids


def rows_of(store: Store, table: str) -> int:
    assert isinstance(store, SqlStore)
    return int(store._read(lambda line: line.execute(f"SELECT count(*) FROM {table}").fetchone())[0])


class Steps:
    """A store that only counts how it is asked, on a clock of its own."""

    def __init__(self, mails: int, seconds_each: Callable[[int], float]) -> None:
        self.left, self.now = mails, 0.0
        self.sizes: list[int] = []
        self.rests: list[float] = []
        self._seconds_each = seconds_each

    def prune(self, *, sent: float, failed: float, most: int) -> Pruned:
        mails = min(most, self.left)
        self.left -= mails
        self.sizes.append(most)
        self.now += mails * self._seconds_each(len(self.sizes))
        return Pruned(mails, more=mails > 0)

    def pruning(self) -> Pruning:
        return Pruning(self, sent=0, failed=0, rest=self.rests.append, clock=lambda: self.now)  # type: ignore[arg-type]


def test_a_step_is_as_large_as_takes_a_hundredth_of_a_second_on_this_disk() -> None:
    quick, slow = Steps(2_000, lambda _: 0.0001), Steps(200, lambda _: 0.002)

    assert quick.pruning().run() == Pruned(2_000, more=False)
    assert slow.pruning().run() == Pruned(200, more=False)

    assert quick.sizes[:5] == [10, 20, 40, 80, 100]
    assert set(quick.sizes[4:]) <= {99, 100}
    assert set(slow.sizes[1:]) == {5}
    assert slow.rests[1:3] == [pytest.approx(0.01), pytest.approx(0.01)]


def test_a_disk_that_becomes_slow_gets_smaller_steps_at_once() -> None:
    steps = Steps(3_000, lambda step: 0.00001 if step < 8 else 0.001)

    steps.pruning().run()

    assert max(steps.sizes) == 500
    assert steps.sizes[8:10] == [10, pytest.approx(10, abs=1)]


def test_it_ends_when_its_time_is_over_and_goes_on_later() -> None:
    steps = Steps(1_000, lambda _: 0.001)
    one = steps.pruning()

    first = one.run(0.1)
    rest = one.run()

    assert first.more
    assert first.mails + rest.mails == 1_000
    assert 0 < first.mails < 200


class EndingMails(Steps):
    """A store in which a mail ends each second."""

    def prune(self, *, sent: float, failed: float, most: int) -> Pruned:
        old = max(0, min(most, int(self.now - sent) - self.forgotten))
        self.forgotten += old
        self.now += 1.0
        return Pruned(old, more=old > 0)

    forgotten = 0


def test_mails_that_end_meanwhile_are_not_followed_for_ever() -> None:
    store = EndingMails(0, lambda _: 0)
    store.now = 25.0

    done = Pruning(store, sent=0, failed=0, rest=lambda _: None, clock=lambda: store.now).run()  # type: ignore[arg-type]

    assert done == Pruned(25, more=False)


def test_it_ends_when_whoever_rests_says_so(store: Store) -> None:
    put_and_end(store, *[b"x"] * 30)

    done = Pruning(store, sent=-1, failed=-1, rest=lambda _: True).run()

    assert 0 < done.mails < 30
    assert done.more


def test_somebody_who_puts_comes_between_any_two_steps(
    store: Store, open_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one lock is held between two steps: each rest ends when somebody else has put a mail."""
    monkeypatch.setattr(pruning, "_MOST", 10)
    put_and_end(store, *[b"x"] * 50)
    other, ids, steps = open_store(), list[str](), 0

    def put_meanwhile(_: float) -> None:
        nonlocal steps
        steps += 1
        putting = threading.Thread(target=lambda: ids.extend(other.put([new_mail(lane="other")])))
        putting.start()
        putting.join(30)
        assert len(ids) == steps

    done = Pruning(store, sent=-1, failed=-1, rest=put_meanwhile).run()

    assert done == Pruned(50, more=False)
    assert steps >= 5
    assert sorted(info.id for info in store.read(Query())) == sorted(ids)


@pytest.mark.fresh_tables
def test_no_transaction_forgets_more_than_a_megabyte_or_a_few_mails(store: Store) -> None:
    put_and_end(store, *[b"x" * (LARGE // 3)] * 7, *[b"x"] * 30)

    steps: list[int] = []
    while (done := store.prune(sent=-1, failed=-1, most=20)).more:
        steps.append(done.mails)

    assert sum(steps) == 37
    assert max(steps) <= 20
    assert sum(mails <= 3 for mails in steps) >= 2
    assert rows_of(store, "outbox_body") == 0


def test_a_large_content_goes_piece_by_piece_and_its_mail_first(store: Store) -> None:
    (ident,) = put_and_end(store, b"x" * (5 * LARGE))
    pieces = [rows_of(store, "outbox_body")]

    done = store.prune(sent=-1, failed=-1, most=20)
    assert store.find(id=ident) is None
    while store.prune(sent=-1, failed=-1, most=20).more:
        pieces.append(rows_of(store, "outbox_body"))

    assert done == Pruned(1, more=True)
    assert max(before - after for before, after in pairwise(pieces)) <= 4
    assert (rows_of(store, "outbox_body"), rows_of(store, "outbox_staged")) == (0, 0)
    assert store.check() == []


def test_each_end_has_its_own_age_and_the_longest_ended_go_first(store: Store) -> None:
    sent = put_and_end(store, b"1") + put_and_end(store, b"2")
    failed = put_and_end(store, b"3", state=State.FAILED)
    canceled = store.put([new_mail()])
    store.edit(canceled[0], "cancel")

    assert store.prune(sent=-1, failed=100, most=1) == Pruned(1, more=True)
    assert store.find(id=sent[0]) is None
    assert store.prune(sent=-1, failed=100, most=10) == Pruned(2, more=True)
    assert store.prune(sent=-1, failed=100, most=10) == Pruned(0, more=False)
    assert [info.id for info in store.read(Query())] == failed
    assert store.prune(sent=100, failed=-1, most=10) == Pruned(1, more=True)


def test_old_mails_are_found_by_an_index_and_not_among_all_that_ended(store: Store, engine: str) -> None:
    """An outbox that keeps a million sent mails is asked each hour which of them are old."""
    assert isinstance(store, SqlStore)
    values = {"state": 4, "age": 1, "most": 10} | store._now()

    def explain(line: SqlConnection) -> str:
        if engine == "sqlite":
            return "".join(row[3] for row in line.execute(f"EXPLAIN QUERY PLAN {store._sql['old']}", values).fetchall())
        line.execute("SET LOCAL enable_seqscan = off")
        return "".join(row[0] for row in line.execute(f"EXPLAIN {store._sql['old']}", values).fetchall())

    plan = store._write(explain)

    assert "outbox_done" in plan
    assert "Sort" not in plan
    assert "B-TREE" not in plan
