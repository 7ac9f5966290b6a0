"""
A worker process that is killed or stopped: what it finds of others' deaths is noted.

    python sender.py PLACE FOLDER NAME hours|moments WORKERS

One that is killed has leases of hours: nobody takes its mails over because they ran out. One that is stopped and goes
on has leases of moments, which are over when it wakes up.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from chaos.ledger import Ledger
from courriel import Outbox, errors
from courriel.outbox.store.jobs import Recovered
from courriel.outbox.work import lease_keeper, worker
from courriel.outbox.work.sending import batch
from inside import store_of

LEASES = {"hours": (7200.0, 7200.0), "moments": (1.0, 0.6)}
"""Seconds that a mail is leased for until it is marked, and that the lease of a mark outlives our own patience."""


def set_leases(manner: str) -> None:
    """Everything as it is, with other leases."""
    lease, margin = LEASES[manner]
    for name, value in {"LEASE": lease, "_MARGIN": margin, "_EXTEND": lease / 4}.items():
        known = [module for module in (worker, batch, lease_keeper) if hasattr(module, name)]
        assert known, f"{name} is called otherwise by now"
        for module in known:
            setattr(module, name, value)


def note_takeovers(outbox: Outbox, ledger: Ledger) -> None:
    """What is taken over, and which look at the others it belongs to."""
    store, look = store_of(outbox), lease_keeper.LeaseKeeper.take_over
    take_over = store.take_over
    looks = 0

    def noted_look(self: lease_keeper.LeaseKeeper) -> None:
        nonlocal looks
        looks += 1
        ledger.write("look", number=looks)
        look(self)
        ledger.write("looked", number=looks)

    def noted(id: str, *, wait: float) -> Sequence[Recovered]:  # noqa: A002 - its name
        recovered = take_over(id, wait=wait)
        if recovered:
            mails = [[each.id, each.why] for each in recovered]
            ledger.write("taken over", holder=id.partition("/")[0], look=looks, mails=mails)
        return recovered

    lease_keeper.LeaseKeeper.take_over = noted_look  # type: ignore[method-assign]
    store.take_over = noted  # type: ignore[method-assign]


def main(place: str, folder: str, name: str, manner: str, workers: str) -> None:
    logging.getLogger("courriel").setLevel(logging.CRITICAL)  # much is said of what is to be expected here
    set_leases(manner)
    ledger = Ledger(Path(folder) / f"{name}-{os.getpid()}.ledger")
    while True:
        try:
            outbox = Outbox(place)
            break
        except errors.OutboxError:
            time.sleep(0.05)  # the database is away
    with outbox:
        note_takeovers(outbox, ledger)
        ledger.write("begun", sender=os.getpid())
        left = outbox.work(workers=int(workers), grace=20)
        ledger.write("ended", left=left)


if __name__ == "__main__":
    main(*sys.argv[1:])
