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


def opened(ticket: Waiter[Session], now: float) -> Slot[Session]:
    assert ticket.place is not None
    if ticket.place.session is None:
        ticket.place.session = Session()
        ticket.place.opened(now)
    return ticket.place


def warm(shelf: PoolState[Session], now: float) -> Session:
    """One idle session in the pool, used just now."""
    place = opened(shelf.ask(now, now + 30), now)
    shelf.give_back(place, now)
    assert place.session is not None
    return place.session


class World(RuleBasedStateMachine):
    """The callers of the pool, and a simple model of its state."""

    @initialize(size=st.integers(1, 4), messages=st.integers(1, 5))
    def begin(self, size: int, messages: int) -> None:
        self.now = 1000.0
        self.size, self.messages = size, messages
        self.shelf = shelf_of(size=size, messages=messages, idle=10, age=100)
        self.queue: list[Waiter[Session]] = []  # callers to be served next
        self.holding: list[Waiter[Session]] = []
        self.opening: list[Waiter[Session]] = []
        self.all: list[Session] = []

    # Actions of callers.

    @rule()
    @precondition(lambda self: not self.shelf.closed)
    def ask(self) -> None:
        ticket = self.shelf.ask(self.now, self.now + 30)
        assert ticket.place is None or not self.queue, "somebody was overtaken"
        self.queue.append(ticket)
        self.settle([ticket] if ticket.place else [])

    @rule(data=st.data())
    @precondition(lambda self: self.queue)
    def stop_waiting(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.queue))
        self.queue.remove(ticket)
        self.shelf.withdraw(ticket, self.now)
        self.settle(self.shelf.serve(self.now))

    @rule(data=st.data())
    @precondition(lambda self: self.opening)
    def open(self, data: st.DataObject) -> None:
        ticket = self.drawn(data, self.opening)
        assert ticket.place is not None
        assert ticket.place.session is None
        ticket.place.session = Session()
        ticket.place.opened(self.now)
        self.all.append(ticket.place.session)
        self.holding.append(ticket)

    @rule(data=st.data())
    @precondition(lambda self: self.opening)
    def be_cancelled_while_opening(self, data: st.DataObject) -> None:
        self.shelf.withdraw(self.drawn(data, self.opening), self.now)
        self.settle(self.shelf.serve(self.now))

    @rule(data=st.data(), error=st.sampled_from([WRONG_PASSWORD, NOBODY_THERE, TOO_MANY]), ago=st.floats(0, 5))
    @precondition(lambda self: self.opening)
    def fail_to_open(self, data: st.DataObject, error: errors.CourrielError, ago: float) -> None:
        ticket = self.drawn(data, self.opening)
        alive = bool(self.holding) or self.shelf.resting > 0

        told = self.shelf.opening_failed(ticket, error, self.now - ago, self.now, crowded=error is TOO_MANY)

        if ticket.refusal is None:
            assert alive or self.opening, "nobody is there whom one could wait for"
            self.queue.insert(0, ticket)
        else:
            assert not alive or not error.retryable or self.now >= ticket.until or self.shelf.closed
        for each in told:
            assert each.refusal is error
            if each is not ticket:
                assert not alive
                self.queue.remove(each)
        self.settle(self.shelf.serve(self.now))

    @rule(data=st.data())
    @precondition(lambda self: self.holding)
    def send(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(self.holding)).place
        assert place is not None
        place.messages += 1
        place.used = self.now

    @rule(data=st.data())
    @precondition(lambda self: self.holding)
    def break_the_line(self, data: st.DataObject) -> None:
        self.session_of(data.draw(st.sampled_from(self.holding))).sound = False

    @rule(data=st.data())
    @precondition(lambda self: self.holding)
    def give_back(self, data: st.DataObject) -> None:
        self.shelf.withdraw(self.drawn(data, self.holding), self.now)
        self.settle(self.shelf.serve(self.now))

    # Actions of servers and the clock.

    @rule(data=st.data())
    def hang_up_at_rest(self, data: st.DataObject) -> None:
        if self.shelf._resting:
            self.session_of(data.draw(st.sampled_from(self.shelf._resting))).sound = False

    @rule(ago=st.floats(0, 5))
    def complain(self, ago: float) -> None:
        self.shelf.slow_down(self.now - ago, self.now)
        self.settle([])

    @rule(silence=st.floats(0, 20))
    def learn_of_a_hang_up(self, silence: float) -> None:
        self.shelf.hung_up(silence, self.now)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 11.0, 61.0, 101.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for late in self.shelf.overdue(self.now):
            assert late.until <= self.now
            self.queue.remove(late)
        self.shelf.put_away(self.now)
        self.settle(self.shelf.serve(self.now))

    @rule()
    @precondition(lambda self: len(self.all) > 3)
    def close(self) -> None:
        assert self.shelf.close() == self.queue
        self.queue.clear()
        self.settle([])

    # Invariants.

    @invariant()
    def never_more_than_allowed(self) -> None:
        assert self.shelf.lent == len(self.holding) + len(self.opening)
        assert self.shelf.lent + self.shelf.resting <= self.size

    @invariant()
    def nobody_shares(self) -> None:
        sessions = [self.session_of(each) for each in [*self.holding, *self.shelf._resting]]
        assert len(set(map(id, sessions))) == len(sessions)

    @invariant()
    def every_session_is_somewhere(self) -> None:
        somewhere = {id(self.session_of(each)) for each in [*self.holding, *self.shelf._resting]}
        assert somewhere == {id(session) for session in self.all if not session.closed}

    @invariant()
    def nobody_is_forgotten(self) -> None:
        assert self.shelf.waiting == len(self.queue)
        if self.queue:
            served = self.shelf.lent > 0  # a lent session will be returned, and serve the next caller
            assert served, "somebody waits although nobody has a session"
            assert self.shelf.next_change(self.now) is not None

    @invariant()
    def what_rests_is_good(self) -> None:
        for place in self.shelf._resting:
            assert place.messages < self.messages

    def teardown(self) -> None:
        """Return everything at the end; no session stays open."""
        if not hasattr(self, "shelf"):
            return
        self.shelf.close()
        for ticket in [*self.holding, *self.opening]:
            self.shelf.withdraw(ticket, self.now)
        for session in self.shelf.discarded():
            session.closed = True
        assert self.shelf.lent == self.shelf.resting == self.shelf.waiting == 0
        assert all(session.closed for session in self.all)

    # The steps.

    def settle(self, served: list[Waiter[Session]]) -> None:
        """Record the callers served, and close discarded sessions."""
        for ticket in served:
            assert ticket is self.queue.pop(0), "somebody was overtaken"
            place = ticket.place
            assert place is not None
            if place.session is None:
                self.opening.append(ticket)
                continue
            assert place.session.sound
            assert not place.session.closed
            assert place.messages < self.messages
            assert place.born is not None
            assert self.now < place.born + 100
            assert self.now < place.used + 10
            self.holding.append(ticket)
        for session in self.shelf.discarded():
            assert not session.closed, "closed twice"
            session.closed = True

    @staticmethod
    def drawn(data: st.DataObject, among: list[Waiter[Session]]) -> Waiter[Session]:
        ticket = data.draw(st.sampled_from(among))
        among.remove(ticket)
        return ticket

    @staticmethod
    def session_of(holder: Waiter[Session] | Slot[Session]) -> Session:
        place = holder.place if isinstance(holder, Waiter) else holder
        assert place is not None
        assert place.session is not None
        return place.session


TestWorld = World.TestCase
TestWorld.settings = settings(
    max_examples=examples(80), stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_the_session_used_last_is_lent_first_so_that_the_others_may_grow_old() -> None:
    shelf = shelf_of()
    places = [opened(shelf.ask(0, 30), 0) for _ in range(3)]
    for place in places:
        place.used = 1
        shelf.give_back(place, 1)

    assert shelf.ask(2, 30).place is places[-1]


@pytest.mark.parametrize(("limit", "passed"), [("idle", 8), ("age", 8)])
def test_what_is_too_old_is_not_lent_and_is_let_go(limit: str, passed: float) -> None:
    shelf = shelf_of(**{limit: passed})
    session = warm(shelf, 0)

    fresh = shelf.ask(passed, 30)

    assert fresh.place is not None
    assert fresh.place.session is None
    assert shelf.discarded() == [session]


def test_the_idle_limit_of_a_server_is_remembered_for_an_hour() -> None:
    shelf = shelf_of(idle=8)
    shelf.hung_up(6, 100)

    assert shelf.idle_limit(100) == 3
    assert shelf.idle_limit(100 + 3601) == 8


def test_a_connection_closed_at_once_sets_no_idle_limit() -> None:
    shelf = shelf_of(idle=8)
    shelf.hung_up(0.2, 100)

    assert shelf.idle_limit(100) == 8


def test_a_failed_open_waits_for_the_others_being_opened() -> None:
    shelf = shelf_of(size=3)
    first, second, third = (shelf.ask(0, 30) for _ in range(3))
    fourth = shelf.ask(0, 30)

    assert shelf.opening_failed(first, NOBODY_THERE, 0, 0.1, crowded=False) == []
    assert shelf.serve(0.1) == [], "it would fail as well, and so on, without an end"
    assert shelf.opening_failed(second, NOBODY_THERE, 0, 0.2, crowded=False) == []
    told = shelf.opening_failed(third, NOBODY_THERE, 0, 0.3, crowded=False)

    assert told == [third, second, first, fourth]
    assert all(ticket.refusal is NOBODY_THERE for ticket in told)


def test_a_wrong_password_is_not_tried_once_more_by_everybody_who_waits() -> None:
    shelf = shelf_of(size=1)
    first, second, third = (shelf.ask(0, 30) for _ in range(3))

    told = shelf.opening_failed(first, WRONG_PASSWORD, 0, 0.1, crowded=False)

    assert told == [first, second, third]


def test_a_caller_refused_by_the_server_waits_at_the_head_of_the_queue() -> None:
    shelf = shelf_of(size=2)
    works = shelf.ask(0, 30)
    place = opened(works, 0)
    crowded, later = shelf.ask(0, 30), shelf.ask(0, 30)

    assert shelf.opening_failed(crowded, TOO_MANY, 0, 0.1, crowded=True) == []
    shelf.give_back(place, 0.2)

    assert shelf.serve(0.2) == [crowded]
    assert crowded.place is place
    assert not later.decided
    assert shelf.throttle(0.2).sessions == 1


def test_throttling_closes_idle_sessions_beyond_half() -> None:
    shelf = shelf_of(size=4)
    places = [opened(shelf.ask(0, 30), 0) for _ in range(4)]
    for place in places[:3]:
        shelf.give_back(place, 1)

    shelf.slow_down(1, 2)

    assert shelf.resting == 1
    assert len(shelf.discarded()) == 2


def test_a_closed_pool_accepts_no_caller_and_keeps_no_session() -> None:
    shelf = shelf_of(size=1)
    held = shelf.ask(0, 30)
    place = opened(held, 0)
    waiting = shelf.ask(0, 30)

    assert shelf.close() == [waiting]
    shelf.give_back(place, 1)

    assert shelf.discarded() == [place.session]
    with pytest.raises(errors.UsageError, match="closed"):
        shelf.ask(2, 30)


@pytest.mark.parametrize(
    "limits",
    [{"size": 0}, {"size": True}, {"size": 1.5}, {"messages": 0}, {"idle": 0}, {"age": float("inf")}, {"wait": -1}],
)
def test_invalid_limits_are_refused(limits: dict[str, object]) -> None:
    with pytest.raises(errors.UsageError):
        shelf_of(**limits)


def test_a_session_closed_by_throttling_does_not_close_a_working_one() -> None:
    shelf = shelf_of(size=2)
    places = [opened(shelf.ask(0, 30), 0) for _ in range(2)]
    shelf.give_back(places[0], 1)

    shelf.slow_down(1, 2, broken=1)

    assert shelf.resting == 1
    assert shelf.discarded() == []
