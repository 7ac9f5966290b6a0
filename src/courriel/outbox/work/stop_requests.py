"""StopRequests: requests to stop a worker, from a signal handler or from any thread."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue


class StopRequests:
    """Number of requests to stop a worker, and the wait for the next one."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all requests: the worker has stopped."""
        self.number = 0
        self._calls: SimpleQueue[None] = SimpleQueue()  # safe to use in a signal handler

    def ask(self) -> None:
        """Request a stop. Safe in a signal handler."""
        self.number += 1
        self._calls.put(None)

    def wake(self) -> None:
        """End the wait of the stopping thread, without a request."""
        self._calls.put(None)

    def wait(self, seconds: float) -> None:
        """Wait for the next request or `wake`, for `seconds` at most."""
        with suppress(Empty):
            self._calls.get(timeout=seconds)
