"""Mails in their turn, whatever dies: by priority, several at a time, and the one that kills its workers is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from courriel import Message, Outbox, Outcome, Receipt, RecipientResult, Reply
from courriel.delivery.local import LocalTransport
from courriel.model.submission import Submission
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import Job
from courriel.outbox.store.sql.claiming import at_once
from courriel.outbox.store.states import State
from courriel.outbox.wakeup import Wakeup
from courriel.outbox.work.serving import due_lanes
from courriel.outbox.work.serving.due_lanes import DueLanes
from fast_part import examples
from outbox.conftest import claim, new_mail, settled
from servers.daemon import wait_until

OVER = -1.0  # a lease that has run out before it begins
BATCH = 8

_lanes = count(1)
one_store = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def settle(store: Store, jobs: Sequence[Job]) -> None:
    assert all(store.settle([settled(job) for job in jobs]))


def recover(store: Store, lane: str) -> None:
    """Whatever was left is given back, and nothing is leased."""
    while store.claim(lane, 0, lease=60, holder="x").recovered:
        pass


def ready(store: Store, lane: str) -> dict[str, tuple[int, int]]:
    """Priority, and how often it was lost, of each mail that waits."""
    return {info.id: (info.priority, info.lost) for info in store.read(Query(state=State.READY, lane=lane))}


@pytest.mark.slow
@given(
    mails=some.lists(some.integers(0, 2), min_size=1, max_size=40),
    deaths=some.lists(some.one_of(some.none(), some.integers(0, BATCH)), max_size=30),
    late=some.lists(some.integers(0, 2), max_size=10),
)
@settings(one_store, max_examples=examples(60))
def test_no_mail_waits_behind_one_of_lower_priority(
    store: Store, mails: list[int], deaths: list[int | None], late: list[int]
) -> None:
    """A worker dies with whatever it has not settled of a batch: `deaths` has how many it did, None is no death."""
    lane = f"turns {next(_lanes)}"
    ids = store.put([new_mail(priority=priority, lane=lane) for priority in mails])
    overtaken = dict.fromkeys(ids, 0)  # batches with a lower priority, while it was ready
    history, arriving = iter(deaths), iter(late)

    while True:
        recover(store, lane)
        waiting = ready(store, lane)
        death = next(history, None)
        jobs = claim(store, BATCH, lane, OVER if death is not None else 60.0)
        if not jobs:
            break
        settle(store, jobs[:death])
        lowest = max(job.priority for job in jobs)
        for ident in waiting.keys() - {job.id for job in jobs}:
            overtaken[ident] = overtaken.get(ident, 0) + (waiting[ident][0] < lowest)
        lost = {job.lost for job in jobs}
        assert len(lost) == 1, "those that were lost go apart from the others"
        assert lost == {0} or len(jobs) <= at_once(lost.pop(), BATCH)
        if (priority := next(arriving, None)) is not None:
            store.put([new_mail(priority=priority, lane=lane)])

    assert max(overtaken.values()) <= 2
    assert not ready(store, lane)


@pytest.mark.slow
@given(
    mails=some.lists(some.tuples(some.integers(0, 2), some.booleans()), min_size=1, max_size=25),
    batch=some.sampled_from([1, 3, 8, 32, 100]),
)
@settings(one_store, max_examples=examples(40))
def test_poison_is_found_and_nobody_else_is_taken_for_it(
    store: Store, mails: list[tuple[int, bool]], batch: int
) -> None:
    """A batch that holds one that kills its worker dies before anything of it is settled: the worst there can be."""
    lane = f"turns {next(_lanes)}"
    ids = store.put([new_mail(priority=priority, lane=lane) for priority, _ in mails])
    poison = {ident for ident, (_, kills) in zip(ids, mails, strict=True) if kills}

    for _ in range(8 * len(mails) + 8):
        jobs = claim(store, batch, lane)
        if poison & {job.id for job in jobs}:
            store.extend(jobs, lease=OVER)
        else:
            settle(store, jobs)
        recover(store, lane)

    states = {info.id: (info.state, info.why) for info in store.read(Query(lane=lane))}
    assert {ident for ident, (state, _) in states.items() if state is State.SENT} == set(ids) - poison
    assert all(states[ident] == (State.HELD, "poison") for ident in poison)


def test_what_a_dead_worker_held_goes_several_at_a_time_before_what_is_less_urgent(store: Store) -> None:
    store.put([new_mail(priority=0) for _ in range(40)])
    claim(store, 40, lease=OVER)
    store.put([new_mail(priority=2) for _ in range(100)])

    batches = [claim(store, 40) for _ in range(5)]

    assert [len(batch) for batch in batches] == [10, 10, 10, 10, 40]
    assert [batch[0].priority for batch in batches] == [0, 0, 0, 0, 2]


def test_what_was_lost_once_keeps_its_place_and_what_was_lost_twice_goes_to_the_end(store: Store) -> None:
    (old,) = store.put([new_mail()])
    claim(store, lease=OVER)
    recover(store, "billing")
    (young,) = store.put([new_mail()])

    first = claim(store, lease=OVER)
    recover(store, "billing")
    second = claim(store)
    third = claim(store)

    assert [[job.id for job in jobs] for jobs in (first, second, third)] == [[old], [young], [old]]
    assert [job.lost for jobs in (first, second, third) for job in jobs] == [1, 0, 2]


def test_every_lane_gets_its_own_back_at_the_first_claim(store: Store) -> None:
    """One worker goes round two lanes: neither finds only what was lost, and neither starves."""
    lanes = "a", "b"
    for lane in lanes:
        store.put([new_mail(lane=lane) for _ in range(12)])
        claim(store, 8, lane, OVER)

    rounds = [[len(claim(store, 8, lane)) for lane in lanes] for _ in range(5)]

    assert rounds == [[2, 2], [2, 2], [2, 2], [2, 2], [4, 4]]


# Several lanes, and one that sends.


class _Slow(LocalTransport):
    """A lane that takes one mail at a time, when it is told to."""

    parallel = 1

    def __init__(self, name: str, sent: list[str], goes: Callable[[str], object]) -> None:
        self._name, self._sent, self._goes = name, sent, goes

    @property
    def name(self) -> str:
        return self._name

    def submit(self, submission: Submission) -> Receipt:
        content = b"".join(submission.content.pieces)
        subject = content.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
        self._goes(subject)
        assert submission.before_end is not None
        assert submission.before_end()
        self._sent.append(subject)
        fates = [
            RecipientResult(recipient.spec, Outcome.ACCEPTED, Reply(250, ("ok",)))
            for recipient in submission.envelope.recipients
        ]
        return Receipt(self._name, submission.message_id, Reply(250, ("ok",)), tuple(fates))


def _letter(subject: str) -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject=subject, text="Hello.")


@pytest.mark.slow
@pytest.mark.parametrize("once", [True, False])
def test_urgent_mail_of_another_lane_does_not_wait_for_newsletters(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, once: bool
) -> None:
    """It is put while the third of a hundred is sent, in a lane that comes last by name."""
    monkeypatch.setattr(due_lanes, "_GLANCE", 0.0)
    sent: list[str] = []

    def goes(subject: str) -> None:
        if subject == "news 3":
            outbox.put(_letter("urgent"), via="zulu", priority="high")

    for name in ("alpha", "zulu"):
        outbox.use(name, _Slow(name, sent, goes))
    outbox.put_many([_letter(f"news {number}") for number in range(100)], via="alpha", priority="low")

    if once:
        outbox.run_once()
    else:
        with outbox.worker():
            wait_until(lambda: len(sent) == 101, 20)

    assert sent[:5] == ["news 0", "news 1", "news 2", "news 3", "urgent"]
    assert sent[5:] == [f"news {number}" for number in range(4, 100)]


def test_lanes_are_served_by_priority_and_none_starves(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(due_lanes, "monotonic", lambda: now[0])
    lanes = DueLanes(store, Wakeup())
    for lane, priority in (("calm", 2), ("usual", 1), ("first", 0), ("second", 0)):
        store.put([new_mail(lane=lane, priority=priority)])

    due = lanes.look(fresh=True)
    assert due.lanes == ("first", "second", "usual", "calm")
    assert lanes.order_for(due, 0) == due.lanes
    assert lanes.order_for(due, 1) == ("second", "first", "calm", "usual")
    now[0] += 1
    lanes.serves("first")
    assert lanes.look(fresh=True).lanes == ("second", "first", "usual", "calm")

    now[0] += 30
    for lane in ("first", "second", "usual"):
        lanes.serves(lane)
    now[0] += 0.5
    assert lanes.look(fresh=True).lanes == ("calm", "first", "second", "usual")
