"""PostgreSQL and PgBouncer do what the tests of the outbox rely on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from servers.postgres import PgBouncer, Postgres
from servers.postgres import postgres as running_postgres

pytestmark = pytest.mark.acceptance


@pytest.fixture
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
