"""Thousands of lanes: what an idle worker asks, how many connections there are, what happens without descriptors."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from courriel import Outbox, errors
from courriel.delivery.urls.route import Route
from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import DueLane
from courriel.outbox.store.states import State
from courriel.outbox.wakeup import Wakeup
from courriel.outbox.work.sending.idle_sessions import PER_HOST, SESSIONS, IdleSessions, is_shortage, usual_number
from courriel.outbox.work.serving.due_lanes import DueLanes
from courriel.outbox.work.serving.lane_service import LaneService
from courriel.session.smtp import SmtpSession
from inside import store_of
from outbox.conftest import claim, message, new_mail
from session.crowd import Crowd

LANES = 300


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    crowd = Crowd()
    yield crowd
    crowd.close()


def lanes_to(crowd: Crowd, number: int) -> list[str]:
    """So many lanes that lead to one server, each by another setting."""
    return [f"smtp://127.0.0.1:{crowd.port}?max_messages={1000 + n}" for n in range(number)]


def statements_of(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked and written, by the store's own doors."""
    said: list[str] = []
    store: Any = store_of(outbox)
    for door in ("_read", "_write", "_write_lightly"):
        monkeypatch.setattr(store, door, _noted(said, door, getattr(store, door)))
    return said


def _noted(said: list[str], door: str, say: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def spoken(act: Any) -> Any:
        said.append(door)
        return say(act)

    return spoken


# What is due.


def test_only_lanes_with_something_due_are_told(store: Store) -> None:
    for lane, changes in {
        "due": {},
        "urgent": {"priority": 0},
        "unhurried": {"priority": 2},
        "later": {"delay": 60.0},
        "stopped": {},
        "resting": {},
        "lost": {},
    }.items():
        store.put([new_mail(lane=lane, **changes)])
    store.set_lane("stopped", {"stopped": True})
    store.lane_failed("resting", fails=0, pause=60.0, why="")
    store.set_lane("empty", {"cap": 1})
    assert claim(store, lane="lost", lease=0.0)

    due = [lane.name for lane in store.due_lanes()]
    assert store.claim("lost", 0, lease=60.0, holder="here:1").recovered
    assert claim(store, lane="urgent")

    assert due == ["due", "lost", "unhurried", "urgent"]
    assert [lane.name for lane in store.due_lanes()] == ["due", "lost", "unhurried"]


def test_one_question_finds_what_is_due_among_all_lanes(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(outbox)
    store.put([new_mail(lane=f"lane-{n}", delay=3600.0 if n != 7 else 0.0) for n in range(LANES)])
    said = statements_of(outbox, monkeypatch)

    assert store.due_lanes() == [DueLane("lane-7")]
    assert said == ["_read"]


def test_an_idle_round_is_one_question(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    store_of(outbox).put([new_mail(lane=f"lane-{n}", delay=3600.0) for n in range(LANES)])
    worker = outbox.worker(workers=4)
    rounds, looks = threading.Semaphore(0), 0
    due_lanes = store_of(outbox).due_lanes

    def look() -> list[DueLane]:
        nonlocal looks
        looks += 1
        rounds.release()
        return due_lanes()

    waits = threading.Semaphore(0)
    wait = Wakeup.wait

    def waited(bell: Wakeup, since: int, seconds: float) -> bool:
        waits.release()
        return wait(bell, since, seconds)

    monkeypatch.setattr(store_of(outbox), "due_lanes", look)
    monkeypatch.setattr(store_of(outbox), "claim", pytest.fail)
    monkeypatch.setattr(Wakeup, "wait", waited)
    with worker:
        for _ in range(4):
            assert waits.acquire(timeout=20)  # each of the four has looked
        assert looks == 1


def test_the_threads_of_a_worker_share_a_look(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bell, now = Wakeup(), [100.0]
    monkeypatch.setattr("courriel.outbox.work.serving.due_lanes.monotonic", lambda: now[0])
    due = DueLanes(store, bell)
    assert due.look().lanes == ()
    store.put([new_mail()])

    assert due.look().lanes == ()
    now[0] += 1.1
    assert due.look().lanes == ("billing",)
    assert claim(store)
    assert due.look().lanes == ()
    store.put([new_mail()])
    bell.ring()
    assert due.look().lanes == ("billing",)


def test_a_look_that_takes_long_is_rarer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter((0.0, 0.02))
    monkeypatch.setattr("courriel.outbox.work.serving.due_lanes.time.thread_time", lambda: next(used))
    monkeypatch.setattr("courriel.outbox.work.serving.due_lanes.monotonic", lambda: 100.0)

    assert DueLanes(store, Wakeup()).look().pause == pytest.approx(3.0)


def test_a_look_that_keeps_a_server_busy_is_rarer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = iter((100.0, 100.0, 100.2))
    monkeypatch.setattr("courriel.outbox.work.serving.due_lanes.monotonic", lambda: next(passed))

    assert DueLanes(store, Wakeup()).look().pause == pytest.approx(4.0)


def test_a_lane_without_a_way_is_left_alone_for_a_while(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("courriel.outbox.work.serving.due_lanes.monotonic", lambda: now[0])
    store.put([new_mail(lane="theirs"), new_mail(lane="ours")])
    due = DueLanes(store, Wakeup())

    assert due.has_no_way("theirs")
    assert due.look(fresh=True).lanes == ("ours",)
    now[0] += 11.0
    assert due.look(fresh=True).lanes == ("ours", "theirs")
    assert not due.has_no_way("theirs")


# Warm sessions, without a server.


class Session:
    """As much of a session as is kept warm."""

    def __init__(self) -> None:
        self.usable = True

    def close(self) -> None:
        self.usable = False


def hold(sessions: IdleSessions, lane: str, host: str = "mx.example.org", owner: object = "thread") -> Session | None:
    route = Route.parse(f"smtp://{host}")
    if not sessions.hold(owner, lane, route, host):
        return None
    place = sessions.of(owner, lane)
    assert place is not None
    if place.session is None:
        place.session = Session()  # type: ignore[assignment]
    return place.session  # type: ignore[return-value]


def use(sessions: IdleSessions, lane: str, host: str = "mx.example.org", owner: object = "thread") -> Session:
    session = hold(sessions, lane, host, owner)
    assert session is not None
    sessions.release(owner, lane)
    return session


def test_the_longest_unused_session_is_closed_first() -> None:
    sessions = IdleSessions(2)
    first, second = use(sessions, "first"), use(sessions, "second")
    use(sessions, "first")

    third = use(sessions, "third")

    assert first.usable
    assert third.usable
    assert not second.usable


def test_a_session_in_use_is_never_closed() -> None:
    sessions = IdleSessions(1, per_host=10)
    held = [hold(sessions, f"lane-{n}") for n in range(3)]

    assert all(session is not None and session.usable for session in held)
    for n in range(3):
        sessions.release("thread", f"lane-{n}")
    assert [session is not None and session.usable for session in held] == [False, False, True]


def test_lanes_of_one_host_share_their_connections() -> None:
    rung: list[bool] = []
    sessions = IdleSessions(10, per_host=2, freed=lambda: rung.append(True))
    first, second = hold(sessions, "first"), hold(sessions, "second", owner="another")
    elsewhere = use(sessions, "elsewhere", "mx.example.net")

    assert hold(sessions, "third") is None
    sessions.release("thread", "first")
    assert rung == [True]
    assert hold(sessions, "third") is not None

    assert first is not None
    assert not first.usable  # it was idle, and made room
    assert second is not None
    assert second.usable
    assert elsewhere.usable


def test_without_descriptors_what_is_idle_is_closed_and_fewer_are_kept() -> None:
    sessions = IdleSessions(100, per_host=100)
    idle, used = use(sessions, "idle"), hold(sessions, "used")
    kept = [use(sessions, f"lane-{n}") for n in range(6)]

    sessions.make_room()

    assert sessions.most == 6
    assert used is not None
    assert used.usable
    assert not idle.usable
    assert not any(session.usable for session in kept)


def test_a_shortage_is_known_by_its_cause() -> None:
    failed = errors.ConnectionFailed("no")
    failed.__cause__ = OSError(24, "Too many open files")

    assert is_shortage(failed)
    assert not is_shortage(errors.ConnectionFailed("refused"))


def test_the_usual_number_leaves_descriptors_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.outbox.work.sending.idle_sessions.descriptors", lambda: 64)
    assert usual_number() == 16
    monkeypatch.setattr("courriel.outbox.work.sending.idle_sessions.descriptors", lambda: None)
    assert usual_number() == SESSIONS


@pytest.mark.parametrize("wrong", [{"sessions": 0}, {"sessions": True}, {"per_host": "2"}, {"per_host": 0}])
def test_a_number_of_connections_that_cannot_be_meant_is_refused(outbox: Outbox, wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.UsageError):
        outbox.worker(**wrong)
    with pytest.raises(errors.UsageError):
        outbox.run_once(**wrong)


# With servers.


class Opened:
    """How many sessions were open at once, as this side knows: a server hears of a goodbye later than it is said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now: set[SmtpSession] = set()
        self.peak = 0
        self._lock = threading.Lock()
        opening, closing = SmtpSession.open, SmtpSession.close

        def opened(session: SmtpSession) -> SmtpSession:
            with self._lock:
                self._now.add(session)
                self.peak = max(self.peak, len(self._now))
            return opening(session)

        def closed(session: SmtpSession) -> None:
            closing(session)
            with self._lock:
                self._now.discard(session)

        monkeypatch.setattr(SmtpSession, "open", opened)
        monkeypatch.setattr(SmtpSession, "close", closed)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    return Opened(monkeypatch)


@pytest.mark.slow
def test_no_more_sessions_are_kept_than_were_wished(outbox: Outbox, crowd: Crowd, opened: Opened) -> None:
    for lane in lanes_to(crowd, 20):
        outbox.put(message(), via=lane)

    assert outbox.run_once(sessions=3) == 20

    assert crowd.came == 20
    assert opened.peak == 3


@pytest.mark.slow
def test_threads_wait_for_room_at_a_host(outbox: Outbox, crowd: Crowd, opened: Opened) -> None:
    tickets = [outbox.put(message(), via=lane) for lane in lanes_to(crowd, 12)]

    with outbox.worker(workers=6, per_host=2):
        for ticket in tickets:
            ticket.wait(30)

    assert crowd.total == 12
    assert opened.peak <= 4  # two that say goodbye to make room for two


@pytest.mark.slow
def test_lanes_have_their_turns(outbox: Outbox, crowd: Crowd) -> None:
    """A lane with much mail keeps one with little waiting for no more than a batch."""
    crowded, quiet = lanes_to(crowd, 2)
    tickets = outbox.put_many([message(n) for n in range(60)], via=crowded)
    last = outbox.put(message(60), via=quiet)
    order: list[str] = []
    outbox.on("sent", lambda ticket: order.append(ticket.id))

    outbox.worker(batch=5).run_once()

    assert order.index(last.id) <= 10
    assert len(order) == len(tickets) + 1


PROGRAM = """
import json, resource, sys
from courriel import Outbox
from courriel.outbox.store.states import State

place, port, lanes, limit, workers, sessions = sys.argv[1], *map(int, sys.argv[2:])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
urls = [f"smtp://127.0.0.1:{port}?tls=none&max_messages={1000 + n}" for n in range(lanes)]
with Outbox(place) as outbox:
    options = {"per_host": 1000} | ({"sessions": sessions} if sessions else {})
    if workers:
        tickets = list(outbox.list(State.READY))
        with outbox.worker(workers=workers, **options):
            for info in tickets:
                outbox.get(info.id).wait(60)
    else:
        outbox.run_once(**options)
    states = {}
    for count in outbox.stats():
        states[count.state.name] = states.get(count.state.name, 0) + count.mails
    print(json.dumps({"states": states, "fails": sum(lane.fails for lane in outbox.lanes())}))
"""


@pytest.mark.slow
def test_without_descriptors_no_lane_rests(outbox: Outbox, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wrong with a lane when this process cannot open a connection: its mails wait untouched."""

    def no_descriptors(session: SmtpSession) -> SmtpSession:
        try:
            raise OSError(24, "Too many open files")
        except OSError as cause:
            raise errors.ConnectionFailed("no", stage="connect") from cause

    ticket = outbox.put(message(), via=lanes_to(crowd, 1)[0])
    with monkeypatch.context() as patch:
        patch.setattr("courriel.outbox.work.worker.LOOK", 0.01)
        patch.setattr(SmtpSession, "open", no_descriptors)
        with pytest.raises(errors.OutboxError, match="too many open files"):
            outbox.run_once()
    (lane,) = outbox.lanes()

    assert (ticket.status, ticket.info.tries, lane.fails, lane.paused) == (State.READY, 0, 0, 0)
    assert outbox.run_once() == 1
    assert ticket.status is State.SENT


@pytest.mark.parametrize(
    ("workers", "sessions"),
    [(0, 0), pytest.param(0, 1000, marks=pytest.mark.slow), pytest.param(3, 1000, marks=pytest.mark.slow)],
)
def test_few_descriptors_fail_no_mail(outbox: Outbox, place: str, crowd: Crowd, workers: int, sessions: int) -> None:
    """More lanes than the process may have connections: by the usual number, and by one that is far too large."""
    number = 60
    for lane in lanes_to(crowd, number):
        outbox.put(message(), via=lane)

    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, place, *map(str, (crowd.port, number, 40, workers, sessions))],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {"states": {State.SENT.name: number}, "fails": 0}, told.stderr
    assert crowd.total == number


def test_the_usual_numbers_are_those_of_the_docs() -> None:
    assert (SESSIONS, PER_HOST) == (100, 20)


# One run.


def test_one_run_ends_when_nothing_is_due_on_any_lane(outbox: Outbox, crowd: Crowd) -> None:
    """One lane has a rate, one is stopped, one fails, one gets another mail while the others are sent."""
    fast, rated, stopped = lanes_to(crowd, 3)
    away = "smtp://127.0.0.1:1"
    outbox.put_many([message(n) for n in range(4)], via=rated)
    outbox.limit(rated, rate="20/s")
    outbox.put(message(), via=stopped)
    outbox.pause(stopped)
    outbox.put(message(), via=away)
    outbox.put(message(), via=fast)
    more = iter(range(3))

    def put_more(ticket: object) -> None:
        if next(more, None) is not None:
            outbox.put(message(), via=fast)

    outbox.on("sent", put_more)
    outbox.run_once()

    counts = {(count.lane, count.state): count.mails for count in outbox.stats()}
    assert counts == {
        (fast, State.SENT): 4,
        (rated, State.SENT): 4,
        (stopped, State.READY): 1,
        (away, State.READY): 1,
    }


def test_one_run_ends_at_its_time_with_mail_left(outbox: Outbox, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = lanes_to(crowd, 3)
    for lane in lanes:
        outbox.put(message(), via=lane)
    now = [100.0]
    worker = outbox.worker()
    monkeypatch.setattr("courriel.outbox.work.worker.monotonic", lambda: now[0])
    serve = LaneService.serve

    def slowly(*given: Any, **named: Any) -> Any:
        now[0] += 20.0
        return serve(*given, **named)

    monkeypatch.setattr(LaneService, "serve", slowly)

    assert worker.run_once(for_seconds=30.0) == 2
    assert crowd.total == 2


def test_one_run_does_not_wait_for_a_rate_beyond_its_time(outbox: Outbox, crowd: Crowd) -> None:
    rated, fast = lanes_to(crowd, 2)
    outbox.put_many([message(n) for n in range(3)], via=rated)
    outbox.limit(rated, rate="1/h")
    outbox.put(message(), via=fast)

    assert outbox.run_once(for_seconds=60.0) == 2
