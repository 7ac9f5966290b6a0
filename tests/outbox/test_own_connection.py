"""An outbox on a connection of the caller, and a worker in the file of an application (`shared`)."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from courriel import Message, Outbox, Sandbox, State, errors
from servers.postgres import Postgres

MESSAGE = Message(sender="ada@example.org", to="bob@example.org", subject="Invoice 42", text="Hello.")


def with_tables(connection: sqlite3.Connection) -> sqlite3.Connection:
    for version in (100, 101):
        for statement in Outbox.schema("sqlite", version):
            connection.execute(statement)
    connection.commit()
    return connection


@pytest.fixture(params=["delete", "wal"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An application's own file, with a journal and a version of its own."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute(f"PRAGMA journal_mode = {request.param}")
        connection.execute("PRAGMA user_version = 7")
        connection.execute("CREATE TABLE invoice (number INTEGER)")
        yield with_tables(connection)


def path_of(connection: sqlite3.Connection) -> Path:
    return Path(connection.execute("PRAGMA database_list").fetchone()[2])


def test_the_tables_are_those_that_an_outbox_makes(tmp_path: Path) -> None:
    asked = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
    Outbox(tmp_path / "outbox.db").close()
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as made, closing(sqlite3.connect(":memory:")) as ours:
        with_tables(ours)

        assert ours.execute(asked).fetchall() == made.execute(asked).fetchall()
        assert ours.execute("SELECT version FROM outbox_version").fetchall() == [(101,)]


@pytest.mark.parametrize(("engine", "version"), [("mysql", 100), ("sqlite", 99), ("sqlite", 102), ("sqlite", True)])
def test_an_unknown_schema_is_refused(engine: str, version: int) -> None:
    with pytest.raises(errors.UsageError, match="schema"):
        Outbox.schema(engine, version)  # type: ignore[arg-type]


def test_a_connection_without_tables_is_refused_and_gets_none() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        with pytest.raises(errors.OutboxError, match="no outbox"):
            Outbox(connection)

        assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []


def test_a_mail_is_put_within_the_transaction_of_the_caller(shop: sqlite3.Connection) -> None:
    outbox = Outbox(shop, elsewhere=True)

    shop.execute("INSERT INTO invoice VALUES (42)")
    ticket = outbox.put(MESSAGE, via="billing", key="invoice-42")
    assert ticket.status is State.READY
    with closing(sqlite3.connect(path_of(shop))) as other:
        assert other.execute("SELECT count(*) FROM outbox_mail").fetchone() == (0,)
    shop.rollback()

    assert list(outbox.list()) == []
    assert shop.execute("SELECT count(*) FROM invoice").fetchone() == (0,)


def test_outside_of_a_transaction_each_call_commits_on_a_connection_that_does() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        outbox = Outbox(with_tables(connection), elsewhere=True)
        ticket = outbox.put(MESSAGE, via="billing")

        assert not connection.in_transaction
        assert ticket.hold()
        assert ticket.status is State.HELD
        assert not connection.in_transaction


def test_without_autocommit_a_put_begins_the_callers_transaction(shop: sqlite3.Connection) -> None:
    Outbox(shop, elsewhere=True).put(MESSAGE, via="billing")

    assert shop.in_transaction


def test_a_put_that_fails_leaves_the_rest_of_the_transaction(shop: sqlite3.Connection) -> None:
    outbox = Outbox(shop, elsewhere=True)
    outbox.put(MESSAGE, via="billing", key="k")
    shop.execute("INSERT INTO invoice VALUES (42)")

    with pytest.raises(errors.KeyReused):
        outbox.put(_other(), via="billing", key="k")
    shop.commit()

    assert shop.execute("SELECT count(*) FROM invoice").fetchone() == (1,)
    assert len(list(outbox.list())) == 1


@pytest.mark.parametrize("begun", [True, False])
def test_a_write_that_breaks_off_takes_back_itself_alone(shop: sqlite3.Connection, begun: bool) -> None:
    shop.isolation_level = None
    shop.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON outbox_body BEGIN SELECT RAISE(ABORT, 'no room'); END")
    if begun:
        shop.execute("BEGIN")
    shop.execute("INSERT INTO invoice VALUES (42)")
    outbox = Outbox(shop, elsewhere=True)

    with pytest.raises(errors.OutboxError, match="no room"):
        outbox.put(MESSAGE, via="billing")

    assert shop.in_transaction is begun
    assert list(outbox.list()) == []
    assert shop.execute("SELECT count(*) FROM invoice").fetchone() == (1,)


def _other() -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", subject="Other", text="Hello.")


def test_rows_of_another_kind_do_not_matter(shop: sqlite3.Connection) -> None:
    shop.row_factory = lambda cursor, row: {
        about[0]: value for about, value in zip(cursor.description, row, strict=True)
    }
    outbox = Outbox(shop, elsewhere=True)

    ticket = outbox.put(MESSAGE, via="billing", key="k")

    assert outbox.put(MESSAGE, via="billing", key="k").id == ticket.id
    assert outbox.get(key="k").info.recipients == ("bob@example.org",)
    assert outbox.stats()[0].mails == 1


def test_there_is_no_worker_on_a_connection(shop: sqlite3.Connection) -> None:
    outbox = Outbox(shop, elsewhere=True)

    with pytest.raises(errors.UsageError, match="worker"):
        outbox.worker().start()
    for refused in (outbox.check, outbox.compact):
        with pytest.raises(errors.UsageError, match="worker"):
            refused()


def test_what_is_no_connection_is_refused() -> None:
    with pytest.raises(errors.UsageError, match="connection of yours"):
        Outbox(object())


# The file of an application.


def test_a_worker_leaves_the_file_of_an_application_as_it_is(shop: sqlite3.Connection) -> None:
    path = path_of(shop)
    path.chmod(0o664)
    before = shop.execute("PRAGMA journal_mode").fetchone()
    Outbox(shop, elsewhere=True).put(MESSAGE, via="billing")
    shop.commit()
    shop.close()

    with Sandbox() as sandbox, Outbox(path, ways={"billing": sandbox.url}, shared=True) as outbox:
        assert outbox.run_once() == 1
        assert sandbox.wait_for().recipients == ("bob@example.org",)

    with closing(sqlite3.connect(path)) as again:
        assert again.execute("PRAGMA journal_mode").fetchone() == before
        assert again.execute("PRAGMA user_version").fetchone() == (7,)
        assert again.execute("SELECT opened FROM outbox_version").fetchone() == (0,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def test_a_shared_file_without_tables_gets_none(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as shop:
        shop.execute("CREATE TABLE invoice (number INTEGER)")
        shop.commit()

        with pytest.raises(errors.OutboxError):
            Outbox(path, shared=True)

        assert shop.execute("SELECT name FROM sqlite_master").fetchall() == [("invoice",)]
    with pytest.raises(errors.OutboxError):
        Outbox(tmp_path / "missing.db", shared=True)
    assert not (tmp_path / "missing.db").exists()


@pytest.mark.parametrize("shop", ["delete"], indirect=True)
def test_a_reader_of_the_application_makes_no_put_uncertain(
    shop: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a rollback journal a commit waits for readers; one that stays too long is no failure of the disk."""
    monkeypatch.setattr("courriel.outbox.store.sqlite.connecting.PATIENCE", 0.2)
    shop.executemany("INSERT INTO invoice VALUES (?)", [(number,) for number in range(3000)])
    shop.commit()
    with Outbox(path_of(shop), elsewhere=True, shared=True) as outbox:
        reading = shop.execute("SELECT * FROM invoice")
        reading.fetchone()

        with pytest.raises(errors.OutboxError, match="locked") as refused:
            outbox.put(MESSAGE, via="billing")
        reading.close()
        ticket = outbox.put(MESSAGE, via="billing")

        assert not isinstance(refused.value, errors.OutboxUncertain)
        assert [info.id for info in outbox.list()] == [ticket.id]


# PostgreSQL.


@pytest.fixture
def postgres_shop(postgres: Postgres) -> Iterator[psycopg.Connection]:
    name = postgres.new_database()
    with psycopg.connect(postgres.url(name)) as connection:
        for statement in Outbox.schema("postgresql"):
            connection.execute(statement.encode())
        connection.execute("CREATE TABLE invoice (number integer)")
        connection.commit()
        yield connection
        connection.rollback()
    postgres.drop(name)


@pytest.mark.acceptance
@pytest.mark.parametrize("cursors", [psycopg.Cursor, psycopg.ClientCursor])
def test_a_mail_is_put_within_a_transaction_of_postgresql(
    postgres_shop: psycopg.Connection, cursors: type[psycopg.Cursor]
) -> None:
    postgres_shop.cursor_factory = cursors
    outbox = Outbox(postgres_shop, elsewhere=True)
    assert postgres_shop.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    settings = postgres_shop.execute("SELECT name, setting FROM pg_settings WHERE name !~ 'plpgsql'").fetchall()

    ticket = outbox.put(MESSAGE, via="billing", key="k")
    assert outbox.put(MESSAGE, via="billing", key="k").id == ticket.id
    with pytest.raises(errors.KeyReused):
        outbox.put(_other(), via="billing", key="k")
    postgres_shop.execute("INSERT INTO invoice VALUES (42)")

    assert (ticket.status, ticket.info.recipients) == (State.READY, ("bob@example.org",))
    assert postgres_shop.execute("SELECT name, setting FROM pg_settings WHERE name !~ 'plpgsql'").fetchall() == settings
    postgres_shop.rollback()
    assert list(outbox.list()) == []


@pytest.mark.acceptance
def test_outside_of_a_transaction_postgresql_commits_each_call(
    postgres_shop: psycopg.Connection, postgres: Postgres
) -> None:
    postgres_shop.rollback()
    postgres_shop.autocommit = True
    outbox = Outbox(postgres_shop, elsewhere=True)
    outbox.put(MESSAGE, via="billing")
    assert postgres_shop.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    with Sandbox() as sandbox:
        url = postgres.url(postgres_shop.info.dbname)
        with Outbox(url, ways={"billing": sandbox.url}, create=False) as working:
            assert working.run_once() == 1
    with pytest.raises(errors.UsageError, match="worker"):
        outbox.worker().start()


@pytest.mark.acceptance
def test_a_failed_transaction_of_postgresql_is_told(postgres_shop: psycopg.Connection) -> None:
    outbox = Outbox(postgres_shop, elsewhere=True)
    with pytest.raises(psycopg.errors.UndefinedTable):
        postgres_shop.execute("SELECT * FROM nowhere")

    with pytest.raises(errors.UsageError, match="failed"):
        outbox.put(MESSAGE, via="billing")
    postgres_shop.rollback()


@pytest.mark.acceptance
def test_a_database_without_tables_is_refused_and_gets_none(postgres: Postgres) -> None:
    name = postgres.new_database()
    with psycopg.connect(postgres.url(name)) as connection:
        with pytest.raises(errors.OutboxError, match="no outbox"):
            Outbox(connection)
        assert connection.execute("SELECT to_regclass('outbox_mail')").fetchone() == (None,)
    postgres.drop(name)
