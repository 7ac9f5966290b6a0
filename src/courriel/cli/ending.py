"""SIGINT and SIGTERM handling of commands that run until they are stopped."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def asked_to_end() -> Generator[Event, None, None]:
    """An event that SIGINT and SIGTERM set; neither is an error."""
    ended = Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    former = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
