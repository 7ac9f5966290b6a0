"""
Whether a worker makes progress: for a watchdog, a container's health check, a person.

A thread that sends, and waits for a server within its time limits, makes progress. One that has not come to its next
step for a minute, or has waited for longer than its limits allow, hangs. An outbox that cannot be used (its server is
away) is neither: the worker tries again, and must not be killed for it, because it may hold results that are written
down nowhere else.
"""

from __future__ import annotations

from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Literal

from courriel._dataclass import dataclass

if TYPE_CHECKING:
    from courriel.outbox.work.batch import Batch

LIMIT = 60.0
"""Seconds that one step may take beside sending; a lock of the outbox is waited for thirty."""

FATAL = 120.0
"""Seconds more after which a thread that hangs is taken for lost; a database server may think for so long."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a worker does. `state` is "working", "failing" (the outbox cannot be used), "hanging", or "stopped".

    `silent` is the seconds since the last progress of the thread that has made none for longest, `reason` a sentence.
    """

    state: Literal["working", "failing", "hanging", "stopped"]
    silent: float = 0.0
    reason: str = ""
    alive: bool = True
    """False when only a new process would help."""

    @property
    def healthy(self) -> bool:
        """Whether it works."""
        return self.state == "working"


class Pulse:
    """The last progress of each thread of a worker; a dictionary's items are set at once, so no lock is needed."""

    def __init__(self) -> None:
        self._beats: dict[int, tuple[float, Batch | None]] = {}
        self._failures: dict[int, str] = {}

    def beat(self) -> None:
        """This thread has come to its next step, and sends nothing now."""
        self._beats[get_ident()] = monotonic(), None

    def carry(self, batch: Batch) -> None:
        """This thread sends these mails: its progress is theirs."""
        self._beats[get_ident()] = monotonic(), batch

    def round_done(self) -> None:
        """This thread has looked at every lane."""
        self.beat()
        self._failures.pop(get_ident(), None)

    def failed(self, why: object) -> None:
        """The outbox could not be used; it is tried again."""
        self.beat()
        self._failures[get_ident()] = str(why)

    def end(self) -> None:
        """This thread has nothing to do any more."""
        self._beats.pop(get_ident(), None)
        self._failures.pop(get_ident(), None)

    def health(self, *others: float) -> Health:
        """How they do; `others` are moments of the last progress of threads beside those that send."""
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
