"""
Check that the write-ahead log beside a database belongs to this file.

SQLite finds a log by its name. A file that is moved leaves its log behind, and another file in its place would get the
mails of the first one in the middle of its own pages. So the lock file records which file was opened last, by device
and inode, and by the mark of its content (`content_check`); the note counts only in the lock file to which it was
written, so that a folder may be copied or moved as a whole.
"""

from __future__ import annotations

from pathlib import Path

from courriel import errors
from courriel.outbox.store.sqlite.content_check import mark_in_file, replaced
from courriel.outbox.store.sqlite.lockfile import identity


def owner_note(path: Path, mark: int = 0) -> str:
    """Note in the lock file that identifies the open database file, with the mark of its content where it has one."""
    owner = "{}:{}".format(*(identity(str(path)) or (0, 0)))
    return f"{owner}:{mark}" if mark else owner


def exists(path: Path) -> bool:
    """Whether there is a log beside this file."""
    return Path(f"{path}-wal").exists()


def check_owner(path: Path, note: str) -> None:
    """Raise OutboxError for a file beside the log of another one; `note` is the note in the lock file."""
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    there = path.stat().st_size if path.exists() else None
    left = [file.name for file in (log, index) if file.exists()]
    if left and (there is None or (there == 0 and log.exists() and log.stat().st_size)):
        raise errors.OutboxError(
            f"{path} is gone, and its log is still there ({', '.join(left)}): it was moved or deleted while a program"
            " had it open. Put it back where it was; or, when its mails are not wanted any more, stop that program and"
            f" remove {', '.join(left)}"
        )
    owner, mark = ":".join(note.split(":")[:2]), note.split(":")[2:]
    if there and log.exists() and owner and owner != owner_note(path):
        raise errors.OutboxError(
            f"{path} was put in the place of another file, whose log {log.name} is still there: opened together they"
            " would damage each other. Stop the programs that have it open; then put the first file back, or remove"
            f" {', '.join(left)} when its mails are not wanted any more"
        )
    if there and mark and log.exists() and log.stat().st_size:
        found = mark_in_file(path)
        if found is not None and str(found) != mark[0]:
            raise replaced(path)
