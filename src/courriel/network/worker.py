"""The bridge for those who await what blocks: a thread of its own for each conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from courriel.network import forks

T = TypeVar("T")


class Worker:
    """One thread that does one thing after the other; it begins with the first, and ends with `close`.

    Not the loop's own pool: a mailbox that is watched holds its thread for days, and that pool has a handful.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._threads: ThreadPoolExecutor | None = None
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """The thread is our parent's: what we gave it would never be done."""
        forks.keep_for_ever(self._threads)
        self._threads = None

    async def run(self, act: Callable[[], T], interrupt: Callable[[], object]) -> T:
        """Do it there, await it here.

        When the call is cancelled `interrupt` is called, which has to end what is being done; it is not waited for.
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
        """Let the thread go when it has done what it does."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None
