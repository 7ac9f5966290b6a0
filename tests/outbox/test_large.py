"""Large mails: in pieces on the way in and on the way out, and nobody waits for them."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from courriel import AsyncOutbox, Message, Outbox, errors
from courriel.outbox.store.base import Store
from courriel.outbox.store.chunks import CHUNK, LARGE, LazyChunks, in_chunks
from courriel.outbox.store.facts import Query
from courriel.outbox.store.jobs import NewMail
from courriel.outbox.store.postgres.store import PostgresStore
from courriel.outbox.store.sql.store import SqlStore
from courriel.outbox.store.states import State
from inside import read_in, store_of, write_in
from outbox.conftest import claim, new_mail

PIECE = bytes(range(256)) * (CHUNK // 256)


def large(pieces: object = None, size: int = 2 * LARGE + 5, **changes: object) -> NewMail:
    """A mail of which no more than a piece stands in memory."""
    return new_mail(size=size, chunks=pieces if pieces is not None else Large(size), **changes)


class Large:
    """A content that is made while it is read."""

    def __init__(self, size: int, at: Callable[[int], object] = lambda number: None) -> None:
        self.size, self.at = size, at

    def __iter__(self) -> Iterator[bytes]:
        for number, start in enumerate(range(0, self.size, CHUNK)):
            self.at(number)
            yield PIECE[: self.size - start]


def rows_of(store: Store, table: str) -> int:
    assert isinstance(store, SqlStore)
    return int(read_in(store, lambda line: line.execute(f"SELECT count(*) FROM {table}").fetchone())[0])


@pytest.mark.parametrize("sizes", [[], [1], [CHUNK], [CHUNK + 1], [CHUNK - 1, 2], [3 * CHUNK + 7, 5], [7] * 100])
def test_chunks_are_of_one_size_and_nothing_is_lost(sizes: list[int]) -> None:
    pieces = [os.urandom(size) for size in sizes]

    chunks = in_chunks(pieces)

    assert b"".join(chunks) == b"".join(pieces)
    assert all(len(chunk) == CHUNK for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks)


def test_a_large_content_is_stored_in_pieces_and_is_one_mail(store: Store) -> None:
    mail = large(key="large")

    assert store.put([mail, new_mail(b"small")])[0] == mail.id
    assert store.put([large(key="large")]) == [mail.id]

    assert b"".join(store.body(mail.id)) == b"".join(mail.chunks)
    assert rows_of(store, "outbox_body") == 9 + 1
    assert rows_of(store, "outbox_staged") == 0
    (job, _) = claim(store)
    assert job.body is None


def test_nobody_waits_for_a_large_content(store: Store, open_store: Callable[[], Store]) -> None:
    """It is put by one, and another one, in this process or another, puts and claims meanwhile."""
    begun, may_end = Event(), Event()

    def wait(number: int) -> None:
        if number == 6:
            begun.set()
            assert may_end.wait(30)

    mail = large(Large(2 * LARGE, wait))
    thread = Thread(target=store.put, args=([mail],))
    thread.start()
    assert begun.wait(30)

    store.put([new_mail(b"here")])
    open_store().put([new_mail(b"elsewhere")])
    assert len(claim(store)) == 2
    assert store.find(id=mail.id) is None, "it is no mail before all of it is there"
    may_end.set()
    thread.join(30)

    assert b"".join(store.body(mail.id)) == b"".join(Large(2 * LARGE))


def test_a_large_content_that_breaks_leaves_nothing(store: Store) -> None:
    def fail(number: int) -> None:
        if number == 6:
            raise OSError("the file is gone")

    with pytest.raises(OSError, match="is gone"):
        store.put([large(Large(2 * LARGE, fail))])

    assert (rows_of(store, "outbox_body"), rows_of(store, "outbox_staged")) == (0, 0)
    assert list(store.read(Query())) == []


def test_a_large_content_that_changes_is_no_mail(store: Store) -> None:
    content = Large(2 * LARGE)

    with pytest.raises(errors.InvalidMessage, match="was changed meanwhile"):
        store.put([large(LazyChunks(content, 3 * LARGE), size=3 * LARGE)])

    assert rows_of(store, "outbox_body") == 0


def test_two_who_put_the_same_key_at_once_leave_one_content(store: Store, open_store: Callable[[], Store]) -> None:
    def put_it_first(number: int) -> None:
        if number == 5:
            open_store().put([large(key="k", id="first")])

    assert store.put([large(Large(2 * LARGE + 5, put_it_first), key="k", id="second")]) == ["first"]

    assert rows_of(store, "outbox_body") == 9
    assert rows_of(store, "outbox_staged") == 0


def test_what_a_dead_program_left_is_swept_up_after_an_hour(store: Store) -> None:
    assert isinstance(store, SqlStore)
    store._staging.stage(large(id="left"))
    store.prune(sent=0, failed=0, most=500)
    assert rows_of(store, "outbox_body") == 9, "it may be on its way"

    write_in(store, lambda line: line.execute("UPDATE outbox_staged SET begun = begun - 3601"))
    while store.prune(sent=0, failed=0, most=500).more:
        pass

    assert (rows_of(store, "outbox_body"), rows_of(store, "outbox_staged")) == (0, 0)


def test_what_was_swept_up_meanwhile_is_no_mail(store: Store) -> None:
    assert isinstance(store, SqlStore)

    def sweep(number: int) -> None:
        if number == 5:
            write_in(store, lambda line: line.execute("DELETE FROM outbox_staged"))

    with pytest.raises(errors.OutboxError, match="put it again"):
        store.put([large(Large(2 * LARGE, sweep))])

    assert list(store.read(Query())) == []


@pytest.mark.slow
def test_a_large_mail_is_read_and_exported_in_blocks(place: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.bin"
    file.write_bytes(os.urandom(2 * LARGE))
    message = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x").with_attachment(file)

    async def read() -> tuple[list[bytes], bytes]:
        async with AsyncOutbox(place) as outbox:
            ticket = await outbox.put(message, via="smtp://127.0.0.1:1")
            blocks = [block async for block in ticket.blocks()]
            await outbox.export(ticket.id, tmp_path / "mail.eml")
            return blocks, await ticket.content()

    blocks, content = asyncio.run(read())

    assert len(blocks) > 10
    assert max(map(len, blocks)) == CHUNK
    assert b"".join(blocks) == content == (tmp_path / "mail.eml").read_bytes()
    assert not (tmp_path / "mail.eml.part").exists()


def test_a_content_that_is_not_whole_is_said_to_be(outbox: Outbox, tmp_path: Path) -> None:
    (ident,) = store_of(outbox).put([large()])
    assert isinstance(store_of(outbox), SqlStore)
    write_in(store_of(outbox), lambda line: line.execute("DELETE FROM outbox_body WHERE seq = 2"))

    with pytest.raises(errors.InvalidMessage, match="is not whole"):
        outbox.get(ident).content()
    with pytest.raises(errors.InvalidMessage, match="is not whole"):
        outbox.export(ident, tmp_path / "mail.eml")
    assert not (tmp_path / "mail.eml").exists()


MEASURE = """
import json, resource, sys
from courriel import Message, Outbox

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

place, file = sys.argv[1:]
with Outbox(place, max_size=1 << 30) as outbox:
    message = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="x")
    outbox.put(message, via="smtp://127.0.0.1:1")
    idle = peak()
    ticket = outbox.put(message.with_attachment(file), via="smtp://127.0.0.1:1")
    put = peak()
    size = sum(map(len, ticket.blocks()))
    outbox.export(ticket.id, file + ".eml")
    print(json.dumps([put - idle, peak() - idle, size]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in kilobytes there")
def test_a_large_attachment_is_put_and_read_in_constant_memory(place: str, tmp_path: Path) -> None:
    file = tmp_path / "big.bin"
    with file.open("wb") as out:
        out.truncate(100 * LARGE)

    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, place, str(file)], check=True, capture_output=True, text=True, timeout=120
    )

    put, read, size = json.loads(ran.stdout)
    assert size > 130 * LARGE
    assert put < 32
    assert read < 32


def test_a_large_mail_is_put_in_the_caller_s_transaction_too(store: Store, place: str) -> None:
    mail = large()
    if isinstance(store, PostgresStore):
        with psycopg.connect(place) as connection:
            store.put([mail], connection)
    else:
        application = sqlite3.connect(place)
        store.put([mail], application)
        application.commit()
        application.close()

    assert b"".join(store.body(mail.id)) == b"".join(mail.chunks)
    assert rows_of(store, "outbox_staged") == 0
    info = store.find(id=mail.id)
    assert info
    assert info.state is State.READY
