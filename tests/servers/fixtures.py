"""The real servers as pytest fixtures: one of each for a whole run, started by the first test that asks.

A conftest.py imports those it wants by name. Each process of pytest-xdist starts its own; it takes a tenth of a second.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from .authority import Authority
from .cyrus import Cyrus
from .cyrus import cyrus as running_cyrus
from .daemon import private_folder
from .dovecot import Dovecot
from .dovecot import dovecot as running_dovecot
from .names import Names
from .names import names as running_names
from .postfix import Postfix
from .postfix import postfix as running_postfix
from .postgres import PgBouncer, Postgres
from .postgres import pgbouncer as running_pgbouncer
from .postgres import postgres as running_postgres

__all__ = [
    "authority",
    "cyrus",
    "dovecot",
    "names",
    "pgbouncer",
    "postfix",
    "postfix_server",
    "postgres",
    "postgres_server",
]


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """The certificate authority that the servers share."""
    folder = private_folder("authority")
    yield Authority.in_folder(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def dovecot(authority: Authority) -> Iterator[Dovecot]:
    """Dovecot with accounts, whose mailboxes Postfix fills."""
    with running_dovecot(authority) as running:
        yield running


@pytest.fixture(scope="session")
def cyrus(authority: Authority) -> Iterator[Cyrus]:
    """Cyrus, with two accounts and an admin."""
    with running_cyrus(authority) as running:
        yield running


@pytest.fixture(scope="session")
def postfix_server(dovecot: Dovecot) -> Iterator[Postfix]:
    """Postfix, whatever lies in its mailboxes."""
    with running_postfix(dovecot) as running:
        yield running


@pytest.fixture
def postfix(postfix_server: Postfix) -> Postfix:
    """Postfix, with empty mailboxes and nothing on its way."""
    postfix_server.empty()
    return postfix_server


@pytest.fixture(scope="session")
def names() -> Iterator[Names]:
    """Name servers with good zones and bad ones."""
    with running_names() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """PostgreSQL, with a role that may nothing but make tables in databases of its own."""
    with running_postgres() as running:
        yield running


@pytest.fixture
def postgres(postgres_server: Postgres) -> Iterator[Postgres]:
    """PostgreSQL; the databases that a test asks it for are its own until it ends."""
    yield postgres_server
    postgres_server.take_back()


@pytest.fixture(scope="session")
def pgbouncer(postgres_server: Postgres) -> Iterator[PgBouncer]:
    """PgBouncer before it, which gives each transaction another connection."""
    with running_pgbouncer(postgres_server) as running:
        yield running
