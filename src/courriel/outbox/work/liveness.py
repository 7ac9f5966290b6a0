"""
Proof of a worker's death, by a lock of the operating system that its process holds for life.

A process id proves nothing. Containers share the boot id and often the host name; a process id belongs to a namespace,
and is reused. A lock (flock) is released by the system when the last process that holds it ends, in whatever way, and
every container that sees the file sees the lock. It is not a POSIX record lock, which is released as soon as the
process closes any descriptor of the file.

Anything doubtful (no file, another file, no permission, a network file system) proves nothing: then the lease of a mail
decides, as for workers on other machines.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
import tempfile
import time
from contextlib import suppress
from enum import Enum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4
from weakref import WeakSet, finalize

from courriel import errors
from courriel._dataclass import dataclass
from courriel.outbox.store.facts import WorkerInfo
from courriel.outbox.store.sqlite import filesystem

if TYPE_CHECKING:
    from courriel.outbox.store.base import Store

BESIDE = "beside"
"""Stands for the folder of the outbox as the folder of a lock file: a volume is mounted under different names."""

_LONGEST = 400  # octets of a lock file, at most


class Life(Enum):
    """Knowledge about a worker process: alive, gone, or unknown."""

    ALIVE = "alive"
    GONE = "gone"  # proved
    UNSEEN = "unseen"  # on another machine, or in a container of its own


@dataclass(frozen=True, slots=True)
class InHand:
    """Mails of a lane held by one worker ("host:process"), and what is known of the worker here.

    `back` is the time, in seconds since 1970, at which others may claim them: already past for the mails of a dead
    worker; a live worker may extend it.
    """

    lane: str
    worker: str
    life: Life
    mails: int
    back: float


class Presence:
    """This process as a worker of one outbox: a row in the store, and the lock that proves it alive.

    Created when a worker starts, and kept until the outbox is closed, or the process ends.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begin()
        _present.add(self)

    def _begin(self) -> None:
        self._mutex = Lock()
        self._worker: WorkerInfo | None = None
        self._lock: WorkerLock | None = None
        self._workers = 0
        self._pinned = False
        self._listed = False

    def enter(self) -> str:
        """Register a worker of this process, and return the id for the leases of its mails.

        A failing outbox does not prevent the start: the worker is registered by `enlist` later, and until then its
        death cannot be proved, so that its leases decide.
        """
        with self._mutex:
            if self._worker is None:
                ident = f"{socket.gethostname()}:{os.getpid()}/{uuid4().hex}"
                lock = WorkerLock.make(self._store.beside, ident)
                folder, inode = (lock.folder, lock.inode) if lock is not None else ("", 0)
                self._lock, self._worker = lock, WorkerInfo(ident, folder, inode, this_process())
                with suppress(errors.OutboxError):
                    self._enlist(self._worker)
            self._workers += 1
            return self._worker.id

    def enlist(self) -> None:
        """Register this worker where `enter` failed. Raises OutboxError."""
        if not self._listed:
            self.renew()

    def leave(self, *, clean: bool) -> None:
        """Record that a worker has stopped. Without `clean` it may still be sending, and the lock is kept."""
        with self._mutex:
            self._workers -= 1
            self._pinned = self._pinned or not clean

    def end(self) -> None:
        """Remove this process's row when the outbox is closed, unless a worker still runs."""
        with self._mutex:
            if self._worker is None or self._workers or self._pinned:
                return
            with suppress(errors.OutboxError):  # then another worker detects its end by the lock file
                if self._store.resign(self._worker.id) and self._lock is not None:
                    self._lock.remove()
            if self._lock is not None:
                self._lock.close()
            self._worker = self._lock = None
            self._listed = False

    def renew(self) -> None:
        """Store a sign of life of this worker. Raises OutboxError."""
        if (worker := self._worker) is not None:
            self._enlist(worker)

    def _enlist(self, worker: WorkerInfo) -> None:
        self._store.enlist(worker)
        self._listed = True

    def in_child(self) -> None:
        """Close the lock in a child process, where it must not outlive the parent."""
        if self._lock is not None:
            self._lock.close()
        self._begin()


class WorkerLock:
    """Lock file of one worker, locked while it is open. A fork closes it in the child."""

    def __init__(self, file: int, path: str, folder: str) -> None:
        self.path, self.folder = path, folder
        self.inode = os.fstat(file).st_ino
        # Closed, and never unlocked: that would release the lock of every process that has the descriptor.
        self._close = finalize(self, _close, file)
        self._close.atexit = False  # sending threads may outlive the interpreter's exit handlers

    @classmethod
    def make(cls, beside: str | None, ident: str) -> WorkerLock | None:
        """Create a locked file that contains `ident`; None where that is impossible.

        Beside the outbox it has the same read permissions, so that other users of the outbox can test the lock.
        """
        folder = BESIDE if beside is not None else host_folder(make=True)
        path = lock_path(folder, ident, beside)
        if sys.platform == "win32" or path is None:
            return None
        with suppress(OSError):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(path, flags, 0o600)
            try:
                _lock(file, shared=False)
                os.write(file, ident.encode())
                if beside is not None:
                    os.fchmod(file, 0o600 | (os.stat(beside).st_mode & 0o060))  # noqa: PTH116 - a name
                os.fsync(file)  # after a power cut it still has to hold the id
            except BaseException:
                os.close(file)
                os.unlink(path)  # noqa: PTH108 - a name, not a path
                raise
            return cls(file, path, folder)
        return None

    def remove(self) -> None:
        """Delete the file, and release the lock."""
        with suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108 - a name, not a path
        self.close()

    def close(self) -> None:
        """Release the lock, unless a forked process holds it as well."""
        self._close()


def life_of(worker: WorkerInfo, beside: str | None) -> Life:
    """Whether a worker is alive, as far as this process can tell; `beside` is the file of the outbox, None on a server.

    The lock decides where both processes see its file. A worker without a lock file, or with one in a folder of another
    user, is looked up by process id, in the same namespace of the same machine.
    """
    if worker.folder and worker.folder == (BESIDE if beside is not None else host_folder()):
        return _by_lock(worker, beside)
    return _by_process(worker)


def in_hand(store: Store, ident: str = "") -> list[InHand]:
    """Mails held by workers, by lane and worker; with `ident`, the holder of one mail. Raises OutboxError."""
    taken = store.taken(ident)
    known = {worker.id: worker for worker in store.workers()} if taken else {}
    now = time.time()

    def life(holder: str) -> Life:
        return life_of(known[holder], store.beside) if holder in known else Life.UNSEEN

    return [
        InHand(each.lane, each.holder.partition("/")[0], life(each.holder), each.mails, now + max(0.0, each.back))
        for each in taken
    ]


def forget(worker: WorkerInfo, beside: str | None) -> None:
    """Delete the lock file of a dead worker."""
    if path := lock_path(worker.folder, worker.id, beside):
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - a name, not a path


def lock_path(folder: str, ident: str, beside: str | None) -> str | None:
    """Path of a worker's lock file; None when it has none."""
    number = ident.rpartition("/")[2]
    if not folder or not number.isalnum():  # a row written by others must not lead to any other file
        return None
    if folder == BESIDE:
        return None if beside is None else f"{beside}.worker-{number}"
    return os.path.join(folder, f"worker-{number}")  # noqa: PTH118 - a name


def host_folder(*, make: bool = False) -> str:
    """Folder on this machine for the lock files of this user's workers, when the outbox is on a server.

    In shared memory where possible: all sessions, services and cron jobs of a user share it, unlike XDG_RUNTIME_DIR and
    /tmp (PrivateTmp), and a container has its own. Empty when no safe folder exists.
    """
    if sys.platform == "win32":
        return ""
    root = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()  # noqa: S108, PTH112 - checked below
    folder = Path(root) / f"courriel-{os.getuid()}"
    try:
        if make:
            folder.mkdir(mode=0o700, exist_ok=True)
        there = folder.lstat()
    except OSError:
        return ""
    ours = stat.S_ISDIR(there.st_mode) and there.st_uid == os.getuid() and not there.st_mode & 0o022
    return str(folder) if ours and not filesystem.network_kind(folder / "lock") else ""


def this_process() -> str:
    """Boot id, process id namespace with its start time, and process id; empty where the system does not tell.

    The number of a namespace is reused after its end: the start time of its first process tells them apart.
    """
    try:
        if os.readlink("/proc/self") != str(os.getpid()):  # noqa: PTH115 - a name
            return ""  # a /proc of another namespace
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - a name
        first = Path("/proc/1/stat").read_bytes().rpartition(b")")[2].split()[19].decode()  # proc_pid_stat(5), 22
    except (OSError, ValueError, IndexError):
        return ""
    return f"{boot} {namespace} {first} {os.getpid()}"


# The steps.


if sys.platform == "win32":

    def _lock(file: int, *, shared: bool) -> None:
        raise OSError("no lock that proves anything")

else:
    import fcntl

    def _lock(file: int, *, shared: bool) -> None:
        """Take the lock at once. Raises BlockingIOError when somebody has it, OSError when it cannot be had."""
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _by_lock(worker: WorkerInfo, beside: str | None) -> Life:
    path = lock_path(worker.folder, worker.id, beside)
    if sys.platform == "win32" or path is None:
        return Life.UNSEEN
    try:
        # Non-blocking: the path may be a pipe.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return Life.UNSEEN
    try:
        there = os.fstat(file)
        if not stat.S_ISREG(there.st_mode) or there.st_ino != worker.inode:
            return Life.UNSEEN
        if os.read(file, _LONGEST) != worker.id.encode():
            return Life.UNSEEN
        _lock(file, shared=True)  # two tests at the same time do not take each other for the worker
    except BlockingIOError:
        return Life.ALIVE
    except OSError:
        return Life.UNSEEN
    else:
        return Life.GONE
    finally:
        os.close(file)


def _by_process(worker: WorkerInfo) -> Life:
    here, _, _ = this_process().rpartition(" ")
    there, _, process = worker.process.rpartition(" ")
    if not here or here != there or not process.isdecimal() or int(process) < 1:
        return Life.UNSEEN
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return Life.GONE
    except OSError:
        return Life.ALIVE  # EPERM: it is another user's
    # It may be another process with a reused id, which proves nothing.
    return Life.UNSEEN


def _close(file: int) -> None:
    with suppress(OSError):
        os.close(file)


_present: WeakSet[Presence] = WeakSet()


def _in_child() -> None:
    for presence in list(_present):
        presence.in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
