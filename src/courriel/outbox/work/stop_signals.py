"""SIGTERM and SIGINT as a gentle stop; on Windows Ctrl-Break too, the one that another process can send."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name))


class stopped_by_signals:  # noqa: N801 - used like a function after `with`
    """Context in which SIGTERM and SIGINT ask a worker or a watch to stop; only in the main thread."""

    def __init__(self, ask_to_stop: Callable[[], object]) -> None:
        self._ask_to_stop = ask_to_stop
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in STOPS:
                self._before[number] = signal.signal(number, self._stop)

    def _stop(self, number: int, frame: object) -> None:
        self._ask_to_stop()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
