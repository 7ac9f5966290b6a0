"""
Last words before a fatal signal: pending log mails leave, then the process dies of the signal as it would have.

Only signals that would end the process by default are taken; a program that handles them itself is left alone, and ends
in its own way. The handler of a signal runs between any two steps of the main thread, which may hold any lock: so it
waits for nothing. It puts the default back, so that a second signal ends the process at once, and starts a thread that
flushes. A child by fork takes signals the same way; records of its parent are none of its own.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
from threading import current_thread, main_thread
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
    _last_words.handlers.add(handler)
    for number in FATAL:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _take)


# The steps.


class _LastWords:
    """Handlers of this process, flushed by a thread of its own when a signal was received."""

    def __init__(self) -> None:
        self.handlers: WeakSet[Flushed] = WeakSet()

    def begin(self, number: int) -> None:
        """Start the thread; safe in a signal handler. Raises RuntimeError where no thread can be started any more."""
        ended = _thread.allocate_lock()
        ended.acquire()
        # Not threading.Thread, whose start waits for locks that the interrupted step may hold.
        _thread.start_new_thread(self._die, (number, ended))
        # The main thread may now come to its end by itself (a pause that was interrupted): it still dies of the signal.
        atexit.register(ended.acquire, timeout=_MOST + 1)

    def _die(self, number: int, ended: _thread.LockType) -> None:
        end = monotonic() + _MOST
        for handler in list(self.handlers):
            handler.flush_within(max(0.0, end - monotonic()))
        os.kill(os.getpid(), number)
        ended.release()


_last_words = _LastWords()


def _take(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    try:
        _last_words.begin(number)
    except RuntimeError:
        os.kill(os.getpid(), number)
