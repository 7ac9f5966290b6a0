"""Maintenance of an outbox: its tables, its integrity, copies of it and their restoration, the room that it takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from courriel import errors
from courriel.model.checks.shown import safely_shown
from courriel.outbox.putting.encoding import Moment, seconds_from_now
from courriel.outbox.store.opening import POSTGRESQL, file_name
from courriel.outbox.store.pruning import Pruning
from courriel.outbox.work.lease_keeper import FAILED_KEPT, SENT_KEPT

if TYPE_CHECKING:
    from courriel.outbox.store.base import Store
    from courriel.outbox.store.facts import IntegrityFinding


class Maintenance:
    """Base of Outbox: what is done to the whole of it, now and then, and not to one mail."""

    _store: Store

    @staticmethod
    def schema(engine: Literal["sqlite", "postgresql"], version: int = 100) -> Sequence[str]:
        """SQL statements that make the tables of this version out of those of the version before, 100 out of nothing.

        For the migrations of an application that has the outbox in its own database; they do not change any more once
        they are released. Each is executed by itself, without parameters, in one transaction. Raises UsageError for an
        unknown engine or version.
        """
        from courriel.outbox.store.schema import schema_of

        return schema_of(engine, version)

    def check(self) -> Sequence[IntegrityFinding]:
        """Search the outbox for damage, and for contents and mails without each other. Empty when there is none.

        All data is read, which takes time; other callers go on.
        """
        return self._store.check()

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the committed state into a new file, without blocking others (SQLite; for PostgreSQL use pg_dump).

        Raises UsageError for an existing file, OutboxFull, OutboxError.
        """
        self._store.backup(Path(file_name(path)).absolute())

    @staticmethod
    def restore(
        backup: str | os.PathLike[str], place: str | os.PathLike[str], *, nothing_sent_since: bool = False
    ) -> int:
        """Create an outbox file from a backup at an unused path; returns how many mails are flagged as unsure.

        Mails that wait in a backup may have been sent after it was made, so they are unsure: with "resend" they are
        sent, and may arrive twice; with "hold" a person decides. `nothing_sent_since` says that no worker has run
        since, and flags none. Raises UsageError, OutboxError.
        """
        from courriel.outbox.store.sqlite.backup import restore

        if isinstance(place, str) and place.startswith(POSTGRESQL):
            raise errors.UsageError(
                f"{safely_shown(place)}: a PostgreSQL database is restored by its own means: pg_restore, psql"
            )
        return restore(Path(file_name(backup)), Path(file_name(place)), nothing_sent_since=nothing_sent_since)

    def compact(self) -> tuple[int, int]:
        """Return free pages of the file to the disk (SQLite); its size in octets before and after.

        Others wait meanwhile; a long rewrite is refused while others have the file open. Raises OutboxError.
        """
        return self._store.compact()

    def prune(self, *, sent: Moment = None, failed: Moment = None) -> int:
        """Delete mails that were sent or canceled (default: seven days ago), or failed (thirty); workers do so hourly.

        A key is known as long as its mail is stored. It works in short steps with pauses: other callers wait for some
        hundredths of a second at most.
        """
        ages = seconds_from_now("sent", sent, SENT_KEPT), seconds_from_now("failed", failed, FAILED_KEPT)
        return Pruning(self._store, sent=ages[0], failed=ages[1]).run().mails

    def reopen(self) -> None:
        """Open new connections after OutboxUncertain."""
        self._store.reopen()
