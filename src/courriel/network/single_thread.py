"""A thread of its own for each blocking session that asyncio code uses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from courriel.network import forks

T = TypeVar("T")


class SingleThread:
    """One thread that runs one call after the other; it starts with the first, and ends with `close`.

    Not the loop's own executor: a watched mailbox occupies its thread for days, and that executor has few.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._threads: ThreadPoolExecutor | None = None
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """Forget the parent's thread: it does not exist in the child."""
        forks.keep_for_ever(self._threads)
        self._threads = None

    async def run(self, act: Callable[[], T], interrupt: Callable[[], object]) -> T:
        """Run `act` in the thread, and await the result.

        On cancellation `interrupt` is called, which has to end `act`; its end is not awaited.
        """
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, self._name)
        done = asyncio.get_running_loop().run_in_executor(self._threads, act)
        try:
            return await done
        except asyncio.CancelledError:
            interrupt()
            raise

    def close(self) -> None:
        """End the thread when its current call is done."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None
