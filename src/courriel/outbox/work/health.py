"""
Health of a worker, for a watchdog, a container's health check, or a person.

A thread that waits for a server within its time limits makes progress. One that has not reached its next step for a
minute, or has waited longer than its limits, hangs. An outbox that cannot be used (its server is down) is neither: the
worker retries, and must not be killed for it, because it may hold results that are not stored yet.
"""

from __future__ import annotations

from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Literal

from courriel._dataclass import dataclass

if TYPE_CHECKING:
    from courriel.outbox.work.sending.batch import Batch

LIMIT = 60.0
"""Seconds that one step may take apart from sending; a lock of the outbox is waited for 30."""

FATAL = 120.0
"""Further seconds after which a hanging thread counts as lost; a database server may take so long for a statement."""


@dataclass(frozen=True, slots=True)
class Health:
    """Health of a worker. `state` is "working", "failing" (the outbox cannot be used), "hanging", or "stopped".

    `silent` is the time in seconds since the last progress of the slowest thread, `reason` a sentence.
    """

    state: Literal["working", "failing", "hanging", "stopped"]
    silent: float = 0.0
    reason: str = ""
    alive: bool = True
    """False when only a new process would help."""

    @property
    def healthy(self) -> bool:
        """Whether the state is "working"."""
        return self.state == "working"


class Pulse:
    """Last progress of each thread of a worker; without a lock, because setting a dictionary item is atomic."""

    def __init__(self) -> None:
        self._beats: dict[int, tuple[float, Batch | None]] = {}
        self._failures: dict[int, str] = {}

    def beat(self) -> None:
        """Record that the calling thread has reached its next step, and sends nothing now."""
        self._beats[get_ident()] = monotonic(), None

    def carry(self, batch: Batch) -> None:
        """Record that the calling thread sends this batch, whose progress counts as its own."""
        self._beats[get_ident()] = monotonic(), batch

    def round_done(self) -> None:
        """Record that the calling thread has served every lane."""
        self.beat()
        self._failures.pop(get_ident(), None)

    def failed(self, why: object) -> None:
        """Record that the outbox could not be used, and will be tried again."""
        self.beat()
        self._failures[get_ident()] = str(why)

    def end(self) -> None:
        """Remove the calling thread, which ends."""
        self._beats.pop(get_ident(), None)
        self._failures.pop(get_ident(), None)

    def health(self, *others: float) -> Health:
        """Health by these threads; `others` are times of the last progress of the threads beside the senders."""
        beats = list(self._beats.values())
        if not beats:
            return Health("stopped", reason="it does not run")
        now = monotonic()
        silences = [(now - moment, LIMIT, "a thread that looks after the outbox") for moment in others]
        for moment, batch in beats:
            if batch is None:
                silences.append((now - moment, LIMIT, "a thread that sends"))
            else:
                silences.append((now - max(moment, batch.progress), max(batch.lease, LIMIT), "a session"))
        silent, limit, who = max(silences, key=lambda each: each[0] - each[1])
        if silent > limit:
            reason = f"{who} has made no progress for {silent:.0f} s"
            return Health("hanging", silent, reason, alive=silent <= limit + FATAL)
        silent = max(each[0] for each in silences)
        for why in list(self._failures.values()):
            return Health("failing", silent, why)
        return Health("working", silent)
