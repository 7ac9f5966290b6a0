"""What it takes to send by an outbox: the time of the same mails without one, and the memory of many that wait."""

from __future__ import annotations

import contextlib
import os
import smtplib
import sqlite3
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

from courriel import Message, Outbox, ReadyMessage, Security, Server, SmtpSession
from courriel.outbox.putting.encoding import new_id
from courriel.outbox.store.jobs import NewMail
from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.store.states import OnUnsure
from courriel.wire.mime.build import content_of

from .bare_drain import seconds_of_bare
from .limits import peak_of
from .measuring import Ground, Limit, Pace, Result, Spread

SLOWER = 1.8  # times the time of a session that keeps nothing
GROWING = 1.0  # megabytes for a hundred times as many
AT_LEAST = "bare sqlite3 and the session: our tables and statements, as many marked ahead"
THEIR_WAY = "a row locked while smtplib sends, as django-mailer does it"
TEXT = ("x" * 70 + "\n") * 13
ONE_OF_MANY = """
from courriel import Outbox
with Outbox({place!r}) as outbox:
    outbox.run_once()
    assert outbox.stats()
"""


def draining(ground: Ground, throttle: Pace) -> list[Result]:
    """One worker and a PIPELINING sink; then a worker beside few and many that wait for their time."""
    rounds, mails = (3, 400) if throttle.quick else (9, 2_000)
    ready = [ReadyMessage.parse(bytes(_message(number))) for number in range(mails)]
    with pinned(ground.core), ground.sink("pipelining") as sink:
        port = getattr(sink, "port", 0)
        taken, bare, locking = [], [], []
        for _ in range(rounds):
            alone = _seconds_of_session(ready, port)
            taken.append(_seconds_of_worker(ready, port) / alone)
            bare.append(seconds_of_bare(ready, port) / alone)
            locking.append(_seconds_of_row_locks(ready, port) / alone)
    # With ten thousand the cache of SQLite is full, 2 MB for each of two connections; beyond that nothing may grow.
    few, many = 10_000, 30_000 if throttle.quick else 100_000
    grown = (_peak_beside(many, ground) - _peak_beside(few, ground)) / 1000
    what = f"SQLite, one worker, {mails:,} mails, PIPELINING"
    return [
        Limit("outbox, drain", what, Spread.of(taken), "times one session's time", SLOWER),
        Limit("outbox, drain", f"{AT_LEAST}, {mails:,} mails", Spread.of(bare), "times one session's time", None),
        Limit("outbox, drain", f"{THEIR_WAY}, {mails:,} mails", Spread.of(locking), "times one session's time", None),
        Limit("outbox, memory", f"{many:,} mails waiting, over {few:,}", Spread.of([grown]), "MB", GROWING),
    ]


# The steps.


@contextlib.contextmanager
def pinned(core: int | None) -> Generator[None]:
    """This process on the core of the sink: across two cores the same loop takes as long as the system pleases."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _message(number: int) -> bytes:
    message = Message(sender="bench@example.org", to="someone@example.org", subject=f"Mail {number}", text=TEXT)
    return bytes(content_of(message))


def _seconds_of_session(messages: Sequence[ReadyMessage], port: int) -> float:
    with SmtpSession(Server("127.0.0.1", port, Security.NONE)) as session:
        began = time.perf_counter()
        for result in session.send_many(messages):
            assert result.accepted
        return time.perf_counter() - began


def _seconds_of_worker(messages: Sequence[ReadyMessage], port: int) -> float:
    with tempfile.TemporaryDirectory() as folder, Outbox(Path(folder) / "outbox.db") as outbox:
        tickets = outbox.put_many(messages, via=f"smtp://127.0.0.1:{port}")
        began = time.perf_counter()
        while outbox.run_once():
            pass
        seconds = time.perf_counter() - began
        assert all(ticket.status.name == "SENT" for ticket in tickets)
        return seconds


def _seconds_of_row_locks(messages: Sequence[ReadyMessage], port: int) -> float:
    """A row is locked while its mail is sent, and deleted when it has left: one transaction for each."""
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(Path(folder) / "queue.db")) as database:
        database.isolation_level = None
        database.execute("CREATE TABLE mail (id INTEGER PRIMARY KEY, content BLOB NOT NULL)")
        rows = [(bytes(each.content),) for each in messages]
        database.executemany("INSERT INTO mail (content) VALUES (?)", rows)
        began = time.perf_counter()
        with smtplib.SMTP("127.0.0.1", port, local_hostname="bench") as line:
            for _ in messages:
                database.execute("BEGIN IMMEDIATE")
                ident, content = database.execute("SELECT id, content FROM mail ORDER BY id LIMIT 1").fetchone()
                line.sendmail("bench@example.org", ["someone@example.org"], content)
                database.execute("DELETE FROM mail WHERE id = ?", (ident,))
                database.execute("COMMIT")
        return time.perf_counter() - began


def _peak_beside(waiting: int, ground: Ground) -> float:
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "outbox.db")
        store = SqliteStore(place)
        for _ in range(0, waiting, 1000):
            store.put([_waiting() for _ in range(1000)])
        store.close()
        return peak_of(ONE_OF_MANY.format(place=place), ground)


def _waiting() -> NewMail:
    content = TEXT.encode()
    return NewMail(
        id=new_id(), key=None, lane="smtp://127.0.0.1:1", priority=1, delay=86_400, lifetime=7 * 86_400,
        on_unsure=OnUnsure.RESEND, message_id="<1@example.org>", sender="ada@example.org",
        recipients=("bob@example.org",), options={}, size=len(content), chunks=(content,),
    )  # fmt: skip
