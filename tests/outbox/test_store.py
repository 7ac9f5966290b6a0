"""What every store does, whatever its engine: a mail is leased to one, and who lost it can do nothing with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from courriel import errors
from courriel.outbox.store.base import Store
from courriel.outbox.store.chunks import CHUNK
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import Claimed, Job, LeaseTerms
from courriel.outbox.store.states import POISON_AFTER, Action, OnUnsure, State
from outbox.conftest import claim, new_mail, settled

OVER = -1.0  # a lease that has run out before it begins


def state_of(store: Store, ident: str) -> State:
    found = store.find(id=ident)
    assert found is not None
    return found.state


def test_what_was_put_comes_back_as_it_was(store: Store) -> None:
    mail = new_mail(b"x" * 100, recipients=("é@example.org", "b@example.org"), options={"envid": "a'b"}, key="k 1")

    (ident,) = store.put([mail])
    (job,) = claim(store)

    assert (job.id, job.recipients, job.options, job.message_id) == (
        ident,
        mail.recipients,
        mail.options,
        mail.message_id,
    )
    assert (job.body, job.size, job.tries, job.unsure) == ((b"x" * 100,), 100, 1, 0)
    assert 0 <= job.age < 30
    assert 3500 < job.left <= 3600


def test_a_large_content_lies_in_pieces_and_is_read_while_it_is_sent(store: Store) -> None:
    content = bytes(range(256)) * 4000  # not a whole number of pieces

    store.put([new_mail(content)])
    (job,) = claim(store)

    assert job.body is None
    pieces = list(store.body(job.id))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) == CHUNK


# Going on.


def go_on(store: Store, sent: Sequence[Job], mark: float | None, most: int = 10) -> Claimed:
    return store.go_on([settled(job) for job in sent], "billing", most, LeaseTerms(60.0, "here:1", mark, most))


@pytest.mark.parametrize(("mark", "state"), [(60.0, State.IN_FLIGHT), (None, State.LEASED)])
def test_who_goes_on_settles_claims_and_marks_at_once(store: Store, mark: float | None, state: State) -> None:
    store.put([new_mail() for _ in range(5)])
    sent = claim(store, 2)
    store.mark(sent, lease=60)

    claimed = go_on(store, sent, mark, most=2)

    assert claimed.settled == (True, True)
    assert claimed.marked == (0 if mark is None else 2)
    assert {state_of(store, job.id) for job in sent} == {State.SENT}
    assert [state_of(store, job.id) for job in claimed.jobs] == [state] * 2
    assert claimed.jobs[0].body is not None
    assert not {job.id for job in sent} & {job.id for job in claimed.jobs}


def test_who_goes_on_has_only_the_first_marked(store: Store) -> None:
    store.put([new_mail() for _ in range(5)])

    claimed = store.go_on((), "billing", 5, LeaseTerms(60.0, "here:1", 60.0, 2))

    assert claimed.marked == 2
    assert [state_of(store, job.id) for job in claimed.jobs] == [State.IN_FLIGHT] * 2 + [State.LEASED] * 3


def test_what_was_answered_is_settled_with_the_mark_of_what_comes_next(store: Store) -> None:
    store.put([new_mail() for _ in range(4)])
    jobs = claim(store, 4)
    store.mark(jobs[:1], lease=60)
    store.edit(jobs[1].id, "cancel")

    settled_ones, marked = store.advance([settled(jobs[0]), settled(jobs[1])], [(job, 60) for job in jobs[1:3]])

    assert (settled_ones, marked) == ([True, False], [False, True])
    assert [state_of(store, job.id) for job in jobs] == [State.SENT, State.CANCELED, State.IN_FLIGHT, State.LEASED]


def test_who_goes_on_hears_which_mail_was_taken_from_it(store: Store) -> None:
    store.put([new_mail() for _ in range(3)])
    jobs = claim(store, 3)
    store.edit(jobs[1].id, "cancel")

    claimed = go_on(store, jobs, 60.0)

    assert claimed.settled == (True, False, True)
    assert claimed.jobs == ()


def test_what_was_marked_when_it_was_claimed_is_unsure_when_its_lease_is_over(store: Store) -> None:
    store.put([new_mail(), new_mail(on_unsure=OnUnsure.HOLD)])

    claimed = go_on(store, (), OVER)

    found = store.claim("billing", 0, lease=60, holder="there:2").recovered
    assert {each.why for each in found} == {"unsure"}
    assert {each.state for each in found} == {State.READY, State.HELD}
    assert len(claimed.jobs) == 2


def test_one_whose_lease_ran_out_is_not_marked_before_it_must_be(store: Store) -> None:
    """It may be the one that kills its workers, and it must be known that it has not left by then."""
    store.put([new_mail()])
    claim(store, lease=OVER)

    claimed = go_on(store, (), 60.0)

    (job,) = claimed.jobs
    assert (claimed.marked, state_of(store, job.id)) == (0, State.LEASED)
    assert store.mark([job], lease=60) == [True]


def test_an_answer_comes_back_as_it_was_said(store: Store) -> None:
    store.put([new_mail()])
    (job,) = claim(store)
    said = {
        '"quoted\\"@example.org': (250, "2.0.0", 'a "b" \\ \t \r\n \x01 é \u2028 😀', 1.25),
        "b@example.org": (0, "", "", 1e9),
    }

    store.settle([settled(job, results=said)])

    info = store.find(id=job.id)
    assert info is not None
    assert info.results == said


def test_the_same_key_is_one_mail(store: Store) -> None:
    """Hazard H05: the key is stored before the attempt, and a repeated call returns the first outcome."""
    (first,) = store.put([new_mail(key="invoice-1")])
    job = claim(store)[0]
    store.settle([settled(job)])

    (again,) = store.put([new_mail(key="invoice-1")])

    assert again == first
    assert claim(store) == ()
    assert len(list(store.read(Query()))) == 1


def test_a_key_may_stand_twice_among_those_that_are_put_together(store: Store) -> None:
    ids = store.put([new_mail(key="a"), new_mail(key="b"), new_mail(key="a")])

    assert ids[0] == ids[2] != ids[1]
    assert len(list(store.read(Query()))) == 2


def test_each_mail_is_leased_once(open_store: Callable[[], Store]) -> None:
    """Hazard H06: one atomic statement, whoever asks."""
    stores = [open_store() for _ in range(4)]
    ids = stores[0].put([new_mail() for _ in range(200)])
    claimed: list[str] = []

    def work(store: Store) -> None:
        while jobs := claim(store, most=7):
            claimed.extend(job.id for job in jobs)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed) == sorted(ids)


def test_urgent_ones_go_first_and_each_waits_for_its_time(store: Store) -> None:
    low, normal, high, later = store.put(
        [new_mail(priority=2), new_mail(priority=1), new_mail(priority=0), new_mail(priority=0, delay=60)]
    )

    taken = [job.id for _ in range(4) for job in claim(store, most=1)]

    assert taken == [high, normal, low]
    assert state_of(store, later) is State.READY


def test_a_lease_that_ran_out_before_the_mark_is_given_to_the_next_and_proves_nothing(store: Store) -> None:
    (ident,) = store.put([new_mail()])
    (first,) = claim(store, lease=OVER)

    claimed = store.claim("billing", 10, lease=60, holder="there:2")

    assert [found.why for found in claimed.recovered] == ["lost"]
    assert [job.id for job in claimed.jobs] == [ident]
    assert claimed.jobs[0].unsure == 0
    assert store.mark([first], lease=600) == [False]
    assert store.settle([settled(first)]) == [False]
    assert store.mark(claimed.jobs, lease=600) == [True]


@pytest.mark.parametrize(("on_unsure", "state"), [(OnUnsure.RESEND, State.READY), (OnUnsure.HOLD, State.HELD)])
def test_a_lease_that_ran_out_after_the_mark_is_unsure(store: Store, on_unsure: OnUnsure, state: State) -> None:
    (ident,) = store.put([new_mail(on_unsure=on_unsure)])
    jobs = claim(store)
    assert store.mark(jobs, lease=OVER) == [True]

    claimed = store.claim("billing", 0, lease=60, holder="there:2")

    assert [(found.id, found.state, found.why) for found in claimed.recovered] == [(ident, state, "unsure")]
    assert store.find(id=ident).unsure == 1  # type: ignore[union-attr]
    assert store.settle([settled(jobs[0])]) == [False]


def test_a_lease_that_is_over_cannot_be_marked_even_when_nobody_has_taken_it(store: Store) -> None:
    store.put([new_mail()])
    jobs = claim(store, lease=OVER)

    assert store.mark(jobs, lease=600) == [False]
    assert store.extend(jobs, lease=600) == [False]


def test_a_lease_is_extended_until_the_mark_and_not_after_it(store: Store) -> None:
    store.put([new_mail()])
    jobs = claim(store)
    assert store.extend(jobs, lease=60) == [True]
    store.mark(jobs, lease=OVER)

    assert store.extend(jobs, lease=600) == [False]
    assert store.claim("billing", 0, lease=60, holder="x").recovered


def test_a_mark_may_be_made_again_by_who_has_the_token(store: Store) -> None:
    store.put([new_mail()])
    jobs = claim(store)

    assert store.mark(jobs, lease=60) == store.mark(jobs, lease=60) == [True]


def test_one_that_kills_its_workers_is_held_and_takes_no_others_with_it(store: Store) -> None:
    """Poison: whatever was leased with it goes on, and is not suspected for long."""
    ids = store.put([new_mail() for _ in range(5)])
    poison = ids[2]
    assert len(claim(store, lease=OVER)) == 5  # the first death takes all of them along

    done: set[str] = set()
    for _ in range(40):
        jobs = claim(store)
        if poison in {job.id for job in jobs}:
            store.extend(jobs, lease=OVER)  # whoever has it dies, with all that was leased together
            continue
        for job in jobs:
            done.update([job.id] if store.settle([settled(job)]) == [True] else [])

    assert state_of(store, poison) is State.HELD
    assert store.find(id=poison).why == "poison"  # type: ignore[union-attr]
    assert store.find(id=poison).lost == POISON_AFTER  # type: ignore[union-attr]
    assert done == set(ids) - {poison}


def test_suspects_go_apart_and_do_not_keep_the_others_waiting(store: Store) -> None:
    store.put([new_mail() for _ in range(8)])
    claim(store, lease=OVER)
    fresh = store.put([new_mail(priority=0) for _ in range(3)])

    batches = [claim(store, 12) for _ in range(5)]

    assert [len(batch) for batch in batches] == [3, 3, 3, 2, 0]
    assert {job.id for job in batches[0]} == set(fresh)


def test_settling_keeps_what_was_said_and_who_is_left(store: Store) -> None:
    (ident,) = store.put([new_mail(recipients=("a@x", "b@x"))])
    (job,) = claim(store)
    answers = {"a@x": (250, "2.0.0", "ok", 5.0), "b@x": (450, "4.2.0", "later", 5.0)}

    done = store.settle(
        [settled(job, State.READY, recipients=("b@x",), results=answers, delay=60, why="450 later", counted=False)]
    )

    info = store.find(id=ident)
    assert done == [True]
    assert info is not None
    assert (info.state, info.waiting, info.results, info.why, info.tries) == (
        State.READY,
        ("b@x",),
        answers,
        "450 later",
        0,
    )
    assert info.accepted == ("a@x",)
    assert str(info.refused["b@x"]) == "450 4.2.0 later"
    assert claim(store) == ()


def test_settling_twice_does_nothing_the_second_time(store: Store) -> None:
    """Hazard H10: a double callback never turns one outcome into another."""
    (ident,) = store.put([new_mail()])
    (job,) = claim(store)

    assert store.settle([settled(job)]) == [True]
    assert store.settle([settled(job, State.READY)]) == [False]
    assert state_of(store, ident) is State.SENT


@pytest.mark.slow
def test_of_many_that_are_settled_or_marked_together_each_is_told_apart(store: Store) -> None:
    ids = store.put([new_mail(b"x", recipients=("a@x", "b@x")) for _ in range(250)])
    jobs = list(claim(store, 250))
    lost = {jobs[3].id, jobs[140].id}
    for ident in lost:
        store.edit(ident, "hold")
    answers = {job.id: {"a@x": (250, "2.0.0", f"ok {job.id}", 5.0)} for job in jobs}
    states = [(State.SENT, State.FAILED, State.READY)[place % 3] for place in range(250)]

    marked = store.mark(jobs, lease=60)
    extended = store.extend(jobs, lease=90)
    done = store.settle(
        [
            settled(job, state, results=answers[job.id], recipients=("b@x",), delay=60 + place, why=f"why {place}")
            for place, (job, state) in enumerate(zip(jobs, states, strict=True))
        ]
    )

    assert marked == extended == done == [job.id not in lost for job in jobs]
    assert {info.id for info in store.read(Query(state=State.HELD))} == lost
    found = {info.id: info for info in store.read(Query())}
    assert set(found) == set(ids)
    for place, (job, state) in enumerate(zip(jobs, states, strict=True)):
        info = found[job.id]
        if job.id not in lost:
            assert (info.state, info.results, info.why) == (state, answers[job.id], f"why {place}")
            assert info.due == pytest.approx(info.changed + 60 + place)


def test_a_mail_that_is_settled_twice_by_one_call_has_the_first_result(store: Store) -> None:
    store.put([new_mail() for _ in range(6)])
    jobs = list(claim(store, 6))

    done = store.settle([*map(settled, jobs), settled(jobs[0], State.FAILED)])

    assert done == [True] * 6 + [False]
    assert {state_of(store, job.id) for job in jobs} == {State.SENT}


EDITS: list[tuple[Action, set[State], State]] = [
    ("cancel", {State.READY, State.LEASED, State.HELD}, State.CANCELED),
    ("hold", {State.READY, State.LEASED}, State.HELD),
    ("release", {State.HELD}, State.READY),
    ("retry_now", {State.READY}, State.READY),
]


@pytest.mark.parametrize(("action", "allowed", "after"), EDITS)
@pytest.mark.parametrize("before", list(State))
def test_an_act_is_done_where_the_state_allows_it_and_nowhere_else(
    store: Store, action: Action, allowed: set[State], after: State, before: State
) -> None:
    ident = brought_to(store, before)

    done = store.edit(ident, action)

    assert done is (before in allowed)
    assert state_of(store, ident) is (after if done else before)


def brought_to(store: Store, state: State) -> str:
    (ident,) = store.put([new_mail()])
    if state is State.READY:
        return ident
    if state in (State.HELD, State.CANCELED):
        assert store.edit(ident, "hold" if state is State.HELD else "cancel")
        return ident
    jobs = claim(store)
    if state is State.LEASED:
        return ident
    store.mark(jobs, lease=60)
    if state is not State.IN_FLIGHT:
        store.settle([settled(jobs[0], state)])
    return ident


@pytest.mark.parametrize("action", ["cancel", "hold"])
def test_one_that_was_taken_back_cannot_be_marked_by_who_has_it_in_hand(store: Store, action: Action) -> None:
    (ident,) = store.put([new_mail()])
    jobs = claim(store)

    assert store.edit(ident, action)
    assert store.mark(jobs, lease=60) == [False]
    assert store.settle([settled(jobs[0])]) == [False]


def test_retry_now_makes_it_due(store: Store) -> None:
    (ident,) = store.put([new_mail(delay=1000)])
    assert claim(store) == ()

    assert store.edit(ident, "retry_now")
    assert [job.id for job in claim(store)] == [ident]


def test_there_is_no_acting_on_what_is_not_there(store: Store) -> None:
    with pytest.raises(errors.TicketNotFound):
        store.edit("nothing", "cancel")
    assert store.find(id="nothing") is None
    assert list(store.body("nothing")) == []


def test_what_was_found_is_sent_and_what_was_not_stays_held(store: Store) -> None:
    ids = store.put([new_mail(on_unsure=OnUnsure.HOLD) for _ in range(2)])
    store.mark(claim(store), lease=OVER)
    store.claim("billing", 0, lease=60, holder="x")

    assert store.edit(ids[0], "found")
    assert store.edit(ids[1], "not_found")
    assert not store.edit(ids[1], "found")  # asked once
    assert [state_of(store, ident) for ident in ids] == [State.SENT, State.HELD]


def test_a_lane_that_failed_rests_and_is_tried_by_one_mail(store: Store) -> None:
    store.put([new_mail() for _ in range(3)])
    store.lane_failed("billing", fails=0, pause=1000, why="nobody answers")
    assert claim(store) == ()
    store.set_lane("billing", {"stopped": False})
    store.lane_failed("billing", fails=0, pause=-1, why="nobody answers")  # the pause is over

    probe = claim(store)
    meanwhile = claim(store)
    store.settle([settled(probe[0])])
    store.lane_works("billing")
    after = claim(store)

    assert (len(probe), len(meanwhile), len(after)) == (1, 0, 2)


def test_one_failure_seen_by_two_is_one(store: Store) -> None:
    store.put([new_mail()])
    store.lane_failed("billing", fails=0, pause=10, why="x")
    store.lane_failed("billing", fails=0, pause=10, why="x")

    assert [lane.fails for lane in store.lanes()] == [1]


def test_a_stopped_lane_waits_for_a_person(store: Store) -> None:
    store.put([new_mail()])

    assert store.set_lane("billing", {"stopped": True}).stopped
    assert claim(store) == ()
    store.set_lane("billing", {"stopped": False})
    assert len(claim(store)) == 1


def test_a_lane_has_no_more_in_hand_than_its_cap(store: Store) -> None:
    store.put([new_mail() for _ in range(5)])
    store.set_lane("billing", {"cap": 2})

    first = claim(store)
    second = claim(store)
    store.settle([settled(first[0])])

    assert (len(first), len(second), len(claim(store))) == (2, 0, 1)


def test_a_gap_lets_one_leave_and_the_next_later(store: Store) -> None:
    store.put([new_mail() for _ in range(5)])
    store.set_lane("billing", {"gap": 1000.0})

    assert [len(claim(store)) for _ in range(3)] == [1, 0, 0]


def test_other_lanes_are_not_touched(store: Store) -> None:
    store.put([new_mail(lane="a"), new_mail(lane="b")])
    store.lane_failed("a", fails=0, pause=100, why="x")

    assert claim(store, lane="a") == ()
    assert len(claim(store, lane="b")) == 1


def test_mails_are_listed_as_they_were_put_and_by_what_is_asked(store: Store) -> None:
    ids = [store.put([new_mail(lane=lane)])[0] for lane in "ababa"]
    store.settle([settled(job) for job in claim(store, lane="b")])

    listed = [info.id for info in store.read(Query())]

    assert listed == ids
    assert [info.id for info in store.read(Query(lane="b", state=State.SENT))] == [ids[1], ids[3]]
    assert [info.id for info in store.read(Query(most=2))] == ids[:2]
    assert list(store.read(Query(unsure=True))) == []
    assert [(row.lane, row.state, row.mails) for row in store.counts()] == [("a", State.READY, 3), ("b", State.SENT, 2)]


def test_a_long_list_is_read_to_its_end(store: Store) -> None:
    ids = store.put([new_mail() for _ in range(450)])

    assert sorted(info.id for info in store.read(Query())) == sorted(ids)


def test_old_mails_are_forgotten_with_their_content_and_no_others(store: Store) -> None:
    ids = store.put([new_mail(key=str(number)) for number in range(4)])
    jobs = {job.id: job for job in claim(store)}
    store.settle([settled(jobs[ids[0]]), settled(jobs[ids[1]], State.FAILED)])

    none = store.prune(sent=100, failed=100, most=10)
    some = store.prune(sent=-1, failed=100, most=10)

    assert (none.mails, some.mails) == (0, 1)
    assert store.find(id=ids[0]) is None
    assert list(store.body(ids[0])) == []
    assert [info.id for info in store.read(Query())] == ids[1:]
    assert store.put([new_mail(key="0")]) != ids[:1]


def test_news_is_kept_until_somebody_has_it(store: Store) -> None:
    (ident,) = store.put([new_mail()])
    store.settle([settled(claim(store)[0], news=True)])
    assert [info.id for info in store.read(Query(news=True))] == [ident]

    store.told([ident])

    assert list(store.read(Query(news=True))) == []


def test_what_was_put_is_there_for_who_opens_it_next(open_store: Callable[[], Store]) -> None:
    first = open_store()
    (ident,) = first.put([new_mail()])
    first.close()
    first.close()

    assert open_store().find(id=ident) is not None
    with pytest.raises(errors.OutboxError, match="closed"):
        first.put([new_mail()])
    first.reopen()
    assert first.find(id=ident) is not None
