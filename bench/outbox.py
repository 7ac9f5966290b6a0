"""What the outbox costs, in the time of one `write 2 kB + fdatasync` on the same disk, measured in the same rounds."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from courriel import Message, Outbox
from courriel.outbox.putting.encoding import new_id
from courriel.outbox.store.base import Store
from courriel.outbox.store.jobs import LeaseTerms, NewMail, Settlement
from courriel.outbox.store.states import OnUnsure, State

from .measuring import Limit, Pace, Result, Skipped, Spread

if TYPE_CHECKING:
    from types import FrameType

    from servers.postgres import Postgres

CONTENT = b"x" * 2048
CALLERS = (1, 64)
PROCESSES = (1, 4, 8)
PG, _POOLED = "PostgreSQL", "PostgreSQL behind PgBouncer (nothing is prepared)"
PUT = {("SQLite", 1): 1.75, (PG, 1): 2.5, (PG, 64): 1.0, (_POOLED, 1): 3.5}
"""As many such writes a put may take, by engine and callers; bare sqlite3 with our tables takes 1.38."""
CLAIM = {PG: 5.0, _POOLED: 9.0}
GO_ON = {PG: 3.5}


def keeping(throttle: Pace) -> list[Result]:
    """Putting, alone, among many and by several processes; claiming and settling, beside none and many that wait."""
    results: list[Result] = []
    rounds, puts, waiting = (3, 128, 10_000) if throttle.quick else (9, 640, 100_000)
    for engine, opened in (("SQLite", sqlite_store), (PG, postgres_store), (_POOLED, _pooled)):
        pooled = opened is _pooled
        try:
            with opened() as (store, folder):
                for callers in CALLERS[:1] if pooled else CALLERS:
                    taken = [_seconds_of_puts(store, puts, callers) / _seconds_of_raw(folder) for _ in range(rounds)]
                    ceiling = PUT.get((engine, callers))
                    results.append(
                        Limit("outbox, put", f"{engine}, {callers} callers", Spread.of(taken), "writes", ceiling)
                    )
                if not pooled:
                    results += _by_processes(engine, store.place, folder, rounds)
                results += _claiming(engine, store, folder, rounds, waiting)
                results.append(_going_on(engine, store, folder, rounds))
        except Missing as why:
            results.append(Skipped("outbox", f"{engine}: {why}"))
    results.append(_parsing())
    return results


# The steps.


class Missing(Exception):
    """What it would be measured with is not installed."""


def mail(lane: str = "put", delay: float = 0) -> NewMail:
    return NewMail(
        id=new_id(),
        key=None,
        lane=lane,
        priority=1,
        delay=delay,
        lifetime=7 * 86_400,
        on_unsure=OnUnsure.RESEND,
        message_id="<1@example.org>",
        sender="ada@example.org",
        recipients=("bob@example.org",),
        options={},
        size=len(CONTENT),
        chunks=(CONTENT,),
    )


def _claiming(engine: str, store: Store, folder: Path, rounds: int, waiting: int) -> Generator[Result]:
    for beside in (0, waiting):
        for _ in range(0, beside, 1000):
            store.put([mail("claim", delay=86_400) for _ in range(1000)])
        store.put([mail("claim") for _ in range(50 * rounds)])
        taken = [_each(50, lambda: _claim_and_settle(store)) / _seconds_of_raw(folder) for _ in range(rounds)]
        yield Limit(
            "outbox, claim and settle", f"{engine}, {beside:,} wait", Spread.of(taken), "writes", CLAIM.get(engine)
        )


def _going_on(engine: str, store: Store, folder: Path, rounds: int) -> Result:
    """What a worker says between two batches, here of one mail each."""
    store.put([mail("go on") for _ in range(50 * rounds + 1)])
    jobs = list(store.claim("go on", 1, lease=600, holder="bench:1").jobs)

    def go_on() -> None:
        done = [Settlement(job.id, job.token, State.SENT, (), {}) for job in jobs]
        claimed = store.go_on(done, "go on", 1, LeaseTerms(600, "bench:1", 60, 1))
        assert claimed.settled == (True,)
        jobs[:] = claimed.jobs

    taken = [_each(50, go_on) / _seconds_of_raw(folder) for _ in range(rounds)]
    return Limit("outbox, settle, claim and mark in one", engine, Spread.of(taken), "writes", GO_ON.get(engine))


def _parsing() -> Result:
    """How much of a put by URL is parsing it, once it has been put by."""
    calls: list[str] = []
    message = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_globals.get("__name__", "").startswith("courriel.delivery"):
            calls.append(frame.f_code.co_name)

    with tempfile.TemporaryDirectory() as folder, Outbox(Path(folder) / "outbox.db") as outbox:
        outbox.put(message, via="smtp://localhost:2525")
        sys.setprofile(note)
        try:
            for _ in range(10):
                outbox.put(message, via="smtp://localhost:2525")
        finally:
            sys.setprofile(None)
    return Limit("outbox, put(via=url)", "calls that parse the URL", Spread.of([len(calls) / 10]), "a mail", 0)


def _claim_and_settle(store: Store) -> None:
    (job,) = store.claim("claim", 1, lease=600, holder="bench:1").jobs
    (done,) = store.settle([Settlement(job.id, job.token, State.SENT, (), {})])
    assert done


def _seconds_of_puts(store: Store, puts: int, callers: int) -> float:
    """Of one put, as many at a time as there are callers."""

    def put() -> None:
        for _ in range(puts // callers):
            store.put([mail()])

    with ThreadPoolExecutor(callers) as pool:
        began = time.perf_counter()
        for done in [pool.submit(put) for _ in range(callers)]:
            done.result()  # a put that failed must not look fast
        return (time.perf_counter() - began) / puts


def _by_processes(engine: str, place: str, folder: Path, rounds: int) -> Generator[Result]:
    """All at once for a second: what they put together beside raw writes, and the slowest beside the fastest."""
    for count in PROCESSES:
        rates, fairness = [], []
        for _ in range(rounds):
            raw = 1 / _seconds_of_raw(folder)
            put = _puts_of_a_second(place, count)
            rates.append(sum(put) / raw)
            fairness.append(min(put) / max(put))
        name = f"{engine}, {count} process{'es' if count > 1 else ''}"
        yield Limit("outbox, put", f"{name}: rate", Spread.of(rates), "raw writes' rate", None)
        if count > 1:
            yield Limit("outbox, put", f"{name}: slowest over fastest", Spread.of(fairness), "", None)


def _puts_of_a_second(place: str, count: int) -> list[int]:
    command = [sys.executable, "-m", "bench.outbox", place]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    putting = [subprocess.Popen(command, **pipes) for _ in range(count)]  # type: ignore[call-overload]
    for each in putting:
        assert each.stdout.readline() == "ready\n"
    for each in putting:
        each.stdin.write("go\n")
        each.stdin.flush()
    return [int(each.communicate(timeout=60)[0]) for each in putting]


def put_for_a_second(place: str) -> None:
    """One of several processes: say that it is ready, wait for the word, put, and say how often."""
    store = opened_at(place)
    store.put([mail()])
    print("ready", flush=True)
    sys.stdin.readline()
    ends, done = time.perf_counter() + 1.0, 0
    while time.perf_counter() < ends:
        store.put([mail()])
        done += 1
    print(done)
    store.close()


def opened_at(place: str) -> Store:
    """The store at a path or a URL."""
    if "://" in place:
        from courriel.outbox.store.postgres.store import PostgresStore

        return PostgresStore(place)
    from courriel.outbox.store.sqlite.store import SqliteStore

    return SqliteStore(place)


def _seconds_of_raw(folder: Path) -> float:
    with (folder / "raw").open("ab", buffering=0) as file:

        def write() -> None:
            file.write(CONTENT)
            os.fdatasync(file.fileno())

        return _each(200, write)


def _each(times: int, act: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times


@contextlib.contextmanager
def sqlite_store() -> Generator[tuple[Store, Path]]:
    from courriel.outbox.store.sqlite.store import SqliteStore

    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "outbox.db")
        yield store, Path(folder)
        store.close()


@contextlib.contextmanager
def postgres_store() -> Generator[tuple[Store, Path]]:
    """The tests' own server, on the same disk as the raw writes."""
    with _postgres_server() as server, _at(server.url(server.new_database())) as opened:
        yield opened


@contextlib.contextmanager
def _pooled() -> Generator[tuple[Store, Path]]:
    """The same through PgBouncer in transaction mode."""
    with _postgres_server() as server:
        from servers.packages import PGBOUNCER
        from servers.postgres import pgbouncer

        if not Path(PGBOUNCER).exists():
            raise Missing("Debian's pgbouncer is not installed")
        with pgbouncer(server) as pooler, _at(pooler.url(server.new_database())) as opened:
            yield opened


@contextlib.contextmanager
def _postgres_server() -> Generator[Postgres]:
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    from servers.packages import POSTGRES
    from servers.postgres import postgres

    if not POSTGRES.exists():
        raise Missing("Debian's postgresql is not installed")
    with postgres() as server:
        yield server


@contextlib.contextmanager
def _at(url: str) -> Generator[tuple[Store, Path]]:
    from courriel.outbox.store.postgres.store import PostgresStore

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        store = PostgresStore(url)
        yield store, Path(folder)
        store.close()


if __name__ == "__main__":
    put_for_a_second(sys.argv[1])
