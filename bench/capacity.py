"""
How many mails a day one PostgreSQL carries, with workers on several hosts: puts, claims, WAL, vacuum, core time.

    python -m bench.capacity                         four hosts for an hour
    python -m bench.capacity --seconds 300 --kept 1000000

The hosts are network namespaces with clocks that differ; all of it, database and sinks too, shares the cores of this
machine, so that what a mail costs each of them counts more than how many there were.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from courriel import Outbox
from courriel._dataclass import dataclass
from courriel.outbox.store.states import State

from .hosts import NETWORK, Hosts
from .processes import ROOT, sink_command

CLOCKS = (0.0, 3600.0, -3600.0, 40 * 86_400.0)
"""Seconds by which the clocks of the hosts are wrong."""

SETTINGS = """
listen_addresses = '127.0.0.1,{address}'
shared_buffers = 1GB
max_wal_size = 4GB
max_connections = 300
"""

FILL = """
INSERT INTO outbox_mail (id, lane, prio, state, due, created, expires, on_unsure, msgid, sender, rcpts, options,
                         results, size, changed)
SELECT 'kept-' || n, 'lane-' || n %% 4, 1, 4, at, at, at + 432000, 0, '<' || n || '@example.org>', 'ada@example.org',
       '[]', '{}', '{"bob@example.net":[250,"2.0.0","ok",1790000000.0]}', 2048, at
FROM (SELECT n, extract(epoch FROM clock_timestamp()) - 400000 + n / 1000.0 AS at
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n) AS those
"""
FILL_BODIES = """
INSERT INTO outbox_body SELECT 'kept-' || n, 0, convert_to(repeat(md5(n::text), 64), 'UTF8')
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
COUNTED = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, pg_database_size(current_database()),
       (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
       (SELECT sum(autovacuum_count) FROM pg_stat_user_tables)::bigint,
       (SELECT sum(n_dead_tup) FROM pg_stat_user_tables)::bigint,
       pg_total_relation_size('outbox_mail'), pg_total_relation_size('outbox_body'), pg_indexes_size('outbox_mail')
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """Where the database stands at one moment; `core` is the time that its processes have used."""

    at: float
    sent: int
    ready: int
    wal: int
    size: int
    commits: int
    vacuums: int
    dead: int
    mails: int
    bodies: int
    indexes: int
    core: float


def main() -> int:
    options = _options()
    if missing := Hosts.missing():
        print(f"not measured: {missing}")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that hosts and programs end with us
    sink_command()  # built once, and not by each host
    with Hosts(options.hosts) as hosts, _server(hosts) as server:
        place = server.url(server.new_database()).replace("127.0.0.1", hosts.database)
        with Outbox(place, elsewhere=True) as outbox:
            _fill(server, place, options.kept)
            with contextlib.ExitStack() as ending:
                samples, reports = _run(options, hosts, outbox, _meter(server, place, outbox), ending)
            vacuum = _seconds_of_vacuum(place)
    print(report(options, samples, reports, vacuum))
    return 0


def report(
    options: argparse.Namespace, samples: list[Sample], reports: dict[str, list[dict[str, Any]]], vacuum: float
) -> str:
    """What was measured, as a table."""
    first, last = samples[0], samples[-1]
    seconds, mails = last.at - first.at, last.sent - first.sent
    puts, sends = reports["put"], reports["send"]
    core = {
        "PostgreSQL": last.core - first.core,
        "workers": sum(each["core"] for each in sends),
        "callers of `put`": sum(each["core"] for each in puts),
        "sinks": sum(each["sink"] for each in sends),
    }
    rows = [
        ("time measured", f"{seconds:.0f} s"),
        ("worker hosts, threads on each", f"{options.hosts}, {options.threads}"),
        ("mails kept beforehand", f"{options.kept:,}"),
        ("mails sent", f"{mails:,}"),
        ("mails a second", f"{mails / seconds:.0f}"),
        ("mails a day at this rate", f"{mails / seconds * 86_400 / 1e6:.1f} million"),
        (
            "put, median and 99 %",
            f"{max(each['p50'] for each in puts):.1f} ms, {max(each['p99'] for each in puts):.0f} ms",
        ),
        ("put, longest", f"{max(each['longest'] for each in puts):.0f} ms"),
        *((f"core time of {who}", f"{1000 * spent / mails:.2f} ms a mail") for who, spent in core.items()),
        ("commits", f"{(last.commits - first.commits) / mails:.2f} a mail"),
        ("WAL", f"{(last.wal - first.wal) / mails / 1000:.1f} kB a mail"),
        ("rate by quarters of the time", ", ".join(f"{rate:.0f}" for rate in _rates(samples))),
        ("autovacuum runs, dead rows at the end", f"{last.vacuums - first.vacuums}, {last.dead:,}"),
        ("one VACUUM of the mails at the end", f"{vacuum:.1f} s"),
        ("mails on disk without contents, at the end", f"{last.mails / 1e6:.0f} MB"),
        ("of which indexes", f"{last.indexes / 1e6:.0f} MB"),
        ("contents on disk, at the end", f"{last.bodies / 1e6:.0f} MB"),
        ("left unanswered at the end", str(sum(each["left"] for each in sends))),
    ]
    return "\n".join(["| | |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in rows)])


# The steps.


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seconds", type=float, default=3600)
    asked.add_argument("--hosts", type=int, default=4)
    asked.add_argument("--threads", type=int, default=2, help="workers on each host")
    asked.add_argument("--callers", type=int, default=8, help="threads that put, in each of two processes")
    asked.add_argument("--kept", type=int, default=0, help="sent mails that are there already")
    return asked.parse_args()


@contextlib.contextmanager
def _server(hosts: Hosts) -> Generator[Any]:
    """The tests' own server, with settings of a small real one, and reached by the hosts."""
    sys.path.append(str(ROOT / "tests"))
    from servers.postgres import postgres

    with postgres() as server:
        with (server.data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(address=hosts.database))
        with (server.data / "pg_hba.conf").open("a") as rights:
            rights.write(f"host all all {NETWORK}.0/24 trust\n")
        server.end()
        server.start()
        yield server


def _fill(server: Any, place: str, kept: int) -> None:
    """Mails that were sent long ago, as many as are kept."""
    import psycopg

    with psycopg.connect(place, autocommit=True) as line:
        for first in range(0, kept, 50_000):
            numbers = {"first": first, "last": min(first + 50_000, kept) - 1}
            line.execute(FILL, numbers)
            line.execute(FILL_BODIES, numbers)
        line.execute("VACUUM ANALYZE")
    with psycopg.connect(server.url("postgres", user="postgres"), autocommit=True) as line:
        line.execute("CHECKPOINT")


def _meter(server: Any, place: str, outbox: Outbox) -> Callable[[], Sample]:
    import psycopg

    line = psycopg.connect(place, autocommit=True)

    def sample() -> Sample:
        counts = {state: sum(each.mails for each in outbox.stats() if each.state is state) for state in State}
        found = line.execute(COUNTED).fetchone()
        assert found is not None
        wal, size, commits, vacuums, dead, mails, bodies, indexes = (int(each or 0) for each in found)
        core = sum(_core_of(pid) for pid in server.everybody())
        sent = counts[State.SENT]
        ready = counts[State.READY]
        return Sample(time.monotonic(), sent, ready, wal, size, commits, vacuums, dead, mails, bodies, indexes, core)

    return sample


def _seconds_of_vacuum(place: str) -> float:
    import psycopg

    with psycopg.connect(place, autocommit=True) as line:
        began = time.perf_counter()
        line.execute("VACUUM outbox_mail")
        return time.perf_counter() - began


def _core_of(pid: int) -> float:
    """Seconds that a process has used, and those of its children that have ended."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _run(
    options: argparse.Namespace,
    hosts: Hosts,
    outbox: Outbox,
    meter: Callable[[], Sample],
    ending: contextlib.ExitStack,
) -> tuple[list[Sample], dict[str, list[dict[str, Any]]]]:
    place = outbox._store.place
    program = [sys.executable, "-m", "bench.capacity_host"]
    senders = [
        hosts.start(
            number,
            [*program, "send", place, str(options.threads), str(CLOCKS[number % len(CLOCKS)])],
            uptime=1000 * number,
        )
        for number in range(options.hosts)
    ]
    putting = [
        subprocess.Popen(
            [*program, "put", place, str(options.callers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(2)
    ]
    for each in (*senders, *putting):
        ending.callback(each.kill)
    for each in (*senders, *putting):
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    samples = [meter()]
    ends = time.monotonic() + options.seconds
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, 10))
        samples.append(meter())
        print(f"{samples[-1].at - samples[0].at:6.0f} s: {samples[-1].sent - samples[0].sent:,} sent", file=sys.stderr)
    reports = {"put": [_ended(each) for each in putting], "send": [_ended(each) for each in senders]}
    return samples, reports


def _ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = process.communicate(timeout=120)
    result: dict[str, Any] = json.loads(said)
    return result


def _rates(samples: list[Sample]) -> Generator[float]:
    """Mails a second in each quarter of the time."""
    quarter = max(1, (len(samples) - 1) // 4)
    for first in range(0, quarter * 4, quarter):
        if first + quarter < len(samples):
            before, after = samples[first], samples[first + quarter]
            yield (after.sent - before.sent) / (after.at - before.at)


if __name__ == "__main__":
    sys.exit(main())
