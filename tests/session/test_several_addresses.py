"""Servers with several addresses, some refusing or unreachable: the first that answers is used, quickly."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import monotonic

import pytest

from courriel import errors
from courriel.dialogue.flow import Connect, Flow
from courriel.model.servers.server import Security, Server, Timeouts
from courriel.network import awaiting, blocking
from courriel.network.connecting import resolve
from courriel.network.connecting.happy_eyeballs import HEAD_START, HappyEyeballs, interleaved

Reach = Callable[[Server], float]
V4, V6 = socket.AF_INET, socket.AF_INET6


class Town:
    """Addresses on this machine with one port, that answer, refuse, or never answer."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self.first = self._listen("127.0.0.1", 0)
        self.port = self.first.getsockname()[1]
        self.addresses: list[resolve.Place] = []

    def answers(self, host: str = "127.0.0.1") -> socket.socket:
        line = self.first if host == "127.0.0.1" else self._listen(host, self.port)
        self._add(host)
        return line

    def refuses(self, host: str) -> None:
        self._add(host)

    def hangs(self, host: str) -> None:
        """A server with a full listen queue: connections get no answer at all."""
        line = self._listen(host, self.port, backlog=0)
        for _ in range(4):
            caller = self._open.enter_context(socket.socket(line.family))
            caller.setblocking(False)
            caller.connect_ex((host, self.port))
        self._add(host)

    def close(self) -> None:
        self._open.close()

    def _add(self, host: str) -> None:
        self.addresses.append((V6 if ":" in host else V4, (host, self.port)))

    def _listen(self, host: str, port: int, backlog: int = 5) -> socket.socket:
        line = self._open.enter_context(socket.socket(V6 if ":" in host else V4))
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind((host, port))
        line.listen(backlog)
        return line


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    made = Town()
    monkeypatch.setattr(resolve, "places_at_once", lambda _: made.addresses)
    yield made
    made.close()


def connecting() -> Flow[bytes]:
    return (yield Connect())


@pytest.fixture(params=["blocking", "awaiting"])
def reach(request: pytest.FixtureRequest) -> Reach:
    """Open a connection, blocking or asyncio, close it, and return the seconds it took."""

    def block(server: Server) -> float:
        began = monotonic()
        line = blocking.Line(server)
        try:
            line.run(connecting(), opening=True)
        finally:
            line.hang_up()
        return monotonic() - began

    async def wait(server: Server) -> float:
        began = monotonic()
        line = awaiting.AsyncLine(server)
        try:
            await line.run(connecting(), opening=True)
        finally:
            line.hang_up()
        assert len(asyncio.all_tasks()) == 1
        return monotonic() - began

    return block if request.param == "blocking" else lambda server: asyncio.run(wait(server))


def server(town: Town, connect: float = 5) -> Server:
    return Server("mx.example.org", town.port, Security.NONE, timeouts=Timeouts(connect=connect))


def test_an_address_that_refuses_costs_no_time(town: Town, reach: Reach) -> None:
    town.refuses("127.0.0.2")
    town.refuses("127.0.0.3")
    town.answers()

    assert reach(server(town)) < HEAD_START


def test_an_address_that_leads_nowhere_costs_a_head_start(town: Town, reach: Reach) -> None:
    town.hangs("127.0.0.2")
    town.answers()

    assert HEAD_START <= reach(server(town)) < 2


def test_connections_that_succeed_too_late_are_closed(town: Town, reach: Reach) -> None:
    town.hangs("127.0.0.2")
    line = town.answers()

    reach(server(town))

    line.settimeout(5)
    taken, _ = line.accept()
    with taken:
        taken.settimeout(5)
        assert taken.recv(10) == b""
        line.settimeout(0)
        with pytest.raises(BlockingIOError):
            line.accept()


def test_when_all_refuse_the_error_says_each_address(town: Town, reach: Reach) -> None:
    town.refuses("127.0.0.2")
    town.refuses("127.0.0.3")

    with pytest.raises(errors.ConnectionFailed) as failed:
        reach(server(town))

    assert str(failed.value) == (
        f"mx.example.org:{town.port}: Connection refused (127.0.0.2: Connection refused, 127.0.0.3: Connection refused)"
    )
    assert isinstance(failed.value.__cause__, ConnectionRefusedError)


def test_a_refusal_is_reported_before_an_unreachable_address(town: Town, reach: Reach) -> None:
    town.refuses("127.0.0.2")
    town.addresses.append((socket.AF_UNIX, "/nowhere/at/all"))

    with pytest.raises(
        errors.ConnectionFailed, match=r": Connection refused \(127.0.0.2: .*, /nowhere/at/all: No such "
    ):
        reach(server(town))


@pytest.mark.slow
def test_when_nobody_answers_the_limit_for_connecting_is_kept(town: Town, reach: Reach) -> None:
    town.hangs("127.0.0.2")
    town.hangs("127.0.0.3")

    began = monotonic()
    with pytest.raises(errors.TimedOut) as failed:
        reach(server(town, connect=0.4))

    assert monotonic() - began >= 0.4
    assert str(failed.value).endswith("for 0.4 s (connect): 127.0.0.2: no answer, 127.0.0.3: no answer")


@pytest.mark.slow
def test_one_refused_and_one_silent_is_a_time_out_that_says_both(town: Town, reach: Reach) -> None:
    town.refuses("127.0.0.2")
    town.hangs("127.0.0.3")

    with pytest.raises(errors.TimedOut, match=r"127.0.0.2: Connection refused, 127.0.0.3: no answer"):
        reach(server(town, connect=0.4))


def test_a_single_address_is_reported_plainly(town: Town, reach: Reach) -> None:
    town.refuses("127.0.0.2")

    with pytest.raises(errors.ConnectionFailed) as failed:
        reach(server(town))

    assert str(failed.value) == f"mx.example.org:{town.port}: Connection refused"


@pytest.mark.slow
def test_a_single_address_that_leads_nowhere_keeps_the_limit_too(town: Town, reach: Reach) -> None:
    town.hangs("127.0.0.2")

    began = monotonic()
    with pytest.raises(errors.TimedOut) as failed:
        reach(server(town, connect=0.4))

    assert monotonic() - began >= 0.4
    assert str(failed.value) == f"mx.example.org:{town.port} did not answer for 0.4 s (connect)"


def test_a_name_without_an_address_is_said(town: Town, reach: Reach) -> None:
    with pytest.raises(errors.ConnectionFailed, match="the name has no address"):
        reach(server(town))


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine knows no IPv6")
def test_ipv4_answers_when_ipv6_does_not(town: Town, reach: Reach) -> None:
    town.refuses("::1")
    town.answers()

    assert reach(server(town)) < HEAD_START


def test_a_call_that_is_cancelled_leaves_no_line_open(town: Town) -> None:
    town.hangs("127.0.0.2")
    town.hangs("127.0.0.3")

    async def give_up() -> None:
        async with asyncio.timeout(0.05):
            await awaiting.AsyncLine(server(town)).run(connecting(), opening=True)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())


# Order of attempts.


def test_address_families_alternate_and_duplicates_are_dropped() -> None:
    a, b, c, d = (V6, "a"), (V6, "b"), (V6, "c"), (V4, "d")

    assert interleaved([a, b, a, c, d]) == [a, d, b, c]
    assert interleaved([d, a, b]) == [d, a, b]
    assert interleaved([]) == []


def test_the_second_waits_for_its_turn_or_for_the_first_to_fail() -> None:
    a, b = (V6, "a"), (V4, "b")
    race = HappyEyeballs([a, b], monotonic() + 10)

    assert race.starter(0) == a
    assert race.starter(1) is None
    assert 0 < race.patience() <= HEAD_START
    race.lost(a, ConnectionRefusedError(111, "Connection refused"))
    assert race.starter(0) == b
    assert race.patience() > 5


def test_after_the_deadline_no_address_is_tried() -> None:
    race = HappyEyeballs([(V4, "a")], monotonic() - 1)

    assert race.starter(0) is None
    assert not race.goes_on(0)
    assert race.patience() == 0
    assert isinstance(race.failure([]), TimeoutError)
