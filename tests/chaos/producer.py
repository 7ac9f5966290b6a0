"""
A program that puts mail, and notes what it was promised, as a shop would: the note is on the disk after the promise.

    python producer.py PLACE FOLDER NAME SEED LANES...

Killed and started again it goes on with the mail that it has no note of, and so repeats the call that was cut off.
"""

from __future__ import annotations

import signal
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from chaos.ledger import Ledger, facts
from chaos.mails import Planned, planned
from courriel import Outbox, errors

PACE = 0.004
"""Seconds between two mails."""
MANY = 100
"""Mails that are planned together; a third of them is of one lane, and put in one call."""


class Producer:
    """Puts one mail after the other, and each until it knows that it is kept."""

    def __init__(self, place: str, folder: Path, name: str, seed: int, lanes: list[str]) -> None:
        self._place, self._name, self._seed, self._lanes = place, name, seed, lanes
        noted = [int(fact["number"]) for fact in facts(folder, name)]
        self._number = max(noted, default=-1) + 1
        self._ledger = Ledger(folder / f"{name}.ledger", durable=True)
        self._outbox = self._opened()
        self.stopped = False

    def run(self) -> None:
        """Go on until told to stop."""
        while not self.stopped:
            mails = [self._next()]
            if mails[0].manner == "many":
                mails = [self._plan(mails[0].key, more) for more in range(MANY)]
            if mails[0].manner == "abandoned":
                self._abandon(mails[0])
            elif mails[0].manner != "committed" or not self._commit(mails[0]):
                self._put(mails)
            self._number += 1
            time.sleep(PACE)  # nothing to wait for: this is the pace at which it has mail
        self._outbox.close()

    # The steps.

    def _opened(self) -> Outbox:
        while True:
            try:
                return Outbox(self._place)
            except errors.OutboxError:
                time.sleep(0.05)  # the database is away

    def _next(self) -> Planned:
        return planned(self._seed, self._name, self._number, self._lanes)

    def _plan(self, key: str, more: int) -> Planned:
        return planned(self._seed, f"{key}-many", more, self._lanes)

    def _put(self, mails: list[Planned]) -> None:
        """All are on stable storage, or it is tried again: with its key each is kept once."""
        while True:
            try:
                if len(mails) == 1:
                    mail = mails[0]
                    wanted = {"priority": mail.priority, "on_unsure": mail.on_unsure}
                    tickets = [self._outbox.put(mail.message, via=mail.lane, key=mail.key, **wanted)]  # type: ignore[arg-type]
                else:
                    mails = [mail for mail in mails if mail.lane == mails[0].lane]
                    wanted = {"priority": mails[0].priority, "on_unsure": mails[0].on_unsure}
                    every = [mail.message for mail in mails]
                    keys = [mail.key for mail in mails]
                    tickets = list(self._outbox.put_many(every, via=mails[0].lane, keys=keys, **wanted))  # type: ignore[arg-type]
            except errors.OutboxError:
                time.sleep(0.02)  # away, full, or nobody knows
                self._reopen()
            else:
                for ticket, mail in zip(tickets, mails, strict=True):
                    self._note("acknowledged", mail, id=ticket.id, on_unsure=mails[0].on_unsure)
                return

    def _commit(self, mail: Planned) -> bool:
        """In a transaction of our own; whether it is known to be kept."""
        try:
            with closing(self._connection()) as connection:
                ticket = self._put_within(mail, connection)
                connection.commit()
        except Exception:  # noqa: BLE001 - of two databases, and all of them mean the same: nobody knows
            return False
        self._note("acknowledged", mail, id=ticket, on_unsure=mail.on_unsure)
        return True

    def _abandon(self, mail: Planned) -> None:
        """In a transaction that is never committed."""
        try:
            with closing(self._connection()) as connection:
                self._put_within(mail, connection)
                connection.rollback()
        except Exception:  # noqa: BLE001 - then it is not kept either
            pass
        self._note("abandoned", mail)

    def _connection(self):  # type: ignore[no-untyped-def]
        if "://" in self._place:
            import psycopg

            return psycopg.connect(self._place, prepare_threshold=None)
        return sqlite3.connect(self._place)

    def _put_within(self, mail: Planned, connection: object) -> str:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("BEGIN IMMEDIATE")
        wanted = {"priority": mail.priority, "on_unsure": mail.on_unsure}
        return self._outbox.put(mail.message, via=mail.lane, key=mail.key, conn=connection, **wanted).id  # type: ignore[arg-type]

    def _note(self, what: str, mail: Planned, **more: object) -> None:
        self._ledger.write(what, number=self._number, key=mail.key, lane=mail.lane, recipients=mail.recipients, **more)

    def _reopen(self) -> None:
        with suppress(errors.OutboxError):
            self._outbox.reopen()


def main(place: str, folder: str, name: str, seed: str, *lanes: str) -> None:
    producer = Producer(place, Path(folder), name, int(seed), list(lanes))

    def stop(*_: object) -> None:
        producer.stopped = True

    signal.signal(signal.SIGTERM, stop)
    producer.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
