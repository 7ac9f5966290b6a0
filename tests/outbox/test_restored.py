"""An outbox in PostgreSQL whose tables are emptied, made anew or restored under the programs that use it."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from courriel import Outbox, Sandbox, State, errors
from outbox.conftest import message, postgres, postgres_server
from servers.postgres import Postgres

__all__ = ["postgres", "postgres_server"]

pytestmark = pytest.mark.acceptance


def _truncated(url: str) -> None:
    _say(url, "TRUNCATE outbox_mail, outbox_body, outbox_lane, outbox_count, outbox_slot, outbox_worker, outbox_staged")


def _lanes_deleted(url: str) -> None:
    _say(url, "DELETE FROM outbox_mail; DELETE FROM outbox_lane")


def _made_anew(url: str) -> None:
    """As by `pg_restore --clean`: the same tables with other numbers."""
    _dropped(url)
    Outbox(url).close()


def _dropped(url: str) -> None:
    _say(url, "DROP OWNED BY current_user CASCADE")


def _say(url: str, script: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in script.split(";"):
            connection.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("fate", [_truncated, _lanes_deleted, _made_anew])
@pytest.mark.parametrize("several", [False, True])
def test_the_next_put_works(postgres: Postgres, sandbox: Sandbox, fate: Callable[[str], None], several: bool) -> None:
    url = postgres.url(postgres.new_database())
    with Outbox(url) as outbox:
        for number in range(8):  # each statement prepared, on a connection that is kept
            outbox.put(message(number), via=sandbox.url, key=f"k{number}")
        outbox.run_once()
        fate(url)

        puts = [message(20), message(21)] if several else [message(20)]
        tickets = outbox.put_many(puts, via=sandbox.url, keys=[f"k{n}" for n in range(len(puts))])

        assert [ticket.status for ticket in tickets] == [State.READY] * len(puts)
        assert not any(ticket.existed for ticket in tickets)
        assert outbox.run_once() == len(puts)
        assert [ticket.status for ticket in tickets] == [State.SENT] * len(puts)


@pytest.mark.parametrize("fate", [_truncated, _lanes_deleted, _made_anew])
def test_a_put_in_the_transaction_of_the_caller_works(
    postgres: Postgres, sandbox: Sandbox, fate: Callable[[str], None]
) -> None:
    url = postgres.url(postgres.new_database())
    with Outbox(url) as outbox:
        outbox.put(message(1), via=sandbox.url)
        fate(url)

        with psycopg.connect(url) as connection:
            ticket = outbox.put(message(2), via=sandbox.url, conn=connection)

        assert outbox.run_once() == 1
        assert ticket.status is State.SENT


@pytest.mark.parametrize("fate", [_truncated, _lanes_deleted, _made_anew])
def test_a_worker_goes_on(postgres: Postgres, sandbox: Sandbox, fate: Callable[[str], None]) -> None:
    url = postgres.url(postgres.new_database())
    with Outbox(url) as outbox, Outbox(url) as other, outbox.worker():
        outbox.put(message(1), via=sandbox.url).wait(20)
        fate(url)
        other.put(message(2), via=sandbox.url).wait(20)

    assert [letter.subject for letter in sandbox.letters] == ["Number 1", "Number 2"]


def test_without_tables_it_is_an_error_of_ours(postgres: Postgres, sandbox: Sandbox) -> None:
    url = postgres.url(postgres.new_database())
    with Outbox(url) as outbox:
        outbox.put(message(1), via=sandbox.url)
        _dropped(url)

        for act in (
            lambda: outbox.put(message(2), via=sandbox.url),
            lambda: outbox.put_many([message(2), message(3)], via=sandbox.url),
            outbox.run_once,
            outbox.stats,
            lambda: list(outbox.list()),
        ):
            with pytest.raises(errors.OutboxError, match="there is no outbox there any more"):
                act()

        Outbox(url).close()
        assert outbox.put(message(4), via=sandbox.url).status is State.READY


def test_a_database_that_was_dropped_and_made_again(postgres: Postgres, sandbox: Sandbox) -> None:
    name = postgres.new_database()
    url = postgres.url(name)
    with Outbox(url) as outbox:
        outbox.put(message(1), via=sandbox.url)
        postgres.drop(name)
        with pytest.raises(errors.OutboxError):
            outbox.put(message(2), via=sandbox.url)
        postgres.make_again(name)
        with pytest.raises(errors.OutboxError, match="there is no outbox there any more"):
            outbox.put(message(2), via=sandbox.url)
        Outbox(url).close()

        ticket = outbox.put(message(3), via=sandbox.url)

        assert outbox.run_once() == 1
        assert ticket.status is State.SENT
