"""The outbox on days when the database fails: what Django knows of its connection afterwards."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import close_old_connections, connection, transaction

from courriel import errors
from courriel.integrations.django.queueing.databases import place_of
from courriel.integrations.django.testing import clear_queued, queued

pytestmark = pytest.mark.django_db(transaction=True)

IS_SQLITE = os.environ.get("SHOP_DATABASE") != "postgresql"
postgresql = pytest.mark.skipif(IS_SQLITE, reason="a file has no server that closes connections")


@pytest.fixture(autouse=True)
def nothing_left(transactional_db: Any, mailer: Any) -> Any:
    mailer(url="null:", outbox=True)
    yield
    close_old_connections()
    clear_queued()


def message() -> EmailMessage:
    return EmailMessage("Invoice 42", "Hello.", "ada@example.org", ["bob@example.org"])


def close_by_the_server() -> None:
    """Let the server close Django's connection, as a restart or a firewall does."""
    import psycopg

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    with psycopg.connect(place_of("default"), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [process])


@postgresql
@pytest.mark.parametrize("act", ["put", "look"])
def test_a_connection_that_the_server_closed_is_replaced_for_the_next_request(act: str) -> None:
    early = message()
    early.send()
    connection.close_at = None  # as with CONN_MAX_AGE = None
    close_by_the_server()
    with pytest.raises(errors.OutboxError):
        message().send() if act == "put" else early.courriel.ticket.info

    close_old_connections()  # what Django does between two requests

    assert message().send() == 1
    assert early.courriel.status == "ready"


@postgresql
def test_a_block_whose_connection_is_gone_is_rolled_back_also_where_the_error_is_caught() -> None:
    with transaction.atomic():
        close_by_the_server()
        with pytest.raises(errors.OutboxError):
            message().send()
        with pytest.raises(transaction.TransactionManagementError):
            message().send()

    assert queued() == []


def test_a_mistake_of_the_program_leaves_the_block_as_it_is() -> None:
    one, wrong = message(), message()
    wrong.courriel_key = "a\nb"

    with transaction.atomic():
        with pytest.raises(errors.UsageError):
            wrong.send()
        one.send()

    assert one.courriel.status == "ready"
