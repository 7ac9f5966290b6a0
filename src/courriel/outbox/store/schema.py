"""Statements that make the tables of an outbox, for the migrations of an application that has it in its database."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from courriel import errors
from courriel.outbox.store.sql.statements import script
from courriel.outbox.store.sql.versions import FIRST_VERSION


def schema_of(engine: str, version: int) -> tuple[str, ...]:
    """Statements that make the tables of this version out of those before. Raises UsageError for unknown ones."""
    if engine == "sqlite":
        from courriel.outbox.store.sqlite.tables import UPGRADES, split_script

        split: Callable[[str], Iterable[str]] = split_script
        names = ("sqlite", *UPGRADES)
    elif engine == "postgresql":
        from courriel.outbox.store.postgres.server import UPGRADES

        split, names = _whole, ("postgres", *UPGRADES)
    else:
        raise errors.UsageError(f"schema: 'sqlite' or 'postgresql', not {engine!r}")
    if type(version) is not int or not 0 <= version - FIRST_VERSION < len(names):
        last = FIRST_VERSION + len(names) - 1
        raise errors.UsageError(f"schema: this courriel knows versions {FIRST_VERSION} to {last}, not {version!r}")
    text = script(names[version - FIRST_VERSION])
    mark = f"UPDATE outbox_version SET version = {version}"  # noqa: S608 - a number of ours
    return (*[statement.strip() for statement in split(text)], mark)


# The steps.


def _whole(text: str) -> Iterable[str]:
    """A script as one statement: PostgreSQL takes several at once, and functions hold semicolons."""
    return (text,)
