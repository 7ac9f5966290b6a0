"""SIGINT and SIGTERM handling of commands that run until they are stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from time import monotonic
from types import FrameType

_DEAF = 5.0  # seconds that giving mails back is left alone


class Ending:
    """Request to end, set by signals. Not an Event: a signal handler must not take the lock of one."""

    def __init__(self) -> None:
        self._asked = False
        self._calls: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Request the end."""
        self._asked = True
        self._calls.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait up to so many seconds for the request; whether it was made."""
        if not self._asked:
            with suppress(Empty):
                self._calls.get(timeout=seconds)
        return self._asked


@contextmanager
def asked_to_end(also: Callable[[], object] = lambda: None) -> Generator[Ending, None, None]:
    """A value that SIGINT and SIGTERM set; neither is an error. `also` is called by each, safe in a signal handler."""
    ended = Ending()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()
        also()

    with _handling(end):
        yield ended


@contextmanager
def interrupted_in_time(ask: Callable[[], object], grace: float) -> Generator[None, None, None]:
    """Have the first signal `ask` for an end; the second, or `grace` seconds, raise KeyboardInterrupt.

    Others within five seconds are ignored: what the second began, giving mails back, is not cut short by a key that is
    held down. Later ones raise again, should that hang.
    """
    asked = False
    deaf_until = 0.0

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal asked, deaf_until
        if asked:
            if monotonic() < deaf_until:
                return
            deaf_until = monotonic() + _DEAF
            raise KeyboardInterrupt
        asked = True
        ask()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, max(grace, 0.001))

    with _handling(end):
        try:
            yield
        finally:
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Generator[None, None, None]:
    numbers = [signal.SIGINT, signal.SIGTERM]
    # The end of the grace, where the system has a timer; Ctrl-Break on Windows.
    numbers += [getattr(signal, name) for name in ("SIGALRM", "SIGBREAK") if hasattr(signal, name)]
    former = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in former.items():
            signal.signal(number, before)
