"""
A mail that is in doubt by one of several ways never leaves by another, wherever its worker dies.

Two servers record what arrives. A worker is killed at each point of a mail by the first of two ways; then the first is
down while another worker goes on, and comes back at last. The copies are counted by server, on both engines.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from courriel import Outbox, Sandbox, Ticket
from courriel.outbox.store.states import State
from inside import bell_of, forget_shared_groups
from outbox.conftest import message
from outbox.test_deaths import CERTAIN, GOING_ON, LARGE, POINTS, begin
from servers.ports import free_ports

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

CASES = [("whole", "resend"), ("in blocks", "resend"), ("by a dot", "resend"), ("by a dot", "hold")]
PATIENCE = 100
"""Seconds for a worker to meet its end: a busy disk makes a database wait for half a minute."""
IN_DOUBT = ["after mark", "before end", "after end", "before settle"]
"""Points at which the first mail is in doubt for certain."""


class Places:
    """Two servers that record what arrives, of which each may go down and come back on the same port."""

    def __init__(self) -> None:
        self._up: list[tuple[ExitStack, Sandbox] | None] = [None, None]
        self._before: list[list[bytes]] = [[], []]
        self._ports = free_ports(2)  # not any ports: another process would have them when a server comes back
        self.urls = [self._begin(place) for place in range(2)]

    def _begin(self, place: int) -> str:
        stack = ExitStack()
        server = stack.enter_context(Sandbox(port=self._ports[place], keep=10_000))
        self._up[place] = stack, server
        return server.url

    def stop(self, place: int) -> None:
        self._before[place] = self.arrived(place)
        running, self._up[place] = self._up[place], None
        if running is not None:
            running[0].close()

    def start(self, place: int) -> None:
        self._begin(place)
        forget_shared_groups()  # which ways rest

    def arrived(self, place: int) -> list[bytes]:
        running = self._up[place]
        return self._before[place] + ([each.content for each in running[1].letters] if running is not None else [])


@pytest.fixture(autouse=True)
def long_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that runs out before its worker dies would prove nothing: the dead are found by their lock files."""
    monkeypatch.setenv("COURRIEL_TEST_LEASE", "10")


@pytest.fixture
def places() -> Iterator[Places]:
    places = Places()
    yield places
    for place in range(2):
        places.stop(place)
    forget_shared_groups()


def go_on(outbox: Outbox, tickets: list[Ticket], rounds: int) -> None:
    """Another worker, for some rounds: leases run out meanwhile, and mails that wait are due at once."""
    for _ in range(rounds):
        for ticket in tickets:
            ticket.retry_now()
        for lane in outbox.lanes():
            if lane.paused:
                outbox.resume(lane.name)
        if not outbox.run_once():
            bell_of(outbox).wait(bell_of(outbox).rung, 0.05)


def finish(outbox: Outbox, tickets: list[Ticket]) -> None:
    ends = time.monotonic() + PATIENCE
    while any(ticket.status in (State.READY, State.LEASED, State.IN_FLIGHT) for ticket in tickets):
        assert time.monotonic() < ends, [ticket.info for ticket in tickets]
        go_on(outbox, tickets, 1)


def check(places: Places, tickets: list[Ticket], first: int, *, hold: bool) -> None:
    """What is promised: nothing lost, no copy unflagged, and one in doubt by one way in no copy by the other."""
    other = 1 - first
    here, there = Counter(places.arrived(first)), Counter(places.arrived(other))
    for ticket in tickets:
        info, content = ticket.info, ticket.content()
        count = here[content] + there[content]
        assert count >= 1 or info.state is State.HELD, f"lost: {info}"
        assert count <= 1 or info.unsure, f"a copy that nobody was told of: {info}"
        assert count <= 1 or not hold, f"a copy where none may be: {info}"
        if info.unsure:
            assert there[content] == 0, f"in doubt by one way, and it left by the other: {info}"


def wait_for_leases(outbox: Outbox, tickets: list[Ticket]) -> None:
    """Until what the dead worker had is nobody's any more."""
    ends = time.monotonic() + PATIENCE
    while any(ticket.status in (State.LEASED, State.IN_FLIGHT) for ticket in tickets):
        assert time.monotonic() < ends
        go_on(outbox, tickets, 1)


@pytest.mark.each_pair
@pytest.mark.parametrize(("manner", "on_unsure"), CASES)
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_is_killed_on_the_first_way(
    place: str, outbox: Outbox, places: Places, point: str, on_unsure: str, manner: str
) -> None:
    text = LARGE if manner == "in blocks" else "Hello."
    via = f"failover({' '.join(places.urls)})?retry=0.01"
    tickets = list(outbox.put_many([message(n, text=text) for n in range(3)], via=via, on_unsure=on_unsure))
    dot = ["dot"] if manner == "by a dot" else []

    killed = begin("work", place, tickets[0].info.lane, point, signal.SIGKILL, on_unsure, *dot)
    died = wait_or_end(killed)
    places.stop(0)
    wait_for_leases(outbox, tickets)
    go_on(outbox, tickets, 6)
    while_down = Counter(places.arrived(1))
    doubtful = [ticket for ticket in tickets if ticket.info.unsure]
    assert not any(while_down[ticket.content()] for ticket in doubtful)
    places.start(0)
    finish(outbox, tickets)

    check(places, tickets, 0, hold=on_unsure == "hold")
    if died and point in CERTAIN and (manner != "whole" or "envelope" not in point):
        assert not doubtful
    if died and point in IN_DOUBT:
        assert doubtful, "nothing was in doubt: this has proved nothing"


@pytest.mark.parametrize("point", GOING_ON)
def test_a_worker_is_killed_as_it_goes_on(place: str, outbox: Outbox, places: Places, point: str) -> None:
    via = f"failover({' '.join(places.urls)})?retry=0.01"
    tickets = list(outbox.put_many([message(n) for n in range(6)], via=via))

    wait_or_end(begin("work", place, tickets[0].info.lane, point, signal.SIGKILL, "resend", "pairs"))
    places.stop(0)
    wait_for_leases(outbox, tickets)
    go_on(outbox, tickets, 6)
    places.start(0)
    finish(outbox, tickets)

    check(places, tickets, 0, hold=False)
    assert all(ticket.status is State.SENT for ticket in tickets)  # none is held, for nobody's way is unknown


@pytest.mark.parametrize("point", IN_DOUBT)
def test_in_doubt_by_the_second_way_it_never_leaves_by_the_first(
    place: str, outbox: Outbox, places: Places, point: str
) -> None:
    via = f"failover({' '.join(places.urls)})?retry=0.01"
    tickets = list(outbox.put_many([message(n) for n in range(3)], via=via))
    places.stop(0)

    wait_or_end(begin("work", place, tickets[0].info.lane, point, signal.SIGKILL, "resend", "dot"))
    doubted = places.arrived(1)
    places.start(0)
    places.stop(1)
    wait_for_leases(outbox, tickets)
    go_on(outbox, tickets, 6)
    assert any(ticket.info.unsure for ticket in tickets)
    assert len(doubted) <= 3
    places.start(1)
    finish(outbox, tickets)

    check(places, tickets, 1, hold=False)


def test_one_in_doubt_by_a_way_that_is_no_more_waits_for_a_person(place: str, outbox: Outbox, places: Places) -> None:
    outbox.use("billing", f"failover({' '.join(places.urls)})?retry=0.01")
    via = f"failover({' '.join(places.urls)})?retry=0.01"
    ticket = outbox.put(message(1), via=via)
    wait_or_end(begin("work", place, ticket.info.lane, "before end", signal.SIGKILL, "resend", "dot"))
    outbox.use("elsewhere", f"failover({places.urls[1]} null:)")
    lane = ticket.info.lane
    with Outbox(place, ways={"other": f"failover({places.urls[1]} null:)"}) as other:
        moved(place, ticket.id, lane, "other")
        finish(other, [other.get(ticket.id)])
        held = other.get(ticket.id).info
        assert (held.state, held.unsure) == (State.HELD, 1)
        assert "may have left" in held.why
        assert places.arrived(1) == []

        assert other.get(ticket.id).release()
        finish(other, [other.get(ticket.id)])

    assert ticket.status is State.SENT
    assert len(places.arrived(1)) == 1


# The steps.


def wait_or_end(process: subprocess.Popen[bytes]) -> bool:
    """Whether the worker met its end; where its point did not come, it has sent everything."""
    try:
        return process.wait(PATIENCE) == -signal.SIGKILL
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # where it stands is shown, and it holds no database
        process.wait()
        raise


def moved(place: str, ident: str, before: str, lane: str) -> None:
    """The lane's setting has changed: the same mail, under another name."""
    import sqlite3

    import psycopg

    if "://" in place:
        with psycopg.connect(place) as connection:
            connection.execute("INSERT INTO outbox_lane (name) VALUES (%s) ON CONFLICT DO NOTHING", (lane,))
            connection.execute("UPDATE outbox_mail SET lane = %s WHERE id = %s", (lane, ident))
        return
    with sqlite3.connect(place) as line:
        line.execute("INSERT OR IGNORE INTO outbox_lane (name) VALUES (?)", (lane,))
        line.execute("UPDATE outbox_mail SET lane = ? WHERE id = ?", (lane, ident))
    line.close()
