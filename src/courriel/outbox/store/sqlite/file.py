"""
A SQLite file in WAL mode, with a lock file around all writing.

SQLite's own busy handler is unfair (of four processes one waited for the whole run), and a commit that meets a
checkpoint can damage the file in versions before 3.51.3: the lock file prevents both. There are two connections: one
that syncs at each commit, and one for what a power cut may undo. A forked process opens its own.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock, RLock
from typing import NoReturn

from courriel import errors
from courriel.outbox.store.group_commit import GroupCommit
from courriel.outbox.store.sql.rows import text_of
from courriel.outbox.store.sqlite import connecting, filesystem, open_files, tables, wal
from courriel.outbox.store.sqlite.connecting import PATIENCE
from courriel.outbox.store.sqlite.content_check import ContentCheck, leave_open, new_mark, replaced
from courriel.outbox.store.sqlite.lockfile import LockFile, identity
from courriel.outbox.store.sqlite.translated import (
    T,
    disk_full,
    file_moved,
    in_our_words,
    is_full,
    rolled_back_on_failure,
)
from courriel.outbox.store.states import MISSING

logger = logging.getLogger("courriel.outbox")
_AT_ONCE = 64 * 1024 * 1024  # octets that may be rewritten while others wait: a second or two


class SqliteFile:
    """One database file, created with its tables when missing, and readable only by its owner.

    Without `create` a file that is no outbox is an error, and opening creates no tables and changes no mode. A `shared`
    file is an application's: it keeps its journal, and no mark of ours is written into it. Raises
    UsageError for a location where no database is safe, OutboxError for a file that cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = True, shared: bool = False) -> None:
        self._create = create and not shared
        self._shared = shared
        create = self._create
        if not create and not path.exists():
            raise errors.OutboxError(f"{path}: there is no outbox there", hint_id=MISSING)
        filesystem.check_engine()
        with in_our_words(path):
            self.path = filesystem.check_place(path)
        self._name = str(self.path)
        self._warned = self._at_rest = self._made = self._has_log = False
        self.lacks_log = False
        """Whether the file was copied, or lost its log, while it was open; recorded in the file (`opened`)."""
        self.suppressing = False
        """Whether anybody is on the suppression list, as the last transaction has seen it."""
        self._copying = Lock()
        self._content = ContentCheck(self.path)
        self._durable: sqlite3.Connection | None = None
        self._light: sqlite3.Connection | None = None
        self._trouble = ""
        self._any_text = False
        self._identity: tuple[int, int] | None = None  # of the open file, to detect that it was moved
        self._light_lock = RLock()
        self._begin()
        open_files.add(self)
        self._connect()

    # Transactions.

    def write(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in a durable transaction, together with simultaneous writes; see GroupCommit.write."""
        with in_our_words(self.path):
            return self._with_any_text(lambda: self._group.write(act, self._durably))

    def _durably(self, act: Callable[[sqlite3.Connection], None]) -> None:
        _, connection, lock = self._ready()
        with lock:
            self._transact(connection, act)

    def write_lightly(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in a transaction that a power cut may undo."""
        with in_our_words(self.path), self._light_lock:
            return self._with_any_text(lambda: self._transact_lightly(act))

    def _transact_lightly(self, act: Callable[[sqlite3.Connection], T]) -> T:
        connection, _, lock = self._ready()
        with lock:
            return self._transact(connection, act)

    def read(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function on the committed state."""
        with in_our_words(self.path), self._light_lock:
            self._ready()
            self._check_in_place()
            return self._with_any_text(lambda: act(self._ready()[0]))

    def _with_any_text(self, do: Callable[[], T]) -> T:
        """Repeat it where a row holds text that is not UTF-8: it is read as UndecodableText from then on.

        Not from the start: a text factory in Python is several times slower for each text that is read.
        """
        try:
            return do()
        except sqlite3.OperationalError as failed:
            if self._any_text or "decode to UTF-8" not in str(failed):
                raise
        self._any_text = True
        for connection in (self._light, self._durable):
            if connection is not None:
                connection.text_factory = text_of
        return do()

    def checkpoint(self) -> None:
        """Copy the log into the file, as far as no reader needs it.

        After large writes this spares the next commit the checkpoint, for which a put would wait.
        """
        with in_our_words(self.path), self._light_lock:
            connection, _, lock = self._ready()
            with lock:
                self._check_in_place()
                self._check_content()
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _transact(self, connection: sqlite3.Connection, act: Callable[[sqlite3.Connection], T]) -> T:
        if not self._start(connection) and not self._shared:
            self._mark_opened(connection)
        result = rolled_back_on_failure(connection, lambda: act(connection))
        if connection.in_transaction:
            self._commit(connection)
        return result

    def _start(self, connection: sqlite3.Connection) -> bool:
        """Begin a transaction; whether the header of the file says already that it has a log."""
        with in_our_words(self.path):
            self._check_in_place()
            self._check_content()
            connection.execute("BEGIN IMMEDIATE")
        seen = rolled_back_on_failure(connection, lambda: tables.check_era_of(connection, self.path))
        opened, self.suppressing = seen
        self._learn_mark(opened)
        return bool(opened)

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as failed:
            if is_full(failed) and not connection.in_transaction:
                # The commit record is written last, and found no room; SQLite has rolled the transaction back.
                raise disk_full(self.path) from failed
            if self._shared and failed.sqlite_errorname == "SQLITE_BUSY":
                # A reader of the application has kept the file for longer than we wait (in a rollback journal).
                connection.execute("ROLLBACK")
                raise
            self._give_up(connection, failed)

    def _mark_opened(self, connection: sqlite3.Connection) -> None:
        """Record in the file's own header that it has a log, before the log has anything that a copy of the file would
        lack.
        """
        connection.execute("UPDATE outbox_version SET opened = ?", (new_mark(),))
        self._commit(connection)
        with suppress(sqlite3.Error):  # the next checkpoint copies what this one could not
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._start(connection)

    def _check_in_place(self) -> None:
        """Raise for a file that was moved or deleted: what is written to it would be lost with it."""
        if identity(self._name) != self._identity:
            raise file_moved(self.path)

    def _check_content(self) -> None:
        """Raise for a file whose content was replaced in place, and let go of it."""
        if self._content.is_replaced():
            self._replaced = True
            self._leave_if_replaced()
            raise replaced(self.path)

    def _learn_mark(self, opened: object) -> None:
        """Know the mark from the first time on that it is in the file itself; the lock is held."""
        if not self._content.mark and self._content.learn(opened) and self._lock is not None:
            self._lock.write_note(wal.owner_note(self.path, self._content.mark))

    def _leave_if_replaced(self) -> None:
        """Let go of the connections to a file that was replaced, without a checkpoint."""
        if not self._replaced:
            return
        light, durable = self._light, self._durable
        self._light = self._durable = None
        self._trouble = self._trouble or "it was overwritten while it was open"
        for connection in (light, durable):
            if connection is not None:
                leave_open(connection)

    def _give_up(self, connection: sqlite3.Connection, failed: sqlite3.Error) -> NoReturn:
        """Close everything after a commit that failed, or may have succeeded: the state of the file is unknown."""
        self._trouble = str(failed)
        with suppress(sqlite3.Error):
            connection.close()  # its transaction may still be open, and would block others
        logger.error("The outbox is closed: a commit failed", extra={"action": "outbox_commit_failed"})
        raise errors.OutboxUncertain(
            f"{self.path}: {failed}; nobody knows whether it was written: reopen the outbox, and put it again with the"
            " same key"
        ) from failed

    # Maintenance.

    def copy_into(self, path: Path) -> None:
        """Write the committed state into an empty file, without blocking others; a whole database without a log."""
        with in_our_words(self.path), self._copying:
            self._ready()
            self._check_in_place()
            self._check_content()
            reader = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
            try:
                reader.execute("VACUUM INTO ?", (str(path),))
            finally:
                reader.close()

    def compact(self) -> tuple[int, int]:
        """Rewrite the file without its empty pages; its size in octets before and after.

        Others wait meanwhile, and so a large rewrite is refused while others have the file open. Raises OutboxError.
        """
        with in_our_words(self.path), self._light_lock:
            _, connection, lock = self._ready()
            if not self._group.take(PATIENCE):
                raise errors.OutboxError(f"{self.path}: others have been writing for {PATIENCE:.0f} s")
            try:
                with lock:
                    self._check_in_place()
                    self._check_content()
                    before = self.path.stat().st_size
                    if tables.octets_used(connection) > _AT_ONCE:
                        self._vacuum_alone()
                    else:
                        tables.vacuum(connection)
                    return before, self.path.stat().st_size
            finally:
                self._group.give_back()

    def _vacuum_alone(self) -> None:
        """Rewrite on the only open connection; the next use opens ours again. Raises OutboxError."""
        self._close_connections()
        with closing(sqlite3.connect(self.path, timeout=0, isolation_level=None)) as only:
            if not tables.is_alone(only):
                raise errors.OutboxError(
                    f"{self.path} is open in other programs, and much of it must be written again, for which they would"
                    " wait: stop the workers, and do it then"
                )
            tables.vacuum(only)

    # Opening and closing.

    def reopen(self) -> None:
        """Open new connections after a failure or `close`; does nothing where nothing is wrong."""
        with self._light_lock:
            if self._trouble or self._closed:
                self.close()
                self._begin()
                self._identity = None
                self._connect()

    def close(self) -> None:
        """Close the file; the last process to close moves the log into the file."""
        with self._light_lock:
            self._closed = True
            self._let_go()

    def __del__(self) -> None:
        with suppress(Exception):
            if self._lock is None:
                return
            if self._lock.take_at_once():
                self._close_connections()
                self._lock.close()
            else:
                # The garbage collector may have interrupted the owner of the lock: waiting for it would never end.
                open_files.keep_for_ever(self._durable, self._light)

    def at_exit(self) -> None:
        """Keep the end of the interpreter, which closes connections, from writing a log into a replaced file."""
        if self._durable is not None and not self._replaced:
            self._replaced = identity(self._name) == self._identity and self._content.is_replaced()
        self._leave_if_replaced()

    def _begin(self) -> None:
        self._closed = False
        self._trouble = ""
        self._group = GroupCommit()
        self._light_lock = RLock()
        self._lock: LockFile | None = None
        self._durable = self._light = None
        self._content, self._replaced = ContentCheck(self.path), False

    # Fork and exit, called by `open_files`.

    def before_fork(self) -> None:
        """Finish the current write, and close; the next use opens the file again."""
        self._at_rest = self._copying.acquire(timeout=PATIENCE) and self._group.take(PATIENCE)
        if self._at_rest:
            self._light_lock.acquire()
            self._let_go()

    def after_fork(self) -> None:
        """Release the locks in the parent."""
        if self._at_rest:
            self._light_lock.release()
            self._group.give_back()
        with suppress(RuntimeError):
            self._copying.release()

    def in_child(self) -> None:
        """Reset the state in the child process."""
        open_files.keep_for_ever(self._durable, self._light)
        closed, at_rest = self._closed, self._at_rest
        self._light_lock, self._copying = RLock(), Lock()
        self._begin()
        self._closed = closed
        self._trouble = "" if at_rest else "this process was forked in the middle of a long transaction"

    def _connect(self) -> None:
        with self._light_lock, in_our_words(self.path):
            if self._durable is not None:
                return
            filesystem.refuse_links(self.path)
            if not self._made:
                tables.check_contents(self.path, create=self._create)
            if self._create:
                filesystem.keep_to_owner(self.path)
            if self._made and identity(self._name) != (self._identity or identity(self._name) or ()):
                raise file_moved(self.path)
            if self._lock is None:
                self._lock = LockFile(f"{self.path}.lock", filesystem.mode_of(self.path))
            with self._lock:
                if not self._shared:
                    wal.check_owner(self.path, self._lock.read_note())
                had_log = wal.exists(self.path)
                filesystem.make_file(self.path)
                light, durable = self._connected("NORMAL"), self._connected("FULL")
                try:
                    tables.make_tables(durable, self.path, create=self._create)
                    found = not had_log and not self._shared and tables.mark_lost_log(durable)
                    self.lacks_log = durable.execute(tables.VERSION).fetchone()[1] == tables.LOST_LOG
                except BaseException:
                    light.close()
                    durable.close()
                    raise
                self._light, self._durable = light, durable
                self._identity, self._made = identity(self._name), True
                self._content = ContentCheck(self.path)
                self._lock.write_note(wal.owner_note(self.path))
                self._learn_mark(durable.execute(tables.VERSION).fetchone()[1])
            if found:
                tables.warn_of_lost_log(self.path)
            if tables.is_shared(durable):
                self.warn_of_shared_file()

    def _connected(self, synchronous: str) -> sqlite3.Connection:
        connection, self._has_log = connecting.connected(
            self.path, synchronous, keep_journal=self._shared, any_text=self._any_text
        )
        return connection

    def _let_go(self) -> None:
        lock, self._lock = self._lock, None
        if lock is None:
            return
        try:
            # Closing may checkpoint, which writes.
            with lock:
                self._close_connections()
        finally:
            lock.close()

    def _close_connections(self) -> None:
        if self._durable is not None and identity(self._name) == self._identity:
            self._replaced = self._replaced or self._content.is_replaced()
        self._leave_if_replaced()
        light, durable = self._light, self._durable
        self._light = self._durable = None
        if durable is not None and identity(self._name) != self._identity:
            # SQLite does not move the log with a moved file, which would then lack what is in the log.
            with suppress(sqlite3.Error):
                durable.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if light is not None:
            with suppress(sqlite3.Error):
                light.close()
        if durable is not None:
            with suppress(sqlite3.Error):
                tables.mark_closed(durable)
            with suppress(sqlite3.Error):
                durable.close()

    def _ready(self) -> tuple[sqlite3.Connection, sqlite3.Connection, LockFile]:
        if self._trouble:
            raise errors.OutboxError(f"{self.path} was closed after a failure ({self._trouble}): reopen() it")
        if self._closed:
            raise errors.OutboxError(f"{self.path}: this outbox is closed")
        if self._durable is None:
            self._connect()
        assert self._durable is not None
        assert self._light is not None
        assert self._lock is not None
        return self._light, self._durable, self._lock

    def warn_of_shared_file(self) -> None:
        """Log once that other programs write to this file without our lock, where that is dangerous."""
        if not self._warned and self._has_log and filesystem.may_reset_wal():
            self._warned = True
            tables.warn_of_shared_file(self.path)
