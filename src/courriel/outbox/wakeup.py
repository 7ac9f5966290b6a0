"""Wakeup of threads that wait for events of this process; those of other processes are found by polling."""

from __future__ import annotations

from threading import Condition

from courriel.network import forks


class Wakeup:
    """A counter with a condition. `rung` counts calls, so that none is missed between a check and a wait."""

    def __init__(self) -> None:
        self.rung = 0
        self._condition = Condition()
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """Replace the lock, which a thread of the parent process may hold."""
        self._condition = Condition()

    def ring(self) -> None:
        """Count a call, and wake all waiting threads."""
        with self._condition:
            self.rung += 1
            self._condition.notify_all()

    def wait(self, since: int, seconds: float) -> bool:
        """Wait for a call after the count `since`, for `seconds` at most; whether there was one."""
        with self._condition:
            return self._condition.wait_for(lambda: self.rung != since, seconds)
