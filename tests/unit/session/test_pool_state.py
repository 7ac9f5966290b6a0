"""State of a pool, tested with random sequences of events (hypothesis)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from courriel import Reply, errors
from courriel.session.pool.state import PoolLimits, PoolState, Slot, Waiter
from fast_part import examples

WRONG_PASSWORD = errors.AuthenticationRefused(Reply(535, ("5.7.8 wrong password",)), stage="authenticate")
NOBODY_THERE = errors.ConnectionFailed("connection refused", stage="connect")
TOO_MANY = errors.ConnectionFailed(
    "the server closed the session: 421 4.7.0 too many", stage="greeting", reply=Reply(421, ("4.7.0 too many",))
)


@dataclass(eq=False)
class Session:
    """A fake session that breaks on request."""

    sound: bool = True
    closed: bool = False


def shelf_of(**limits: object) -> PoolState[Session]:
    return PoolState(PoolLimits(**limits), lambda session: session.sound)  # type: ignore[arg-type]


def opened(waiter: Waiter[Session], now: float) -> Slot[Session]:
    assert waiter.slot is not None
    if waiter.slot.session is None:
        waiter.slot.session = Session()
        waiter.slot.opened(now)
    return waiter.slot


def warm(state: PoolState[Session], now: float) -> Session:
    """One idle session in the pool, used just now."""
    slot = opened(state.ask(now, now + 30), now)
    state.give_back(slot, now)
    assert slot.session is not None
    return slot.session


class World(RuleBasedStateMachine):
    """The callers of the pool, and a simple model of its state."""

    @initialize(size=st.integers(1, 4), messages=st.integers(1, 5))
    def begin(self, size: int, messages: int) -> None:
        self.now = 1000.0
        self.size, self.messages = size, messages
        self.state = shelf_of(size=size, messages=messages, idle=10, age=100)
        self.queue: list[Waiter[Session]] = []  # callers to be served next
        self.holding: list[Waiter[Session]] = []
        self.opening: list[Waiter[Session]] = []
        self.all: list[Session] = []

    # Actions of callers.

    @rule()
    @precondition(lambda self: not self.state.closed)
    def ask(self) -> None:
        waiter = self.state.ask(self.now, self.now + 30)
        assert waiter.slot is None or not self.queue, "somebody was overtaken"
        self.queue.append(waiter)
        self.settle([waiter] if waiter.slot else [])

    @rule(data=st.data())
    @precondition(lambda self: self.queue)
    def stop_waiting(self, data: st.DataObject) -> None:
        waiter = data.draw(st.sampled_from(self.queue))
        self.queue.remove(waiter)
        self.state.withdraw(waiter, self.now)
        self.settle(self.state.serve(self.now))

    @rule(data=st.data())
    @precondition(lambda self: self.opening)
    def open(self, data: st.DataObject) -> None:
        waiter = self.drawn(data, self.opening)
        assert waiter.slot is not None
        assert waiter.slot.session is None
        waiter.slot.session = Session()
        waiter.slot.opened(self.now)
        self.all.append(waiter.slot.session)
        self.holding.append(waiter)

    @rule(data=st.data())
    @precondition(lambda self: self.opening)
    def be_cancelled_while_opening(self, data: st.DataObject) -> None:
        self.state.withdraw(self.drawn(data, self.opening), self.now)
        self.settle(self.state.serve(self.now))

    @rule(data=st.data(), error=st.sampled_from([WRONG_PASSWORD, NOBODY_THERE, TOO_MANY]), ago=st.floats(0, 5))
    @precondition(lambda self: self.opening)
    def fail_to_open(self, data: st.DataObject, error: errors.CourrielError, ago: float) -> None:
        waiter = self.drawn(data, self.opening)
        alive = bool(self.holding) or self.state.resting > 0

        told = self.state.opening_failed(waiter, error, self.now - ago, self.now, crowded=error is TOO_MANY)

        if waiter.refusal is None:
            assert alive or self.opening, "nobody is there whom one could wait for"
            self.queue.insert(0, waiter)
        else:
            assert not alive or not error.retryable or self.now >= waiter.until or self.state.closed
        for each in told:
            assert each.refusal is error
            if each is not waiter:
                assert not alive
                self.queue.remove(each)
        self.settle(self.state.serve(self.now))

    @rule(data=st.data())
    @precondition(lambda self: self.holding)
    def send(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(self.holding)).slot
        assert slot is not None
        slot.messages += 1
        slot.used = self.now

    @rule(data=st.data())
    @precondition(lambda self: self.holding)
    def break_the_line(self, data: st.DataObject) -> None:
        self.session_of(data.draw(st.sampled_from(self.holding))).sound = False

    @rule(data=st.data())
    @precondition(lambda self: self.holding)
    def give_back(self, data: st.DataObject) -> None:
        self.state.withdraw(self.drawn(data, self.holding), self.now)
        self.settle(self.state.serve(self.now))

    # Actions of servers and the clock.

    @rule(data=st.data())
    def hang_up_at_rest(self, data: st.DataObject) -> None:
        if self.state.resting_slots:
            self.session_of(data.draw(st.sampled_from(self.state.resting_slots))).sound = False

    @rule(ago=st.floats(0, 5))
    def complain(self, ago: float) -> None:
        self.state.slow_down(self.now - ago, self.now)
        self.settle([])

    @rule(silence=st.floats(0, 20))
    def learn_of_a_hang_up(self, silence: float) -> None:
        self.state.hung_up(silence, self.now)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 11.0, 61.0, 101.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for late in self.state.overdue(self.now):
            assert late.until <= self.now
            self.queue.remove(late)
        self.state.discard_expired(self.now)
        self.settle(self.state.serve(self.now))

    @rule()
    @precondition(lambda self: len(self.all) > 3)
    def close(self) -> None:
        assert self.state.close() == self.queue
        self.queue.clear()
        self.settle([])

    # Invariants.

    @invariant()
    def never_more_than_allowed(self) -> None:
        assert self.state.lent == len(self.holding) + len(self.opening)
        assert self.state.lent + self.state.resting <= self.size

    @invariant()
    def nobody_shares(self) -> None:
        sessions = [self.session_of(each) for each in [*self.holding, *self.state.resting_slots]]
        assert len(set(map(id, sessions))) == len(sessions)

    @invariant()
    def every_session_is_somewhere(self) -> None:
        somewhere = {id(self.session_of(each)) for each in [*self.holding, *self.state.resting_slots]}
        assert somewhere == {id(session) for session in self.all if not session.closed}

    @invariant()
    def nobody_is_forgotten(self) -> None:
        assert self.state.waiting == len(self.queue)
        if self.queue:
            served = self.state.lent > 0  # a lent session will be returned, and serve the next caller
            assert served, "somebody waits although nobody has a session"
            assert self.state.next_change(self.now) is not None

    @invariant()
    def what_rests_is_good(self) -> None:
        for slot in self.state.resting_slots:
            assert slot.messages < self.messages

    def teardown(self) -> None:
        """Return everything at the end; no session stays open."""
        if not hasattr(self, "shelf"):
            return
        self.state.close()
        for waiter in [*self.holding, *self.opening]:
            self.state.withdraw(waiter, self.now)
        for session in self.state.discarded():
            session.closed = True
        assert self.state.lent == self.state.resting == self.state.waiting == 0
        assert all(session.closed for session in self.all)

    # The steps.

    def settle(self, served: list[Waiter[Session]]) -> None:
        """Record the callers served, and close discarded sessions."""
        for waiter in served:
            assert waiter is self.queue.pop(0), "somebody was overtaken"
            slot = waiter.slot
            assert slot is not None
            if slot.session is None:
                self.opening.append(waiter)
                continue
            assert slot.session.sound
            assert not slot.session.closed
            assert slot.messages < self.messages
            assert slot.born is not None
            assert self.now < slot.born + 100
            assert self.now < slot.used + 10
            self.holding.append(waiter)
        for session in self.state.discarded():
            assert not session.closed, "closed twice"
            session.closed = True

    @staticmethod
    def drawn(data: st.DataObject, among: list[Waiter[Session]]) -> Waiter[Session]:
        waiter = data.draw(st.sampled_from(among))
        among.remove(waiter)
        return waiter

    @staticmethod
    def session_of(holder: Waiter[Session] | Slot[Session]) -> Session:
        slot = holder.slot if isinstance(holder, Waiter) else holder
        assert slot is not None
        assert slot.session is not None
        return slot.session


TestWorld = World.TestCase
TestWorld.settings = settings(
    max_examples=examples(80), stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_the_session_used_last_is_lent_first_so_that_the_others_may_grow_old() -> None:
    state = shelf_of()
    places = [opened(state.ask(0, 30), 0) for _ in range(3)]
    for slot in places:
        slot.used = 1
        state.give_back(slot, 1)

    assert state.ask(2, 30).slot is places[-1]


@pytest.mark.parametrize(("limit", "passed"), [("idle", 8), ("age", 8)])
def test_what_is_too_old_is_not_lent_and_is_let_go(limit: str, passed: float) -> None:
    state = shelf_of(**{limit: passed})
    session = warm(state, 0)

    fresh = state.ask(passed, 30)

    assert fresh.slot is not None
    assert fresh.slot.session is None
    assert state.discarded() == [session]


def test_the_idle_limit_of_a_server_is_remembered_for_an_hour() -> None:
    state = shelf_of(idle=8)
    state.hung_up(6, 100)

    assert state.idle_limit(100) == 3
    assert state.idle_limit(100 + 3601) == 8


def test_a_connection_closed_at_once_sets_no_idle_limit() -> None:
    state = shelf_of(idle=8)
    state.hung_up(0.2, 100)

    assert state.idle_limit(100) == 8


def test_a_failed_open_waits_for_the_others_being_opened() -> None:
    state = shelf_of(size=3)
    first, second, third = (state.ask(0, 30) for _ in range(3))
    fourth = state.ask(0, 30)

    assert state.opening_failed(first, NOBODY_THERE, 0, 0.1, crowded=False) == []
    assert state.serve(0.1) == [], "it would fail as well, and so on, without an end"
    assert state.opening_failed(second, NOBODY_THERE, 0, 0.2, crowded=False) == []
    told = state.opening_failed(third, NOBODY_THERE, 0, 0.3, crowded=False)

    assert told == [third, second, first, fourth]
    assert all(waiter.refusal is NOBODY_THERE for waiter in told)


def test_a_wrong_password_is_not_tried_once_more_by_everybody_who_waits() -> None:
    state = shelf_of(size=1)
    first, second, third = (state.ask(0, 30) for _ in range(3))

    told = state.opening_failed(first, WRONG_PASSWORD, 0, 0.1, crowded=False)

    assert told == [first, second, third]


def test_a_caller_refused_by_the_server_waits_at_the_head_of_the_queue() -> None:
    state = shelf_of(size=2)
    works = state.ask(0, 30)
    slot = opened(works, 0)
    crowded, later = state.ask(0, 30), state.ask(0, 30)

    assert state.opening_failed(crowded, TOO_MANY, 0, 0.1, crowded=True) == []
    state.give_back(slot, 0.2)

    assert state.serve(0.2) == [crowded]
    assert crowded.slot is slot
    assert not later.decided
    assert state.throttle(0.2).sessions == 1


def test_throttling_closes_idle_sessions_beyond_half() -> None:
    state = shelf_of(size=4)
    places = [opened(state.ask(0, 30), 0) for _ in range(4)]
    for slot in places[:3]:
        state.give_back(slot, 1)

    state.slow_down(1, 2)

    assert state.resting == 1
    assert len(state.discarded()) == 2


def test_a_closed_pool_accepts_no_caller_and_keeps_no_session() -> None:
    state = shelf_of(size=1)
    held = state.ask(0, 30)
    slot = opened(held, 0)
    waiting = state.ask(0, 30)

    assert state.close() == [waiting]
    state.give_back(slot, 1)

    assert state.discarded() == [slot.session]
    with pytest.raises(errors.UsageError, match="closed"):
        state.ask(2, 30)


@pytest.mark.parametrize(
    "limits",
    [{"size": 0}, {"size": True}, {"size": 1.5}, {"messages": 0}, {"idle": 0}, {"age": float("inf")}, {"wait": -1}],
)
def test_invalid_limits_are_refused(limits: dict[str, object]) -> None:
    with pytest.raises(errors.UsageError):
        shelf_of(**limits)


def test_a_session_closed_by_throttling_does_not_close_a_working_one() -> None:
    state = shelf_of(size=2)
    places = [opened(state.ask(0, 30), 0) for _ in range(2)]
    state.give_back(places[0], 1)

    state.slow_down(1, 2, broken=1)

    assert state.resting == 1
    assert state.discarded() == []
