"""Takeover of mails of dead workers, and its logging."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from courriel.outbox.store.base import UNSURE, Recovered, WorkerInfo
from courriel.outbox.work import liveness
from courriel.outbox.work.liveness import Life

if TYPE_CHECKING:
    from courriel.outbox.work.worker import Tools

logger = logging.getLogger("courriel.outbox")

REST = 60.0
"""Seconds before `confirm` is asked about an unsure mail: it takes a while until a mail appears in a folder."""


def take_over(tools: Tools, *, rest: float) -> int:
    """Give back the mails of every dead worker, and return how many; unsure ones become due in `rest` seconds.

    Raises OutboxError.
    """
    store, taken = tools.store, 0
    for worker in store.workers():
        if liveness.life_of(worker, store.beside) is Life.GONE:
            taken += _take_over(tools, worker, rest)
    return taken


def tell_recovered(tools: Tools, recovered: Iterable[Recovered]) -> None:
    """Log each recovered mail, and call listeners for those that may have been delivered."""
    for found in recovered:
        logger.warning(
            "A worker has lost a mail (%s)", found.why, extra={"action": "lease_ran_out", "ticket": found.id}
        )
        if found.why == UNSURE and tools.listeners.tell(("unsure",), tools.ticket(found.id)):
            tools.store.told([found.id])


def tell_unreadable(unreadable: Iterable[Recovered]) -> None:
    """Log each mail that is held because its row cannot be read."""
    for found in unreadable:
        logger.error("A mail is set aside: %s", found.why, extra={"action": "set_aside", "ticket": found.id})


# The steps.


def _take_over(tools: Tools, worker: WorkerInfo, rest: float) -> int:
    taken = 0
    while recovered := tools.store.take_over(worker.id, wait=rest):
        taken += len(recovered)
        tell_recovered(tools, recovered)
    if tools.store.resign(worker.id):
        liveness.forget(worker, tools.store.beside)
    if taken:
        logger.warning("A worker is gone, %s; mails taken over: %d", worker.id, taken,
                       extra={"action": "worker_gone"})  # fmt: skip
        tools.bell.ring()
    return taken
