"""
A process that sends or puts mail and comes to its end at a given point: killed, or stopped until it may go on.

    python doomed.py work|serve|put PLACE LANE POINT SIGNAL ON_UNSURE [dot|pairs]

A point "then ..." is one after the worker has gone on to its second batch; by `pairs` its batches are of two.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from courriel import Message, Outbox
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.network import blocking
from courriel.outbox.store.base import Store
from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.work import worker
from courriel.outbox.work.sending import batch, marking, result_writer
from courriel.outbox.work.serving import lane_service

LEASE = float(os.environ.get("COURRIEL_TEST_LEASE", "0.4"))
"""Seconds: those who take over must not wait for two minutes; more, where the dead are found by their lock files."""
ANSWER = 0.3


def shorten_leases() -> None:
    """Everything as it is, in a shorter time."""
    lane_service.lease_of_claim = lambda way: LEASE  # type: ignore[assignment]
    batch._MARGIN = 0.3
    lane_service.answer_limit = lambda way: ANSWER  # type: ignore[assignment]


def doom(store: Store, number: int) -> None:
    """The end has come; with SIGSTOP it may go on one day, and does not meet its end twice."""
    global armed  # noqa: PLW0603
    if armed:
        armed = False
        with between_writes(store) if number == signal.SIGSTOP else nullcontext():
            os.kill(os.getpid(), number)


@contextmanager
def between_writes(store: Store) -> Iterator[None]:
    """No other thread of ours holds the lock of the file: who is stopped with it keeps everybody out, and that is
    tested where nothing else is (`test_sqlite`)."""
    if not isinstance(store, SqliteStore):
        yield
        return
    file = store._file
    taken = file._group.take(5)
    try:
        with file._light_lock:
            yield
    finally:
        if taken:
            file._group.give_back()


armed = True


def arm_store(store: Store, point: str, end: Callable[[], None]) -> None:
    """Before and after what is written."""
    moment, _, act = point.partition(" ")
    acts = {
        "settle": ("settle", "go_on", "advance"),
        "go on": ("go_on",),
        "mark": ("mark", "advance"),
        "put": ("put",),
        "claim": ("claim",),
    }
    for name in acts.get(act, ()):
        arm_act(store, name, moment, end)


def arm_act(store: Store, act: str, moment: str, end: Callable[[], None]) -> None:
    """One of them."""
    real = getattr(store, act)

    def doomed(*arguments: object, **named: object) -> object:
        if moment == "before":
            end()
        result = real(*arguments, **named)
        if moment == "after":
            end()
        return result

    setattr(store, act, doomed)


def spare_the_first_batch(store: Store) -> None:
    """Nobody dies before the worker has gone on."""
    global armed  # noqa: PLW0603
    armed = False
    real = store.go_on

    def go_on(*arguments: object) -> object:
        global armed  # noqa: PLW0603
        claimed = real(*arguments)  # type: ignore[arg-type]
        armed = True
        return claimed

    store.go_on = go_on  # type: ignore[method-assign, assignment]


def arm_line(point: str, end: Callable[[], None]) -> None:
    """Between what is said and what is heard."""
    send, receive, connect = blocking.Line._send, blocking.Line._receive, blocking.Line._connect

    def doomed_connect(line: blocking.Line) -> bytes:
        answer = connect(line)
        if point == "connected":
            end()
        return answer

    def doomed_send(line: blocking.Line, want: blocking.Send) -> None:
        named = {"before envelope": b"MAIL", "after envelope": b"MAIL"}.get(point)
        fits = (
            (named is not None and named in want.data)
            or (point in ("before end", "after end") and want.stage == "message")
            or (point == "in body" and want.stage == "data" and len(want.data) > 10_000)
        )
        if fits and point.startswith("before"):
            end()
        if fits and point == "in body":
            want = blocking.Send(want.data[:5000], want.stage)
        send(line, want)
        if fits:
            end()

    def doomed_receive(line: blocking.Line, stage: str, more: bool) -> bytes:
        data = receive(line, stage, more)  # type: ignore[arg-type]
        if (point == "door open" and (b"354 " in data or b"2.1.5" in data)) or (
            point == "answered" and b"taken" in data
        ):
            end()
        return data

    blocking.Line._connect = doomed_connect  # type: ignore[method-assign]
    blocking.Line._send = doomed_send  # type: ignore[method-assign]
    blocking.Line._receive = doomed_receive  # type: ignore[method-assign]


def end_by_a_dot() -> None:
    """As with a server that does not know CHUNKING."""
    real = SmtpDialogue._learn

    def learn_less(dialogue: SmtpDialogue, capabilities: dict[str, str]) -> None:
        real(dialogue, {name: value for name, value in capabilities.items() if name != "CHUNKING"})

    SmtpDialogue._learn = learn_less  # type: ignore[method-assign]


def lengthen_the_line() -> None:
    """A server as far away as real ones: on loopback all is over before anybody can die in the middle of it."""
    receive = blocking.Line._receive

    def receive_late(line: blocking.Line, stage: str, more: bool) -> bytes:
        time.sleep(0.1)  # nothing to wait for: this is the distance
        return receive(line, stage, more)  # type: ignore[arg-type]

    blocking.Line._receive = receive_late  # type: ignore[method-assign]


def leave_results_to_the_sender() -> None:
    """The thread that writes down is not quicker by chance: all is written by whoever goes on."""
    result_writer._MOMENT = 5.0
    marking.Marking.hurry = lambda self: None  # type: ignore[method-assign]
    real = result_writer.ResultWriter.__init__

    def init(writer: result_writer.ResultWriter, *arguments: object) -> None:
        real(writer, *arguments)  # type: ignore[arg-type]
        writer._moment, writer._last = result_writer._MOMENT, time.monotonic()

    result_writer.ResultWriter.__init__ = init  # type: ignore[method-assign, assignment]


def main(act: str, place: str, lane: str, point: str, number: str, on_unsure: str, manner: str = "") -> None:
    shorten_leases()
    if manner:
        end_by_a_dot()
    if manner == "pairs":
        leave_results_to_the_sender()
    with Outbox(place) as outbox:
        end = lambda: doom(outbox._store, int(number))  # noqa: E731
        if point.startswith("then "):
            spare_the_first_batch(outbox._store)
            point = point.removeprefix("then ")
        arm_store(outbox._store, point, end)
        arm_line(point, end)
        if act == "put":
            mail = Message(sender="ada@example.org", to="bob@example.org", subject="Once", text="Hello.")
            outbox.put(mail, via=lane, key="once", on_unsure=on_unsure)
        elif act == "serve":
            lengthen_the_line()
            outbox.work(workers=2)
        else:
            print("working", flush=True)
            outbox.worker(batch=2 if manner == "pairs" else worker.BATCH).run_once()
            if point == "never":
                signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
