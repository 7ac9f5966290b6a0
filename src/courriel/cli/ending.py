"""Being asked to end: Ctrl-C and SIGTERM mean the same to a command that runs until somebody stops it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType


class Ending:
    """What both signals set, and a command waits for. Not an Event: its lock must not be taken by a signal handler."""

    def __init__(self) -> None:
        self._asked = False
        self._calls: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """The end is asked for."""
        self._asked = True
        self._calls.put(None)

    def wait(self, seconds: float) -> bool:
        """Whether it is asked for, after so many seconds at most."""
        if not self._asked:
            with suppress(Empty):
                self._calls.get(timeout=seconds)
        return self._asked


@contextmanager
def asked_to_end(also: Callable[[], object] = lambda: None) -> Generator[Ending, None, None]:
    """What both signals set; neither is an error. `also` is called by each of them, and must be safe in a handler."""
    ended = Ending()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()
        also()

    with _handled(end):
        yield ended


@contextmanager
def interrupted_in_time(ask: Callable[[], object], grace: float) -> Generator[None, None, None]:
    """Have the first signal `ask` for an end; the second, or `grace` seconds, raise KeyboardInterrupt."""
    asked = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        ask()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, max(grace, 0.001))

    with _handled(end):
        try:
            yield
        finally:
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Generator[None, None, None]:
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGALRM"):
        numbers.append(signal.SIGALRM)
    former = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in former.items():
            signal.signal(number, before)
