"""
Backup and restore of an outbox file.

A backup knows nothing of what was sent after it was made. So waiting mails may have been delivered meanwhile, and a
restore flags them as unsure, like every mail that may arrive twice.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from courriel import errors
from courriel.outbox.store.sqlite import filesystem
from courriel.outbox.store.sqlite.file import SqliteFile
from courriel.outbox.store.sqlite.translated import in_our_words

_FINISH = """
DELETE FROM outbox_body WHERE mail IN (SELECT mail FROM outbox_staged);
DELETE FROM outbox_staged;
UPDATE outbox_version SET opened = 0;
"""
_MAY_HAVE_LEFT = """
UPDATE outbox_mail
SET unsure = unsure + 1, state = CASE WHEN state = 3 OR on_unsure = 1 THEN 3 ELSE 0 END,
    why = CASE WHEN state = 3 THEN why ELSE 'unsure' END, token = NULL, lease = NULL, holder = ''
WHERE state < 4
"""


def backup(file: SqliteFile, path: Path) -> None:
    """Write a copy of the committed state into a new file, without blocking others. Raises UsageError, OutboxError."""
    with _new_file(path) as part:
        file.copy_into(part)
        _change(part, _FINISH)


def restore(backup: Path, path: Path, *, nothing_sent_since: bool = False) -> int:
    """Create an outbox from a backup at an unused path, and return how many of its mails are flagged as unsure.

    All waiting mails are flagged, unless nothing was sent since the backup. Raises UsageError; OutboxError for a
    damaged backup.
    """
    if not backup.is_file():
        raise errors.UsageError(f"{backup}: there is no such file")
    path = filesystem.check_place(path.absolute())
    for suffix in ("", "-wal", "-shm"):
        if os.path.lexists(f"{path}{suffix}"):
            raise errors.UsageError(f"{path}{suffix} is there: stop what uses it, and move it away first")
    with _new_file(path) as part:
        _copy(backup, part)
        return _change(part, _FINISH, "" if nothing_sent_since else _MAY_HAVE_LEFT)


# The steps.


@contextmanager
def _new_file(path: Path) -> Generator[Path]:
    """A temporary file beside the path, private to its owner, that is renamed when it is complete and on the disk."""
    part = Path(f"{path}.part")
    with in_our_words(path):
        if os.path.lexists(path):
            raise errors.UsageError(f"{path} is there already; nothing is written over it")
        if not path.parent.is_dir():
            raise errors.UsageError(f"{path}: there is no folder {path.parent}")
        try:
            os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise errors.UsageError(
                f"{part} is there already: somebody writes it, or was interrupted; remove it"
            ) from None
        try:
            yield part
            _sync(part)
            _name(part, path)
        finally:
            for left in (part, Path(f"{part}-journal")):
                left.unlink(missing_ok=True)


def _name(part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # does not replace a file that was created meanwhile
    except FileExistsError:
        raise errors.UsageError(f"{path} is there already; nothing is written over it") from None
    except OSError:
        part.rename(path)  # a file system without hard links
    with suppress(OSError):
        _sync(path.parent)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _copy(backup: Path, part: Path) -> None:
    with in_our_words(backup), closing(sqlite3.connect(backup, isolation_level=None)) as source:
        if not source.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox_version'").fetchone():
            raise errors.OutboxError(f"{backup} is no outbox")
        damage = source.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if damage != "ok":
            raise errors.OutboxError(f"{backup} is damaged: {damage}")
        source.execute("VACUUM INTO ?", (str(part),))


def _change(path: Path, *scripts: str) -> int:
    """Run scripts on a copy that no other process has open; return the number of rows changed by the last statement."""
    changed = 0
    with closing(sqlite3.connect(path)) as copy, copy:
        for script in scripts:
            for statement in filter(str.strip, script.split(";")):
                changed = copy.execute(statement).rowcount
    return changed if scripts[-1] is not _FINISH and scripts[-1] else 0
