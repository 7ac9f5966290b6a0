"""The store of a place: a file for SQLite, a URL for PostgreSQL, or a store that is given."""

from __future__ import annotations

import os

from courriel import errors
from courriel.delivery.percent import nearest
from courriel.model.checks.shown import is_like_url, safely_shown
from courriel.outbox.store.base import Store

POSTGRESQL = ("postgresql://", "postgres://")
"""Beginnings of a URL of a PostgreSQL database."""


def store_at(place: str | os.PathLike[str] | Store | None, *, create: bool) -> Store:
    """Open the store of a place; None means the default location. Raises UsageError, OutboxError."""
    if place is None:
        from courriel.outbox.default_location import default_location

        place = default_location(create=create).place
    if isinstance(place, str) and place.startswith(POSTGRESQL):
        from courriel.outbox.store.postgres.store import PostgresStore

        return PostgresStore(place, create=create)
    if isinstance(place, str | os.PathLike):
        from courriel.outbox.store.sqlite.store import SqliteStore

        return SqliteStore(file_name(place), create=create)
    if not hasattr(place, "claim"):
        raise errors.UsageError(f"an outbox is a file or a postgresql:// URL, not {type(place).__name__}")
    return place


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
