"""Takeover of mails of dead workers, and its logging."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from courriel.network.careful_log import CarefulLogger
from courriel.outbox.store.facts import WorkerInfo
from courriel.outbox.store.jobs import Recovered
from courriel.outbox.store.states import POISON, UNSURE, State
from courriel.outbox.work import liveness
from courriel.outbox.work.liveness import Life

if TYPE_CHECKING:
    from courriel.outbox.listeners import Event
    from courriel.outbox.work.tools import Tools

logger = CarefulLogger("courriel.outbox")

REST = 60.0
"""Seconds before `confirm` is asked about an unsure mail: it takes a while until a mail appears in a folder."""


Tell: TypeAlias = "Callable[[Event, str], None]"
"""Has listeners called for an event of a mail, by its id, without waiting for them."""


def take_over(tools: Tools, tell: Tell, *, rest: float) -> int:
    """Give back the mails of every dead worker, and return how many; unsure ones become due in `rest` seconds.

    Raises OutboxError.
    """
    store, taken = tools.store, 0
    for worker in store.workers():
        if liveness.life_of(worker, store.beside) is Life.GONE:
            taken += _take_over(tools, tell, worker, rest)
    return taken


def tell_recovered(recovered: Iterable[Recovered], tell: Tell) -> None:
    """Log each recovered mail, and have listeners called for those that may have been delivered."""
    for found in recovered:
        logger.warning(_told(found), extra={"action": "lease_ran_out", "ticket": found.id})
        if found.why == UNSURE:
            tell("unsure", found.id)


def tell_unreadable(unreadable: Iterable[Recovered]) -> None:
    """Log each mail that is held because its row cannot be read."""
    for found in unreadable:
        logger.error("A mail is set aside: %s", found.why, extra={"action": "set_aside", "ticket": found.id})


# The steps.


def _told(found: Recovered) -> str:
    """Log line for a mail whose worker is gone, by its new state and reason."""
    if found.why == POISON:
        return "A mail is held: five workers in a row were gone while they had it"
    if found.why != UNSURE:
        return "A mail goes back to the queue: its worker is gone, and has not sent it"
    if found.state is State.HELD:
        return "A mail may have arrived: its worker is gone, and it is held until a person decides"
    return "A mail may have arrived: its worker is gone, and it will be sent again"


def _take_over(tools: Tools, tell: Tell, worker: WorkerInfo, rest: float) -> int:
    taken = 0
    while recovered := tools.store.take_over(worker.id, wait=rest):
        taken += len(recovered)
        tell_recovered(recovered, tell)
    if tools.store.resign(worker.id):
        liveness.forget(worker, tools.store.beside)
    if taken:
        logger.warning("A worker is gone, %s; mails taken over: %d", worker.id, taken,
                       extra={"action": "worker_gone"})  # fmt: skip
        tools.bell.ring()
    return taken
