"""The store of a place: a file for SQLite, a URL for PostgreSQL, a caller's connection, or a store that is given."""

from __future__ import annotations

import os
import sqlite3
from typing import cast

from courriel import errors
from courriel.delivery.percent import nearest
from courriel.model.checks.shown import is_like_url, safely_shown
from courriel.outbox.store.base import Store

POSTGRESQL = ("postgresql://", "postgres://")
"""Beginnings of a URL of a PostgreSQL database."""


def store_at(place: str | os.PathLike[str] | Store | object | None, *, create: bool, shared: bool = False) -> Store:
    """The store of a place; `shared` says that its file belongs to an application, whose settings stay as they are."""
    if place is None:
        from courriel.outbox.default_location import default_location

        place = default_location(create=create).place
    if isinstance(place, str) and place.startswith(POSTGRESQL):
        from courriel.outbox.store.postgres.store import PostgresStore

        return PostgresStore(place, create=create)
    if isinstance(place, str | os.PathLike):
        from courriel.outbox.store.sqlite.store import SqliteStore

        return SqliteStore(file_name(place), create=create, shared=shared)
    if hasattr(place, "claim"):
        return cast("Store", place)
    return _store_on(place)


def _store_on(connection: object) -> Store:
    """The store on a caller's own connection. Raises UsageError for anything else."""
    if isinstance(connection, sqlite3.Connection):
        from courriel.outbox.store.sqlite.on_connection import SqliteConnectionStore

        return SqliteConnectionStore(connection)
    if type(connection).__module__.partition(".")[0] == "psycopg" or hasattr(connection, "pgconn"):
        from courriel.outbox.store.postgres.on_connection import PostgresConnectionStore

        return PostgresConnectionStore(connection)
    raise errors.UsageError(
        f"an outbox is a file, a postgresql:// URL, or a connection of yours, not {type(connection).__name__}"
    )


def file_name(place: str | os.PathLike[str]) -> str:
    """File name as a string. Raises UsageError for other types and invalid names."""
    name = os.fspath(place) if isinstance(place, str | os.PathLike) else place
    if not isinstance(name, str):
        raise errors.UsageError(f"an outbox is a file or a postgresql:// URL, not {type(name).__name__}")
    if not name or name == ":memory:" or name.startswith("file:") or is_like_url(name, whole_paths=True):
        # Of a URL no more than the scheme: another one than ours holds a password as well.
        also = nearest(name.partition("://")[0], ["postgresql"]) if "://" in name else ""
        raise errors.UsageError(f"an outbox is a file or a postgresql:// URL, not {safely_shown(name)}{also}")
    try:
        if b"\0" not in os.fsencode(name):
            return name
    except UnicodeEncodeError:
        pass
    raise errors.UsageError(f"{name!r} cannot be the name of a file")
