"""Wakes those who wait for something to happen in this process; what other processes do is seen by looking."""

from __future__ import annotations

from threading import Condition

from courriel.network import forks


class Wakeup:
    """`rung` counts: who looked before it rang does not miss it."""

    def __init__(self) -> None:
        self.rung = 0
        self._condition = Condition()
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """Another thread may have had the lock, and is not in this process."""
        self._condition = Condition()

    def ring(self) -> None:
        """Something has happened."""
        with self._condition:
            self.rung += 1
            self._condition.notify_all()

    def wait(self, since: int, seconds: float) -> bool:
        """Whether it has rung since then, after so many seconds at most."""
        with self._condition:
            return self._condition.wait_for(lambda: self.rung != since, seconds)
