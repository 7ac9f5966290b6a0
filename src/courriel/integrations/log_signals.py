"""
Last words before a fatal signal: pending log mails leave, then the process dies of the signal as it would have.

Only signals that would end the process by default are taken; a program that handles them itself is left alone, and ends
in its own way. The handler of a signal runs between any two steps of the main thread, which may hold any lock: so it
waits for nothing. It puts the default back, so that a second signal ends the process at once, and wakes a thread that
was waiting for this.
"""

from __future__ import annotations

import atexit
import os
import signal
from queue import SimpleQueue
from threading import Thread, current_thread, main_thread
from time import monotonic
from types import FrameType
from typing import Protocol
from weakref import WeakSet

FATAL = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU") if hasattr(signal, name))
_MOST = 10.0  # seconds that all handlers together may take


class Flushed(Protocol):
    """Handler that can mail what is pending within a time limit."""

    def flush_within(self, seconds: float) -> bool: ...


def flush_at_fatal_signals(handler: Flushed) -> None:
    """Have this handler flushed before a fatal signal ends the process. No effect outside the main thread."""
    if current_thread() is not main_thread():
        return
    _last_words.add(handler)
    for number in FATAL:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _take)


# The steps.


class _LastWords:
    """Handlers of this process, and the thread that flushes them when a signal was received."""

    def __init__(self) -> None:
        self.process = 0
        self._handlers: WeakSet[Flushed] = WeakSet()

    def add(self, handler: Flushed) -> None:
        """Add a handler; the thread is started with the first one, and anew in a child by fork."""
        self._handlers.add(handler)
        if self.process != os.getpid():
            self.process, self._received = os.getpid(), SimpleQueue[int]()
            self._thread = Thread(target=self._die, name="courriel-last-words", daemon=True)
            self._thread.start()

    def receive(self, number: int) -> None:
        """Wake the thread; safe in a signal handler."""
        # The main thread may now come to its end by itself (a pause that was interrupted): it still dies of the signal.
        atexit.register(self._thread.join, _MOST + 1)
        self._received.put(number)

    def _die(self) -> None:
        number = self._received.get()
        end = monotonic() + _MOST
        for handler in list(self._handlers):
            handler.flush_within(max(0.0, end - monotonic()))
        os.kill(os.getpid(), number)


_last_words = _LastWords()


def _take(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    if _last_words.process == os.getpid():
        _last_words.receive(number)
    else:
        os.kill(os.getpid(), number)  # a child by fork: it has no such thread, and no records of ours
