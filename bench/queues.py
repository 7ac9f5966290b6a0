"""The outbox beside task queues that people send mail with: procrastinate on PostgreSQL, Celery on Redis.

The same work for each: N mails put one by one, each on stable storage when its call returns, then sent by one worker
with one session to the same PIPELINING sink. Redis syncs each write (`appendfsync always`), as `put` promises. By the
clock, everybody on the sink's core, databases on any. What stands in the table is their time over ours.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

from courriel import Message, Outbox

from .draining import TEXT, pinned
from .install import Missing, queue_python, redis_server
from .measuring import Ground, Limit, Pace, Result, Skipped, Spread
from .processes import ROOT, Broken, Program

PEERS = ROOT / "bench" / "peers"


def beside_queues(ground: Ground, throttle: Pace) -> list[Result]:
    """Putting and sending, ours on both engines, beside procrastinate on PostgreSQL and Celery on Redis."""
    rounds, mails = (3, 100) if throttle.quick else (5, 500)
    results: list[Result] = []
    with pinned(ground.core), ground.sink("pipelining") as sink:
        port = int(getattr(sink, "port", 0))
        try:
            with _databases() as new_database:
                for rival, opened in (("procrastinate", _procrastinate), ("Celery + Redis", _celery)):
                    with opened(port, new_database, ground) as theirs:
                        taken = [
                            (
                                theirs(mails),
                                _ours("sqlite", mails, port, new_database),
                                _ours("pg", mails, port, new_database),
                            )
                            for _ in range(rounds)
                        ]
                    results += _compared(rival, mails, taken)
        except (Missing, Broken) as why:
            results.append(Skipped("outbox, queues", str(why)))
    return results


# The steps.

Seconds = tuple[float, float]  # putting, sending
NewDatabase = Callable[[], str]


def _compared(rival: str, mails: int, taken: list[tuple[Seconds, Seconds, Seconds]]) -> Generator[Limit]:
    for engine, ours in (("SQLite", 1), ("PostgreSQL", 2)):
        for act, part in (("put", 0), ("drain", 1)):
            ratios = [each[0][part] / each[ours][part] for each in taken]
            what = f"{rival} over ours on {engine}, {mails:,} mails"
            yield Limit(f"outbox, {act}", what, Spread.of(ratios), "times our time", None)


def _ours(engine: str, mails: int, port: int, new_database: NewDatabase) -> Seconds:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        place = f"{folder}/outbox.db" if engine == "sqlite" else new_database()
        with Outbox(place) as outbox:
            outbox.use("out", f"smtp://127.0.0.1:{port}?tls=none")
            outbox.put(_mail(0), via="out")  # the tables and the lane are there
            outbox.run_once()
            began = time.perf_counter()
            for number in range(mails):
                outbox.put(_mail(number), via="out")
            put = time.perf_counter() - began
            began = time.perf_counter()
            sent = outbox.run_once()
            drained = time.perf_counter() - began
            assert sent == mails
            return put, drained


def _mail(number: int) -> Message:
    return Message(sender="bench@example.org", to="someone@example.org", subject=f"Mail {number}", text=TEXT)


@contextlib.contextmanager
def _procrastinate(port: int, new_database: NewDatabase, ground: Ground) -> Generator[Callable[[int], Seconds]]:
    command = [queue_python(), str(PEERS / "procrastinate_peer.py"), new_database(), str(port)]
    with Program(command, ground.core) as peer:
        peer.ask("schema")
        peer.ask("put 1")
        peer.ask("work")
        yield lambda mails: (float(peer.ask(f"put {mails}")), float(peer.ask("work")))


@contextlib.contextmanager
def _celery(port: int, new_database: NewDatabase, ground: Ground) -> Generator[Callable[[int], Seconds]]:
    with _redis(redis_server()) as redis:
        command = [queue_python(), str(PEERS / "celery_peer.py"), str(redis), str(port)]
        with Program(command, ground.core) as peer:
            peer.ask("put 1")
            peer.ask("work 1")
            yield lambda mails: (float(peer.ask(f"put {mails}")), float(peer.ask(f"work {mails}")))


@contextlib.contextmanager
def _databases() -> Generator[NewDatabase]:
    """The tests' own PostgreSQL; each call makes an empty database and returns its URL."""
    sys.path.append(str(ROOT / "tests"))
    from servers.packages import POSTGRES
    from servers.postgres import postgres

    if not POSTGRES.exists():
        raise Missing("Debian's postgresql is not installed")
    with postgres() as server:
        yield lambda: server.url(server.new_database())


@contextlib.contextmanager
def _redis(program: str) -> Generator[int]:
    """A Redis that syncs each write, on the disk of the others; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="courriel-redis-", dir="/tmp"))
    settings = {
        "port": port,
        "bind": "127.0.0.1",
        "dir": folder,
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 10
    while server.poll() is None and time.monotonic() < ends:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise Broken("redis-server does not listen")
