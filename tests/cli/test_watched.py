"""A worker that is watched: by systemd, by a container's health check, by whoever asks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Event

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from cli.conftest import Ran
from courriel import Message, Outbox, Sandbox, errors
from courriel.cli.worker import health as health_module
from courriel.cli.worker import monitors
from courriel.cli.worker import waiting as patience
from courriel.cli.worker.health import HealthFile, HealthPort, sign_at
from courriel.cli.worker.monitors import Monitors
from courriel.cli.worker.systemd import Systemd
from courriel.integrations.prometheus import page
from courriel.outbox.work import health as pulse
from courriel.outbox.work import lease_keeper
from courriel.outbox.work.health import Health, Pulse
from courriel.outbox.work.sending import result_writer
from servers.daemon import wait_until
from servers.postgres import postgres as running_postgres

Run = Callable[..., Ran]
LONG = 30.0  # seconds that nothing here takes


class Listening:
    """The socket that systemd would listen at."""

    def __init__(self, address: str, said: str) -> None:
        self.name = said
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(LONG)

    def heard(self) -> list[str]:
        """The lines of the next message."""
        return self._socket.recv(4096).decode().split("\n")

    def hear_until(self, line: str) -> list[str]:
        """What was said up to that line, message by message."""
        every: list[str] = []
        while line not in every:
            every += self.heard()
        return every

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", pytest.param("abstract", marks=pytest.mark.skipif(
    sys.platform != "linux", reason="addresses that are in no folder are Linux's"))])  # fmt: skip
def systemd(request: pytest.FixtureRequest) -> Iterator[Listening]:
    with tempfile.TemporaryDirectory() as folder:  # a path of pytest's own may be too long for an address
        path = f"{folder}/notify"
        name = f"@courriel-{os.getpid()}-{time.monotonic_ns()}"
        listening = Listening(path, path) if request.param == "path" else Listening("\0" + name[1:], name)
        yield listening
        listening.close()


class Worker:
    """Stands in the place of a worker, and does as well as it is told."""

    def __init__(self, found: Health) -> None:
        self.found = found

    def health(self) -> Health:
        return self.found


def asked(port: HealthPort | str, path: str = "/", method: str = "GET") -> tuple[int, bytes, str]:
    place = port if isinstance(port, str) else port.place
    connection = HTTPConnection(place.removeprefix("http://").rstrip("/"), timeout=LONG)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.headers["Content-Type"]
    connection.close()
    return found


# systemd.


def test_systemd_is_told_in_its_own_words(systemd: Listening) -> None:
    told = Systemd({"NOTIFY_SOCKET": systemd.name, "WATCHDOG_USEC": "4000000"})

    told.waiting("waiting for\nthe outbox", 30)
    told.ready("at work")
    told.status("at work")  # was said
    told.status("3 accepted · été")
    told.alive()
    told.stopping("stopping", 90)

    assert systemd.heard() == ["STATUS=waiting for the outbox", "EXTEND_TIMEOUT_USEC=30000000"]
    assert systemd.heard() == ["READY=1", "STATUS=at work"]
    assert systemd.heard() == ["STATUS=3 accepted · été"]
    assert systemd.heard() == ["WATCHDOG=1"]
    assert systemd.heard() == ["STOPPING=1", "STATUS=stopping", "EXTEND_TIMEOUT_USEC=90000000"]
    assert told.watchdog == 2.0


@pytest.mark.parametrize(
    ("environment", "watchdog"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-3"}, None),
        ({"WATCHDOG_USEC": "٣"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_in_half_of_its_time(environment: dict[str, str], watchdog: float | None) -> None:
    assert Systemd({"NOTIFY_SOCKET": "/run/x"} | environment).watchdog == watchdog
    assert Systemd(environment).watchdog is None, "without a socket there is nobody to tell"


@pytest.mark.parametrize("name", ["", "/", "@", "vsock:2:1234", "relative", "/there/is/none", "/" + "x" * 300])
def test_a_socket_that_is_none_keeps_no_mail_from_leaving(name: str) -> None:
    told = Systemd({"NOTIFY_SOCKET": name})

    told.ready("at work")
    told.alive()

    assert told.there is (name.startswith("/") and len(name) > 1)


@pytest.mark.parametrize(
    ("health", "fed"),
    [
        (Health("working", 1.0), True),
        (Health("failing", 1.0, "connection refused"), True),
        (Health("hanging", 70.0, "a thread"), True),
        (Health("hanging", 700.0, "a thread", alive=False), False),
    ],
)
def test_only_a_worker_that_hangs_for_good_starves_the_watchdog(
    monkeypatch: pytest.MonkeyPatch, systemd: Listening, health: Health, fed: bool
) -> None:
    """One whose database is away may hold results that are written down nowhere: to kill it would double mail."""
    monkeypatch.setattr(monitors, "_EVERY", 3600)
    monkeypatch.setattr(Systemd, "__init__", _silent_systemd(systemd.name))
    with Monitors() as seen:
        systemd.hear_until("WATCHDOG=1")  # its thread has looked for the first time, and comes back in an hour
        seen.at_work(Worker(health), "at work")  # type: ignore[arg-type]
        seen._fed = float("-inf")  # it is due
        seen._look()
        seen.stopping("enough", 1)

    systemd.hear_until("READY=1")
    said = systemd.hear_until("STOPPING=1")
    assert ("WATCHDOG=1" in said) is fed
    assert (f"STATUS={health.reason}" in said) is (not health.healthy)


def _silent_systemd(name: str) -> Callable[[Systemd], None]:
    """A service whose watchdog is never due by itself."""
    made = Systemd.__init__

    def init(self: Systemd) -> None:
        made(self, {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "7200000000"})

    return init


# The endpoint.


@pytest.fixture
def port() -> Iterator[tuple[HealthPort, Worker]]:
    worker = Worker(Health("working", 0.25))
    with Monitors("0") as seen:
        seen.at_work(worker, "")  # type: ignore[arg-type]
        assert isinstance(seen._sign, HealthPort)
        yield seen._sign, worker


def test_who_asks_by_http_hears_how_the_worker_does(port: tuple[HealthPort, Worker]) -> None:
    answering, worker = port

    status, body, kind = asked(answering, "/health?verbose=1")
    assert (status, kind) == (200, "application/json")
    assert json.loads(body) == {"healthy": True, "state": "working", "silent": 0.2, "reason": ""}

    worker.found = Health("failing", 3.0, "the server is away")
    assert asked(answering)[0] == 503
    assert json.loads(asked(answering)[1])["reason"] == "the server is away"
    assert asked(answering, "/live")[0] == 200, "a new process would not help"

    worker.found = Health("hanging", 300.0, "a thread hangs", alive=False)
    assert (asked(answering)[0], asked(answering, "/live")[0]) == (503, 503)


def test_a_worker_that_is_not_at_work_yet_or_any_more_is_not_healthy() -> None:
    with Monitors("127.0.0.1:0") as seen:
        assert json.loads(asked(seen.place)[1])["state"] == "starting"
        seen.waiting("connection refused", 1)
        status, body, _ = asked(seen.place)
        assert (status, json.loads(body)["state"], json.loads(body)["reason"]) == (503, "waiting", "connection refused")
        assert asked(seen.place, "/live")[0] == 200
        seen.at_work(Worker(Health("working")), "")  # type: ignore[arg-type]
        assert asked(seen.place)[0] == 200
        seen.stopping("enough", 1)
        assert json.loads(asked(seen.place)[1])["state"] == "stopping"

    with pytest.raises(OSError, match="refused"):
        asked(seen.place)


def test_what_is_no_request_gets_an_answer_and_no_more(port: tuple[HealthPort, Worker]) -> None:
    answering, _ = port

    assert asked(answering, method="HEAD")[:2] == (200, b"")
    assert asked(answering, method="POST")[0] == 405
    assert asked(answering, "/metrics-or-what")[0] == 404
    assert said(answering, b"GET / HTTP/1.0\n\n").startswith(b"HTTP/1.1 200 ")
    assert said(answering, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert said(answering, b"GET /" + b"x" * 5000).startswith(b"HTTP/1.1 431 ")
    assert said(answering, b"GET / HTTP/1.1\r\nA: b\r\n", half_closed=True) == b""


def said(port: HealthPort, octets: bytes, *, half_closed: bool = False) -> bytes:
    with socket.create_connection(port._socket.getsockname()[:2], timeout=LONG) as line:
        line.sendall(octets)
        if half_closed:
            line.shutdown(socket.SHUT_WR)
        found = b""
        try:
            while piece := line.recv(4096):
                found += piece
        except ConnectionResetError:
            pass
        return found


@given(st.binary(max_size=200))
def test_every_head_has_one_answer(octets: bytes) -> None:
    port = HealthPort.__new__(HealthPort)
    port._looks = {}

    answer = port.answer(octets)

    assert answer.startswith(b"HTTP/1.1 4")
    assert answer.partition(b"\r\n\r\n")[2].endswith(b"}\n")


def test_a_request_may_come_octet_by_octet(port: tuple[HealthPort, Worker]) -> None:
    answering, _ = port
    with socket.create_connection(answering._socket.getsockname()[:2], timeout=LONG) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n":
            line.sendall(bytes([octet]))

        assert line.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


def test_those_who_ask_and_say_nothing_keep_nobody_from_asking(port: tuple[HealthPort, Worker]) -> None:
    """Where all places are taken by silent ones, the one that has been silent longest has to go."""
    answering, _ = port
    silent = [socket.create_connection(answering._socket.getsockname()[:2], timeout=LONG) for _ in range(100)]

    assert asked(answering)[0] == 200
    assert has_ended(silent[0])
    assert len(answering._open) <= health_module._MOST
    for line in silent:
        line.close()


def has_ended(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_who_is_slow_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "_LIMIT", 0.05)
    with Monitors("0") as seen:
        assert isinstance(seen._sign, HealthPort)
        assert said(seen._sign, b"GET / HTTP/1.1\r\n") == b""


@pytest.mark.parametrize("place", ["8025", "0", "127.0.0.1:0", "localhost:0", "[::1]:0"])
def test_a_port_of_this_machine_unless_an_address_is_given(place: str) -> None:
    if place == "8025":
        assert health_module._ADDRESS.fullmatch(place)
        return
    if place.startswith("[") and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    sign = sign_at(place, lambda: (200, {}), lambda: (200, {}))

    assert isinstance(sign, HealthPort)
    assert ("[::1]" in sign.place) is place.startswith("[")
    assert ("127.0.0.1" in sign.place) is not place.startswith("[")
    sign.close()


def test_prometheus_may_ask_at_the_same_port(port: tuple[HealthPort, Worker], tmp_path: Path) -> None:
    answering, _ = port
    with Outbox(tmp_path / "o.db") as outbox:
        answering.page = page(outbox)

        status, body, kind = asked(answering, "/metrics")

    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    names = {family.name for family in text_string_to_metric_families(body.decode())}
    assert "courriel_outbox_workers" in names


def test_figures_are_asked_for_before_there_is_an_outbox() -> None:
    with Monitors("0") as watched:
        status, body, kind = asked(watched.place, "/metrics")
        with_question = asked(watched.place, "/metrics?x=1")

    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    (family,) = text_string_to_metric_families(body.decode())
    assert [(sample.name, sample.value) for sample in family.samples] == [("courriel_outbox_up", 0)]
    assert with_question[0] == 200


def test_a_missing_extra_is_said_where_figures_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "courriel.integrations.prometheus")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with Monitors("0") as watched:
        status, body, _ = asked(watched.place, "/metrics")

    assert status == 404
    assert 'pip install "courriel[prometheus]"' in json.loads(body)["error"]


def test_the_endpoint_names_all_that_it_answers(port: tuple[HealthPort, Worker]) -> None:
    assert json.loads(asked(port[0], "/elsewhere")[1]) == {"error": "/health, /live or /metrics"}


def test_a_file_that_cannot_be_written_is_named_as_it_was_given(courriel: Run, tmp_path: Path) -> None:
    ran = courriel("worker", "--outbox", str(tmp_path / "o.db"), "--health", "/nowhere/f")

    assert (ran.status, ran.err) == (66, "✗ /nowhere/f: No such file or directory\n")


def test_figures_that_are_waited_for_keep_nobody_from_asking(
    port: tuple[HealthPort, Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering, _ = port
    leave = Event()
    answering.page = lambda: b"x" if leave.wait(LONG) else b""
    with socket.create_connection(answering._socket.getsockname()[:2], timeout=LONG) as line:
        line.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")

        assert asked(answering)[0] == 200
        leave.set()
        assert line.recv(4096).endswith(b"\r\n\r\nx")
    answering.page = lambda: bytes(1 // 0)
    assert asked(answering, "/metrics")[0] == 503


# The file.


def told(healthy: bool) -> dict[str, object]:
    return {"healthy": healthy, "state": "working", "silent": 0.1, "reason": ""}


def test_the_file_is_written_anew_while_the_worker_makes_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "_WRITE_EVERY", 0)
    path, found = tmp_path / "health", [200]
    sign = sign_at(str(path), lambda: (found[0], told(found[0] == 200)), lambda: (200, {}))
    assert isinstance(sign, HealthFile)
    assert not path.exists(), "it does not work yet"

    sign.show()
    first = path.stat()
    sign.show()
    second = path.stat()
    found[0] = 503
    sign.show()

    assert json.loads(path.read_text()) == told(True)
    assert (first.st_ino, first.st_mtime_ns) != (second.st_ino, second.st_mtime_ns)
    assert path.stat() == second, "one that hangs lets it grow old"
    sign.close()
    assert list(tmp_path.iterdir()) == [tmp_path / "here"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
def test_a_file_of_somebody_else_is_refused_and_left_as_it_is(courriel: Run, tmp_path: Path, suffix: str) -> None:
    """`--health` in the place of `--outbox`, by mistake: an outbox that is open has four files."""
    with Outbox(tmp_path / "o.db") as outbox:
        outbox.put(Message(sender="a@example.org", to="b@example.org", text="x"), via="smtp://127.0.0.1:9")
        before = (tmp_path / f"o.db{suffix}").read_bytes()

        ran = courriel("worker", "--outbox", str(tmp_path / "other.db"), "--health", str(tmp_path / f"o.db{suffix}"))

        assert (ran.status, "is not a health file" in ran.err) == (64, True), ran
        assert (tmp_path / f"o.db{suffix}").read_bytes() == before


@pytest.mark.parametrize("held", [b"", b"{}", b"[]", b'{"healthy": true}', b"x" * 100, b"[" * 3000, b" " * 5000])
def test_a_file_that_no_worker_wrote_is_not_written_over(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "health"
    path.write_bytes(held)

    with pytest.raises(click.UsageError):
        HealthFile(path, lambda: (200, told(True)))

    assert path.read_bytes() == held
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["health"]


def test_the_file_of_a_worker_that_is_gone_is_taken_away_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "health"
    path.write_text(json.dumps(told(True)))
    sign = HealthFile(path, lambda: (200, told(True) | {"silent": 0.2}))
    assert not path.exists()

    sign.show()

    assert json.loads(path.read_text())["silent"] == 0.2


def test_a_file_that_was_put_in_its_place_meanwhile_is_left_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "_WRITE_EVERY", 0)
    path = tmp_path / "health"
    sign = HealthFile(path, lambda: (200, told(True)))
    sign.show()
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "theirs").replace(path)

    sign.show()
    sign.close()

    assert path.read_text() == "theirs"
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["health"]


def test_a_disk_that_is_full_lets_the_file_grow_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign = HealthFile(tmp_path / "health", lambda: (200, {}))
    (tmp_path / "gone").mkdir()
    monkeypatch.setattr(sign, "_part", tmp_path / "nowhere" / "part")

    sign.show()

    assert not (tmp_path / "health").exists()


@pytest.mark.parametrize(
    ("place", "status", "said"),
    [
        ("/dev/null", 64, "not a regular file"),
        ("there/is/none", 66, "No such file or directory"),
        ("99999", 64, "is no port"),
        ("127.0.0.1:70000", 64, "is no port"),
    ],
)
def test_a_place_where_nothing_can_be_shown_is_misuse_at_once(
    courriel: Run, tmp_path: Path, place: str, status: int, said: str
) -> None:
    ran = courriel("worker", "--outbox", str(tmp_path / "o.db"), "--health", place)

    assert (ran.status, said in ran.err) == (status, True), ran


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "--health: 127.0.0.1:{}: another program uses this port"),
     ("fr", "--health : 127.0.0.1:{} : un autre programme occupe ce port")],
)  # fmt: skip
def test_a_port_that_is_taken_is_said(
    courriel: Run, tmp_path: Path, closed_port: int, language: str, said: str
) -> None:
    place = str(tmp_path / "o.db")

    ran = courriel("worker", "--outbox", place, "--health", str(closed_port), "--lang", language)

    assert (ran.status, said.format(closed_port) in ran.err) == (74, True), ran.err


def test_health_is_nothing_for_a_run_that_ends(courriel: Run) -> None:
    assert courriel("worker", "--once", "--health", "0").status == 64


# The pulse of a worker.


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pulse, "monotonic", clock)
    return clock


def test_a_thread_that_comes_to_no_next_step_hangs(clock: Clock) -> None:
    beating = Pulse()
    assert beating.health().state == "stopped"
    beating.beat()
    clock.now += pulse.LIMIT
    assert beating.health(clock.now).healthy

    clock.now += 1

    found = beating.health(clock.now)
    assert (found.state, found.silent, found.alive) == ("hanging", pulse.LIMIT + 1, True)
    clock.now += pulse.FATAL
    assert not beating.health(clock.now).alive
    beating.beat()
    assert beating.health(clock.now).healthy
    assert beating.health(clock.now - pulse.LIMIT - 1).state == "hanging", "so does one that looks after the outbox"
    beating.end()
    assert beating.health().state == "stopped"


def test_a_thread_that_waits_for_a_server_does_not_hang_until_its_limits_are_over(clock: Clock) -> None:
    class Batch:
        progress, lease = 1000.0, 660.0

    batch, beating = Batch(), Pulse()
    beating.carry(batch)  # type: ignore[arg-type]
    clock.now += 600
    assert beating.health().healthy
    clock.now += 61
    assert beating.health().state == "hanging"

    batch.progress = clock.now

    assert beating.health().healthy


def test_an_outbox_that_is_away_is_not_a_thread_that_hangs(clock: Clock) -> None:
    beating = Pulse()
    beating.failed(errors.OutboxError("the server is away"))
    clock.now += 1
    found = beating.health()
    assert (found.state, found.reason, found.alive, found.healthy) == ("failing", "the server is away", True, False)

    beating.round_done()

    assert beating.health().healthy


@pytest.mark.slow
def test_a_worker_that_hangs_where_nobody_looks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked about an unsure mail, or told of a sent one, may never answer."""
    ahead = 0.0
    for module in (pulse, lease_keeper, result_writer):
        monkeypatch.setattr(module, "monotonic", lambda: time.monotonic() + ahead)
    monkeypatch.setattr(lease_keeper, "_TICK", 0.01)
    entered, leave = Event(), Event()

    def listener(_: object) -> None:
        entered.set()
        leave.wait(LONG)

    with Sandbox() as sandbox, Outbox(tmp_path / "o.db") as outbox:
        outbox.on("sent", listener)
        outbox.put(Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x"), via=sandbox.url)
        with outbox.worker() as worker:
            assert entered.wait(LONG)
            assert worker.health().healthy
            ahead = pulse.LIMIT + pulse.FATAL + 1
            found = worker.health()
            leave.set()
            assert (found.state, found.alive) == ("hanging", False)
            assert wait_until(lambda: worker.health().healthy, LONG)
        assert worker.health().state == "stopped"


# The whole of it, as a process.


@pytest.mark.acceptance
def test_a_service_says_ready_feeds_the_watchdog_and_stops(tmp_path: Path, systemd: Listening) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "courriel", "worker", "--outbox", str(tmp_path / "o.db"),
         "--health", "0"],
        env=os.environ | {"NOTIFY_SOCKET": systemd.name, "WATCHDOG_USEC": "200000"},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        systemd.hear_until("READY=1")
        systemd.hear_until("WATCHDOG=1")
        assert worker.stderr is not None
        place = next(line for line in worker.stderr if "Health: " in line).partition("Health: ")[2].strip()
        assert asked(place)[0] == 200

        worker.send_signal(signal.SIGTERM)

        assert "STOPPING=1" in systemd.hear_until("STOPPING=1")
        assert worker.wait(LONG) == 0
    finally:
        worker.kill()
        worker.communicate()


def test_the_terminal_says_what_a_worker_waits_for_once(
    courriel: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tries: list[str] = []
    here = patience.open_outbox

    def open_outbox(place: str | None, *, references: bool) -> Outbox:
        tries.append(str(place))
        if len(tries) < 4:
            raise errors.OutboxUnreachable("postgresql://db/shop: connection failed: Connection refused")
        os.kill(os.getpid(), signal.SIGTERM)
        return here(str(tmp_path / "o.db"))

    monkeypatch.setattr(patience, "open_outbox", open_outbox)
    monkeypatch.setattr(patience, "_SOONEST", 0.001)
    monkeypatch.setattr(patience, "_LATEST", 0.001)

    ran = courriel("worker", "--outbox", "postgresql://db/shop")

    assert ran.status == 0
    waited = [line for line in ran.err.splitlines() if "Waiting" in line]
    assert waited == [
        "Waiting for the outbox, Ctrl-C to stop: postgresql://db/shop: connection failed: Connection refused"
    ]
    assert len(tries) == 4


def test_what_waiting_does_not_mend_ends_the_worker(courriel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_outbox(place: str | None, *, references: bool) -> Outbox:
        raise errors.OutboxError("postgresql://db/shop: password authentication failed")

    monkeypatch.setattr(patience, "open_outbox", open_outbox)

    assert courriel("worker", "--outbox", "postgresql://db/shop").status == 74


@pytest.mark.acceptance
@pytest.mark.parametrize("systemd", ["path"], indirect=True)
def test_a_worker_that_starts_before_its_database_waits_and_goes_on_when_that_dies(systemd: Listening) -> None:
    with running_postgres() as server, Sandbox() as sandbox:
        place = server.url(server.new_database())
        Outbox(place).close()
        server.kill()
        worker = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "courriel", "worker", "--outbox", place, "--health", "0", "--json"],
            env=os.environ | {"NOTIFY_SOCKET": systemd.name, "LANG": "en_GB.UTF-8"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert worker.stdout is not None
        try:
            waiting = json.loads(worker.stdout.readline())
            assert (waiting["event"], "refused" in waiting["reason"]) == ("waiting", True)
            said = systemd.hear_until("EXTEND_TIMEOUT_USEC=61000000")
            assert said[0].startswith("STATUS=waiting for the outbox: postgresql://")
            server.start()
            systemd.hear_until("READY=1")
            told = next(said for line in worker.stdout if (said := json.loads(line))["event"] != "waiting")
            health = told["health"]
            with Outbox(place) as outbox:
                put(outbox, sandbox)
                assert json.loads(worker.stdout.readline())["event"] == "sent"
            assert asked(health)[0] == 200

            server.kill()
            hear_state(health, "failing")
            assert asked(health, "/live")[0] == 200
            assert worker.poll() is None
            server.start()
            hear_state(health, "working")
            with Outbox(place) as outbox:
                put(outbox, sandbox)
                assert json.loads(worker.stdout.readline())["event"] == "sent"

            server.kill()
            worker.send_signal(signal.SIGTERM)
            last = [json.loads(line) for line in worker.stdout][-1]
            assert worker.wait(LONG) == 75
            assert (last["event"], last["sent"]) == ("stopped", 2)
            server.start()
        finally:
            worker.kill()
            worker.communicate()


def put(outbox: Outbox, sandbox: Sandbox) -> None:
    outbox.put(Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x"), via=sandbox.url)


def hear_state(place: str, state: str) -> None:
    """Ask until it is so."""
    assert wait_until(lambda: json.loads(asked(place)[1])["state"] == state, LONG)
