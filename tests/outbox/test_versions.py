"""The tables of a version do not change: other tables are another version, by an upgrade script or in a new era."""

from __future__ import annotations

import hashlib

import pytest

from courriel.outbox.store.postgres import server as postgres_server
from courriel.outbox.store.sql.statements import script
from courriel.outbox.store.sql.versions import FIRST_VERSION
from courriel.outbox.store.sqlite import tables as sqlite_tables

TABLES = {
    ("sqlite", 100): "3405188723aa0b06",
    ("postgres", 100): "bf7effa3ef4d466b",
    ("bounces/sqlite_101", 101): "71a4e7dfe4372eef",
    ("bounces/postgres_101", 101): "a6aa00c1a163f99a",
}
"""Digest of what each script of an engine says, without its comments and blanks."""


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_other_tables_are_another_version(engine: str) -> None:
    assert f"({FIRST_VERSION});" in _said(engine)
    assert _digest(engine) == TABLES[engine, FIRST_VERSION]


@pytest.mark.parametrize("upgrades", [sqlite_tables.UPGRADES, postgres_server.UPGRADES])
def test_an_upgrade_does_not_change_once_it_is_there(upgrades: tuple[str, ...]) -> None:
    for version, name in enumerate(upgrades, FIRST_VERSION + 1):
        assert _digest(name) == TABLES[name, version]


def _said(name: str) -> list[str]:
    return " ".join(line.partition("--")[0] for line in script(name).splitlines()).split()


def _digest(name: str) -> str:
    return hashlib.sha256(" ".join(_said(name)).encode()).hexdigest()[:16]
