"""PostgreSQL and PgBouncer do what the tests of the outbox rely on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from courriel import Message, Outbox
from servers.postgres import OWNER, PgBouncer, Postgres
from servers.postgres import postgres as running_postgres

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """One that may be killed, beside that of the others."""
    with running_postgres() as running:
        yield running


def test_it_writes_to_the_disk_and_runs_as_nobody_special(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url(postgres.new_database())) as connection:
        settings = connection.execute(
            "SELECT current_setting('fsync'), current_setting('full_page_writes'),"
            " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
        ).fetchone()

    assert settings == ("on", "on", False)
    assert all(Path(f"/proc/{pid}").stat().st_uid != 0 for pid in postgres.daemon.members())


def test_every_database_is_an_empty_one(postgres: Postgres) -> None:
    first, second = postgres.new_database(), postgres.new_database()
    with psycopg.connect(postgres.url(first)) as connection:
        connection.execute("CREATE TABLE here (n int)")

    with psycopg.connect(postgres.url(second)) as connection:
        assert connection.execute("SELECT to_regclass('here')").fetchone() == (None,)


@pytest.mark.parametrize(
    "left",
    [
        "CREATE TABLE here (n int)",
        "CREATE SCHEMA here CREATE TABLE there (n int)",
        "CREATE FUNCTION here() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER ROLE mailer IN DATABASE {name} SET statement_timeout = '1ms'",
    ],
)
def test_a_database_that_a_test_gave_back_is_empty(own: Postgres, left: str) -> None:
    name = own.new_database()
    there = psycopg.connect(own.url(name), autocommit=True)
    there.execute(left.format(name=name).encode())
    there.execute("SELECT 1")

    assert own.new_database() != name
    own.take_back()
    again = {own.new_database(), own.new_database()}

    assert name in again
    with pytest.raises(psycopg.OperationalError):
        there.execute("SELECT 1")
    with psycopg.connect(own.url(name), autocommit=True) as line:
        assert line.execute("SELECT current_setting('statement_timeout')").fetchone() == ("0",)
        assert line.execute("SELECT count(*) FROM pg_class WHERE oid >= 16384").fetchone() == (0,)
        assert line.execute("SELECT to_regproc('here')").fetchone() == (None,)


def test_a_database_with_what_is_not_the_roles_own_is_given_to_nobody(own: Postgres) -> None:
    name = own.new_database()
    with psycopg.connect(own.url(name, user=OWNER), autocommit=True) as line:
        line.execute("CREATE TABLE here (n int)")
    own.take_back()

    assert own.new_database() != name


def test_an_outbox_that_a_test_gave_back_has_no_mails_and_is_another_one(own: Postgres) -> None:
    name = own.new_outbox()
    before = _contents(own.url(name))
    with Outbox(own.url(name)) as outbox:
        outbox.put(Message(sender="ada@example.org", to="bob@example.org", text="Hello"), via="null:", key="k")
        outbox.run_once()
        outbox.put(Message(sender="ada@example.org", to="bob@example.org", text="Again"), via="null:")
        outbox.suppressions.add("bob@example.org")
    assert _contents(own.url(name)) != before

    own.take_back()

    assert own.new_outbox() == name
    after = _contents(own.url(name))
    assert {table: len(rows) for table, rows in after.items()} == {table: len(rows) for table, rows in before.items()}
    assert {table for table in after if after[table] != before[table]} == {"outbox_version", "outbox_setting"}


@pytest.mark.parametrize(
    "changed",
    [
        "ALTER TABLE outbox_mail ADD COLUMN colour text",
        "DROP INDEX outbox_key",
        "ALTER TABLE outbox_body SET UNLOGGED",
        "ALTER TABLE outbox_mail DISABLE TRIGGER outbox_count_put",
        "DROP TABLE outbox_version",
        "ALTER ROLE mailer IN DATABASE {name} SET statement_timeout = '1s'",
        "INSERT INTO outbox_body SELECT 'm', n, sha512(n::text::bytea) FROM generate_series(1, 10000) AS n",
    ],
)
def test_an_outbox_that_a_test_has_changed_is_made_again(own: Postgres, changed: str) -> None:
    name = own.new_outbox()
    before = {table: len(rows) for table, rows in _contents(own.url(name)).items()}
    (made,) = _ask(own, name, "SELECT 'outbox_mail'::regclass::oid")
    _ask(own, name, changed.format(name=name))

    own.take_back()

    assert own.new_outbox() == name
    assert _ask(own, name, "SELECT 'outbox_mail'::regclass::oid") != (made,)
    assert {table: len(rows) for table, rows in _contents(own.url(name)).items()} == before


def _ask(server: Postgres, name: str, question: str) -> tuple[Any, ...]:
    with psycopg.connect(server.url(name), autocommit=True) as line:
        cursor = line.execute(question.encode())
        return tuple(cursor.fetchone() or ()) if cursor.description else ()


def _contents(url: str) -> dict[str, list[Any]]:
    with psycopg.connect(url, autocommit=True) as line:
        tables = line.execute("SELECT relname FROM pg_class WHERE oid >= 16384 AND relkind = 'r'").fetchall()
        return {table: line.execute(f"SELECT * FROM {table}".encode()).fetchall() for (table,) in tables}


def test_what_was_committed_is_there_after_it_was_killed(own: Postgres) -> None:
    url = own.url(own.new_database())
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    broken = psycopg.connect(url)

    own.kill()
    with pytest.raises(psycopg.OperationalError):
        broken.execute("SELECT 1")
    broken.close()
    own.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_pgbouncer_has_more_clients_than_sessions(postgres: Postgres, pgbouncer: PgBouncer) -> None:
    url = pgbouncer.url(postgres.new_database())
    with ExitStack() as opened:
        clients = [opened.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(8)]

        sessions = {client.execute("SELECT pg_backend_pid()").fetchone() for client in clients}

    assert len(sessions) <= 3
