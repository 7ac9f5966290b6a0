"""How long others wait while old mails are forgotten: the longest put of another process, with and without it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from courriel.outbox.store.base import Store
from courriel.outbox.store.pruning import Pruning

from .measuring import Limit, Pace, Result, Skipped, Spread
from .outbox import PG, Missing, mail, opened_at, postgres_store, sqlite_store

LONGEST = 50.0  # milliseconds that nobody may wait longer, on a disk that syncs in a few
_IDLE = 5.0  # seconds of putting beside which nothing is forgotten
_PAGE = 500


def pruning(throttle: Pace) -> list[Result]:
    """Both engines; what the longest put takes depends on the disk, and so stands beside that of a quiet outbox."""
    mails = 20_000 if throttle.quick else 1_000_000
    results: list[Result] = []
    for engine, opened in (("SQLite", sqlite_store), (PG, postgres_store)):
        try:
            with opened() as (store, _):
                _fill(store, mails)
                quiet = _longest_put(store.place, lambda: time.sleep(_IDLE))
                beside = _longest_put(store.place, lambda: _forget(store, mails))
        except Missing as why:
            results.append(Skipped("outbox, prune", f"{engine}: {why}"))
            continue
        what = f"{engine}, longest put while {mails:,} mails are forgotten"
        results.append(Limit("outbox, prune", what, Spread.of([beside]), "ms", LONGEST))
        results.append(Limit("outbox, prune", f"{engine}, longest put otherwise", Spread.of([quiet]), "ms", None))
    return results


# The steps.


def _fill(store: Store, mails: int) -> None:
    """With mails that were sent, each with its content."""
    ended = "UPDATE outbox_mail SET state = 4, changed = changed - 1e6 WHERE state = 0 AND lane = 'old'"
    for _ in range(0, mails, _PAGE):
        store.put([mail("old") for _ in range(_PAGE)])
        # A million of them settled one by one would take an hour.
        store._write_lightly(lambda line: line.execute(ended))  # type: ignore[attr-defined]


def _forget(store: Store, mails: int) -> None:
    forgotten = Pruning(store, sent=86_400, failed=86_400).run().mails
    assert forgotten == mails


def _longest_put(place: str, meanwhile: Callable[[], None]) -> float:
    """Milliseconds, of somebody who puts a mail every few of them."""
    command = [sys.executable, "-m", "bench.pruning", place]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as putting:  # type: ignore[call-overload]
        assert putting.stdout.readline() == "ready\n"
        meanwhile()
        return float(putting.communicate("end\n", timeout=60)[0])


def put_until_told(place: str) -> None:
    """Put until a line comes in, and say how long the longest put took."""
    import select

    store = opened_at(place)
    store.put([mail()])
    print("ready", flush=True)
    longest = 0.0
    while not select.select([sys.stdin], [], [], 0.002)[0]:
        began = time.perf_counter()
        store.put([mail()])
        longest = max(longest, time.perf_counter() - began)
    print(longest * 1000)
    store.close()


if __name__ == "__main__":
    put_until_told(sys.argv[1])
