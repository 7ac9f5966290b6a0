"""The tables of a version do not change: other tables are another version, by an upgrade script or in a new era."""

from __future__ import annotations

import hashlib

import pytest

from courriel.outbox.store.sql.statements import script
from courriel.outbox.store.sql.versions import FIRST_VERSION

TABLES = {("sqlite", 100): "3405188723aa0b06", ("postgres", 100): "bf7effa3ef4d466b"}
"""Digest of what the first script of an engine says, without its comments and blanks."""


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_other_tables_are_another_version(engine: str) -> None:
    said = " ".join(line.partition("--")[0] for line in script(engine).splitlines()).split()

    assert f"({FIRST_VERSION});" in said
    assert hashlib.sha256(" ".join(said).encode()).hexdigest()[:16] == TABLES[engine, FIRST_VERSION]
