"""Every engine in turn: what is true of one store is true of each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from courriel import Message, Outbox, Sandbox
from courriel._dataclass import replace
from courriel.outbox.store.base import Store
from courriel.outbox.store.chunks import in_chunks
from courriel.outbox.store.jobs import Job, NewMail, Settlement
from courriel.outbox.store.postgres.store import PostgresStore
from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.store.states import OnUnsure, State
from servers.fixtures import pgbouncer, postgres, postgres_server
from servers.postgres import Postgres

__all__ = ["pgbouncer", "postgres", "postgres_server"]

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.acceptance)]

_numbers = count(1)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where an empty outbox is, as `Outbox` is told it."""
    if engine == "sqlite":
        return str(tmp_path / "outbox.db")
    postgres: Postgres = request.getfixturevalue("postgres")
    # Tables that other tests have used, unless the order in which rows lie on the disk is looked at.
    fresh = request.node.get_closest_marker("fresh_tables")
    return postgres.url(postgres.new_database() if fresh else postgres.new_outbox())


@pytest.fixture
def open_store(engine: str, place: str) -> Iterator[Callable[[], Store]]:
    """Opens the same store, as often as there are workers."""
    opened: list[Store] = []

    def open_store() -> Store:
        opened.append(SqliteStore(place) if engine == "sqlite" else PostgresStore(place))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def outbox(place: str) -> Iterator[Outbox]:
    with Outbox(place) as outbox:
        yield outbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(keep=10_000) as sandbox:
        yield sandbox


def each_time(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> threading.Semaphore:
    """A semaphore that counts how often this method has returned: acquire it to wait for the next time."""
    returned, real = threading.Semaphore(0), getattr(owner, name)

    def counted(*given: object, **named: object) -> object:
        try:
            return real(*given, **named)
        finally:
            returned.release()

    monkeypatch.setattr(owner, name, counted)
    return returned


def everything_stored(place: str) -> bytes:
    """Whatever an outbox has written anywhere, with the names of its columns."""
    if "://" not in place:
        return b"".join(path.read_bytes() for path in Path(place).parent.iterdir() if path.is_file())
    with psycopg.connect(place) as connection:
        found = connection.execute("SELECT database_to_xml(true, false, '')::text").fetchone()
    assert found
    return str(found[0]).encode()


def new_mail(content: bytes = b"Subject: x\r\n\r\nHello.\r\n", **changes: object) -> NewMail:
    mail = NewMail(
        id=uuid4().hex,
        key=None,
        lane="billing",
        priority=1,
        delay=0,
        lifetime=3600,
        on_unsure=OnUnsure.RESEND,
        message_id=f"<{next(_numbers)}@example.org>",
        sender="ada@example.org",
        recipients=("bob@example.org",),
        options={},
        size=len(content),
        chunks=in_chunks([content]),
    )
    return replace(mail, **changes)


def settled(job: Job, state: State = State.SENT, **changes: object) -> Settlement:
    words = dict.fromkeys(job.recipients, (250, "2.0.0", "ok", 1.0))
    return replace(Settlement(job.id, job.token, state, (), words), **changes)


def claim(store: Store, most: int = 100, lane: str = "billing", lease: float = 60.0) -> tuple[Job, ...]:
    return store.claim(lane, most, lease=lease, holder="here:1").jobs


def message(number: int = 1, to: str | list[str] = "bob@example.org", text: str = "Hello.") -> Message:
    return Message(sender="ada@example.org", to=to, subject=f"Number {number}", text=text)
