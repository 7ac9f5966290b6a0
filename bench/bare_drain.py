"""What draining costs at least: our tables and statements by bare sqlite3, and one session, without a worker."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from courriel import Outbox, ReadyMessage, Security, Server, SmtpSession
from courriel.outbox.store.sql.statements import for_ids, for_rows, statements
from courriel.outbox.work.sending.ahead import MOST
from courriel.outbox.work.worker import BATCH

_LEASE = 600.0
_TOKEN = "bench"


def seconds_of_bare(messages: Sequence[ReadyMessage], port: int) -> float:
    """As many marked ahead as by a worker; results and marks by one commit, with fdatasync."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "outbox.db"
        with Outbox(place) as outbox:
            outbox.put_many(messages, via="smtp://127.0.0.1:1")
        with (
            closing(sqlite3.connect(place, isolation_level=None)) as database,
            SmtpSession(Server("127.0.0.1", port, Security.NONE)) as session,
        ):
            database.execute("PRAGMA synchronous = FULL")
            began = time.perf_counter()
            sent: list[str] = []
            ready = iter(messages)  # made again from their contents they would cost more than being sent
            for lot in _lots(database):
                _settle(database, sent)
                database.execute(for_ids("mark", len(lot)), (time.time(), _LEASE, *lot, _TOKEN, time.time())).fetchall()
                database.execute("COMMIT")
                results = list(session.send_many(islice(ready, len(lot))))
                assert all(result.accepted for result in results)
                sent = [ident for ident, content in lot.items() if content]
            _settle(database, sent)
            database.execute("COMMIT")
            return time.perf_counter() - began


# The steps.


def _lots(database: sqlite3.Connection) -> Iterator[dict[str, bytes]]:
    """Contents by id of as many mails as are marked together; a transaction is open."""
    (lane,) = database.execute("SELECT name FROM outbox_lane").fetchone()
    terms = {"token": _TOKEN, "lease": _LEASE, "holder": _TOKEN, "lane": lane, "prio": 1, "until": None, "most": BATCH}
    while True:
        database.execute("BEGIN IMMEDIATE")
        ids = [row[1] for row in database.execute(statements()["claim"], terms | {"now": time.time()}).fetchall()]
        if not ids:
            return
        asked = f"SELECT mail, chunk FROM outbox_body WHERE mail IN ({','.join('?' * len(ids))})"  # noqa: S608
        bodies = dict(database.execute(asked, ids).fetchall())
        for first in range(0, len(ids), MOST):
            if first:
                database.execute("BEGIN IMMEDIATE")
            yield {ident: bodies[ident] for ident in ids[first : first + MOST]}


def _settle(database: sqlite3.Connection, sent: Sequence[str]) -> None:
    if sent:
        now = time.time()
        statement, in_order, times = for_rows("settle", len(sent))
        values: list[object] = [now] * times
        for ident in sent:
            values += in_order(_result(ident, now))
        assert len(database.execute(statement, values).fetchall()) == len(sent)


def _result(ident: str, now: float) -> dict[str, object]:
    return {
        "id": ident, "token": _TOKEN, "state": 4, "results": f'{{"someone@example.org":[250,"2.0.0","ok",{now!r}]}}',
        "rcpts": "[]", "delay": 0.0, "why": "", "uncounted": 0, "unsure": 0, "news": 0,
    }  # fmt: skip
