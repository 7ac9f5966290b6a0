"""Workers and enqueuers that die, or sleep, at every point: nothing is lost, and no copy goes unflagged."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest

from courriel import Outbox, Sandbox, Ticket
from courriel.outbox.store.states import State
from courriel.outbox.work.liveness import Life
from courriel.outbox.work.sending import batch
from courriel.outbox.work.serving import lane_service
from inside import bell_of
from outbox import doomed
from outbox.conftest import message

SEED = int(os.environ.get("COURRIEL_TEST_SEED", "7"))
SECONDS = float(os.environ.get("COURRIEL_TEST_SECONDS", "4"))
"""How long workers are killed at random; an hour finds more than four seconds."""

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300 + 2 * SECONDS)]

POINTS = [
    "before claim", "after claim", "connected", "before envelope", "after envelope", "door open", "in body",
    "before mark", "after mark", "before end", "after end", "answered", "before settle", "after settle",
]  # fmt: skip
CERTAIN = POINTS[: POINTS.index("before mark") + 1]
"""Until here nothing has been delivered, and nobody may think so."""

LARGE = "x" * 70 + "\n" + "y\n" * 100_000  # goes block by block; small ones go whole, by BDAT
MANNERS = ("whole", "in blocks", "by a dot")
NO_SUCH_MOMENT = {("whole", "door open"), ("whole", "in body"), ("by a dot", "in body")}

Doomed = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_service, "lease_of_claim", lambda way: doomed.LEASE)
    monkeypatch.setattr(batch, "_MARGIN", 0.3)
    monkeypatch.setattr(lane_service, "answer_limit", lambda way: doomed.ANSWER)


def begin(
    act: str, place: str, lane: str, point: str, number: int, on_unsure: str = "resend", *more: str
) -> subprocess.Popen[bytes]:
    arguments = [
        sys.executable,
        "-X",
        "faulthandler",
        doomed.__file__,
        act,
        place,
        lane,
        point,
        str(int(number)),
        on_unsure,
        *more,
    ]
    return subprocess.Popen(arguments, env=os.environ | {"PYTHONWARNINGS": "error"})


def finish(outbox: Outbox, tickets: Sequence[Ticket], seconds: float = 20.0) -> None:
    """Somebody else goes on, until every mail has come to its end or waits for a person."""
    ends = time.monotonic() + seconds
    while any(ticket.status in (State.READY, State.LEASED, State.IN_FLIGHT) for ticket in tickets):
        assert time.monotonic() < ends, [ticket.info for ticket in tickets]
        for ticket in tickets:
            ticket.retry_now()
        for lane in outbox.lanes():
            if lane.paused:
                outbox.resume(lane.name)
        if not outbox.run_once():
            bell_of(outbox).wait(bell_of(outbox).rung, 0.05)


def check(sandbox: Sandbox, tickets: Sequence[Ticket], *, hold: bool, certain: bool = False) -> None:
    """What is promised."""
    assert not sandbox.dropped, "the sandbox has forgotten letters: they would seem to be lost"
    copies = Counter(letter.content for letter in sandbox.letters)
    for ticket in tickets:
        count, info = copies.pop(ticket.content(), 0), ticket.info
        assert count >= 1 or info.state is State.HELD, f"lost: {info}"
        assert count <= 1 or info.unsure, f"a copy that nobody was told of: {info}"
        assert count <= 1 or not hold, f"a copy where none may be: {info}"
        assert not certain or not info.unsure, f"nobody need doubt: {info}"
    assert not copies, "something was delivered that was never put"


@pytest.mark.each_pair
@pytest.mark.parametrize(("manner", "point"), [each for each in product(MANNERS, POINTS) if each not in NO_SUCH_MOMENT])
@pytest.mark.parametrize("on_unsure", ["resend", "hold"])
def test_a_worker_is_killed(
    place: str, outbox: Outbox, sandbox: Sandbox, point: str, on_unsure: str, manner: str
) -> None:
    text = LARGE if manner == "in blocks" else "Hello."
    tickets = outbox.put_many([message(n, text=text) for n in range(3)], via=sandbox.url, on_unsure=on_unsure)
    dot = ["dot"] if manner == "by a dot" else []

    killed = begin("work", place, tickets[0].info.lane, point, signal.SIGKILL, on_unsure, *dot).wait(30)
    finish(outbox, tickets)

    assert killed == -signal.SIGKILL
    # A whole mail leaves in one piece with its envelope, after the mark.
    certain = point in CERTAIN and (manner != "whole" or "envelope" not in point)
    check(sandbox, tickets, hold=on_unsure == "hold", certain=certain)


GOING_ON = [
    "before settle", "after settle", "then before envelope", "then after envelope", "then before end", "then after end",
    "then answered", "then before settle", "then after settle",
]  # fmt: skip
"""A worker that goes on has its next mails marked when it claims them."""


@pytest.mark.each_pair
@pytest.mark.parametrize("point", GOING_ON)
@pytest.mark.parametrize("on_unsure", ["resend", "hold"])
def test_a_worker_is_killed_as_it_goes_on(
    place: str, outbox: Outbox, sandbox: Sandbox, point: str, on_unsure: str
) -> None:
    tickets = outbox.put_many([message(n) for n in range(6)], via=sandbox.url, on_unsure=on_unsure)

    killed = begin("work", place, tickets[0].info.lane, point, signal.SIGKILL, on_unsure, "pairs").wait(30)
    unsettled = [ticket for ticket in tickets if ticket.status in (State.LEASED, State.IN_FLIGHT)]
    finish(outbox, tickets)

    assert killed == -signal.SIGKILL
    assert 1 <= len(unsettled) <= 2
    check(sandbox, tickets, hold=on_unsure == "hold")


@pytest.mark.each_pair
@pytest.mark.parametrize("on_unsure", ["resend", "hold"])
@pytest.mark.parametrize("point", ["after go on", "then before envelope", "then before end", "then answered"])
def test_a_worker_falls_asleep_as_it_goes_on(
    place: str, outbox: Outbox, sandbox: Sandbox, point: str, on_unsure: str
) -> None:
    tickets = outbox.put_many([message(n) for n in range(6)], via=sandbox.url, on_unsure=on_unsure)
    sleeper = begin("work", place, tickets[0].info.lane, point, signal.SIGSTOP, on_unsure, "pairs")
    _, status = os.waitpid(sleeper.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)

    finish(outbox, tickets)
    os.kill(sleeper.pid, signal.SIGCONT)
    sleeper.wait(30)

    finish(outbox, tickets)
    check(sandbox, tickets, hold=on_unsure == "hold")
    if point in ("after go on", "then before envelope"):
        # Marked with the claim, and the fence holds all the same: who slept does not send what others have taken over.
        assert len(sandbox.letters) == (6 if on_unsure == "resend" else 4)


@pytest.mark.each_pair
@pytest.mark.parametrize("on_unsure", ["resend", "hold"])
@pytest.mark.parametrize(
    "point", ["after claim", "in body", "before mark", "after mark", "before end", "after end", "answered"]
)
def test_a_worker_sleeps_while_another_goes_on_and_then_wakes_up(
    place: str, outbox: Outbox, sandbox: Sandbox, point: str, on_unsure: str
) -> None:
    tickets = outbox.put_many([message(n, text=LARGE) for n in range(2)], via=sandbox.url, on_unsure=on_unsure)
    sleeper = begin("work", place, tickets[0].info.lane, point, signal.SIGSTOP)
    _, status = os.waitpid(sleeper.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)

    finish(outbox, tickets)
    os.kill(sleeper.pid, signal.SIGCONT)
    sleeper.wait(30)

    finish(outbox, tickets)
    check(sandbox, tickets, hold=on_unsure == "hold", certain=point in CERTAIN)
    if point in ("after mark", "before mark"):
        # The fence: who wakes up between mark and dot does not send what others have taken over.
        assert len(sandbox.letters) == (2 if on_unsure == "resend" or point in CERTAIN else 0)


@pytest.mark.parametrize("point", ["before put", "after put"])
def test_an_enqueuer_is_killed_and_its_call_is_repeated(
    place: str, outbox: Outbox, sandbox: Sandbox, point: str
) -> None:
    killed = begin("put", place, sandbox.url, point, signal.SIGKILL).wait(30)
    there = [info.key for info in outbox.list()]
    again = begin("put", place, sandbox.url, "never", signal.SIGKILL).wait(30)

    assert (killed, again) == (-signal.SIGKILL, 0)
    assert there == (["once"] if point == "after put" else [])
    (info,) = outbox.list()
    finish(outbox, [outbox.get(info.id)])
    assert [letter.subject for letter in sandbox.letters] == ["Once"]


def test_one_that_kills_its_workers_is_held_and_the_others_flow(place: str, outbox: Outbox, sandbox: Sandbox) -> None:
    poison = outbox.put(message(0, text=LARGE), via=sandbox.url)
    others = outbox.put_many([message(n) for n in range(1, 5)], via=sandbox.url)

    for _ in range(30):
        if poison.status is State.HELD:
            break
        begin("work", place, poison.info.lane, "in body", signal.SIGKILL).wait(30)
        time.sleep(doomed.LEASE)  # nothing to wait for: a lease has to run out

    finish(outbox, others)
    assert (poison.status, poison.info.why) == (State.HELD, "poison")
    check(sandbox, [poison, *others], hold=False, certain=True)


def wait_until_somebody_sends(outbox: Outbox) -> None:
    """A worker that dies with nothing in hand proves nothing."""
    ends = time.monotonic() + 20
    while not any(count.state in (State.LEASED, State.IN_FLIGHT) for count in outbox.stats()):
        assert time.monotonic() < ends, "nobody sends"
        bell_of(outbox).wait(bell_of(outbox).rung, 0.01)


@pytest.fixture
def awake() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers at work; nobody outlives the test."""
    awake: list[subprocess.Popen[bytes]] = []
    yield awake
    for process in awake:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Without a word of warning."""
    process.kill()
    process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("on_unsure", ["resend", "hold"])
def test_workers_are_killed_at_random_under_load(
    place: str, outbox: Outbox, sandbox: Sandbox, awake: list[subprocess.Popen[bytes]], on_unsure: str
) -> None:
    chance, put, died = random.Random(SEED), 0, 0
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        # Some hundreds at a time: an hour's mail would be more than the sandbox remembers.
        tickets: list[Ticket] = []
        while len(tickets) < 1000 and time.monotonic() < ends:
            new = [message(put + len(tickets) + n) for n in range(100)]
            tickets += outbox.put_many(new, via=sandbox.url, on_unsure=on_unsure)
            awake.append(begin("serve", place, tickets[0].info.lane, "never", signal.SIGKILL))
            wait_until_somebody_sends(outbox)
            time.sleep(chance.uniform(0.0, 0.25))  # the point of it: at any moment
            while len(awake) > 1:
                kill(awake.pop(chance.randrange(len(awake))))
                died += sum(each.mails for each in outbox.in_hand() if each.life is Life.GONE)
        finish(outbox, tickets, 60)
        check(sandbox, tickets, hold=on_unsure == "hold")
        sandbox.clear()
        put += len(tickets)

    assert put >= 100
    assert died, "nobody died with a mail in hand"


def test_a_worker_that_is_told_to_stop_ends_in_peace(
    place: str, outbox: Outbox, sandbox: Sandbox, tmp_path: Path
) -> None:
    script = (
        "import sys; from courriel import Outbox\nwith Outbox(sys.argv[1]) as outbox: sys.exit(outbox.work(workers=2))"
    )
    running = subprocess.Popen([sys.executable, "-W", "error", "-c", script, place])
    tickets = outbox.put_many([message(n) for n in range(500)], via=sandbox.url)
    tickets[0].wait(20)

    running.terminate()

    assert running.wait(40) == 0
    assert {ticket.status for ticket in tickets} <= {State.SENT, State.READY}
    finish(outbox, tickets)
    check(sandbox, tickets, hold=True)
    assert all(not ticket.info.unsure for ticket in tickets)
