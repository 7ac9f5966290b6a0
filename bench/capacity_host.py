"""
What one host of the capacity bench does: puts mail, or sends it to a sink of its own. It ends when its input does.

    python -m bench.capacity_host put URL THREADS
    python -m bench.capacity_host send URL THREADS CLOCK

CLOCK is the number of seconds by which the host's clock is wrong. What was done is printed as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from courriel import Message, Outbox
from courriel.outbox.store.states import State

from .processes import own_sink

LANES = tuple(f"lane-{number}" for number in range(4))
TEXT = ("x" * 70 + "\n") * 26
"""A mail of some 2 kB."""

ENOUGH = 4_000
"""Mails that wait: then those who put wait as well, so that what is measured is what goes through."""


def put(url: str, threads: int) -> dict[str, object]:
    """Put until told to stop, each thread one mail at a time; how long each call took."""
    ended, full = threading.Event(), threading.Event()
    taken: list[list[float]] = [[] for _ in range(threads)]
    with Outbox(url, elsewhere=True) as outbox:

        def put_all(number: int) -> None:
            message = Message(sender="ada@example.org", to="bob@example.net", subject="Invoice", text=TEXT)
            while not ended.is_set():
                if full.is_set():
                    ended.wait(0.01)
                    continue
                began = time.perf_counter()
                outbox.put(message, via=LANES[len(taken[number]) % len(LANES)])
                taken[number].append(time.perf_counter() - began)

        def watch() -> None:
            while not ended.wait(0.2):
                waiting = sum(count.mails for count in outbox.stats() if count.state is State.READY)
                (full.set if waiting > ENOUGH else full.clear)()

        with ThreadPoolExecutor(threads + 1) as pool:
            running = [pool.submit(put_all, number) for number in range(threads)] + [pool.submit(watch)]
            print("ready", flush=True)
            sys.stdin.read()
            ended.set()
            for each in running:
                each.result()
    calls = sorted(seconds for those in taken for seconds in those)
    quantiles = {f"p{share}": calls[int(len(calls) * share / 100)] * 1000 for share in (50, 99)}
    return {"puts": len(calls), "core": time.process_time(), "longest": calls[-1] * 1000, **quantiles}


def send(url: str, threads: int, clock: float) -> dict[str, object]:
    """Send until told to stop."""
    real = time.time
    time.time = lambda: real() + clock  # type: ignore[assignment]  # what the kernel does not shift for one process
    with own_sink(None) as sink, Outbox(url, ways=dict.fromkeys(LANES, f"smtp://127.0.0.1:{sink.port}")) as outbox:
        worker = outbox.worker(workers=threads)
        worker.start()
        print("ready", flush=True)
        sys.stdin.read()
        left = worker.stop()
        mails, _, _ = sink.received()
        return {"taken": mails, "left": left, "core": time.process_time(), "sink": sink.core_seconds()}


if __name__ == "__main__":
    role, place, number, *more = sys.argv[1:]
    done = put(place, int(number)) if role == "put" else send(place, int(number), float(more[0]))
    print(json.dumps(done))
