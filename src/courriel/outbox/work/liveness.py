"""
Proof of a worker's death: a lock of the operating system that its process holds for life.

A process id proves nothing. Containers share the boot id and often the host name, a process id belongs to a namespace,
and is given again. A lock (flock) is freed by the system when the last process that holds it ends, however it ends, and
every container that sees the file sees the lock. Not a POSIX record lock: that is freed as soon as the process closes
any descriptor of the file.

Whatever leaves a doubt (no file, another file, no permission, a network file system) proves nothing: then the lease of
a mail decides, as it does for workers on other machines.
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
from courriel.outbox.store.base import WorkerInfo
from courriel.outbox.store.sqlite import filesystem

if TYPE_CHECKING:
    from courriel.outbox.store.base import Store

BESIDE = "beside"
"""Stands for the folder of a lock file that lies beside the outbox: a volume is mounted under different names."""

_LONGEST = 400  # octets of a lock file


class Life(Enum):
    """What is known of a worker."""

    ALIVE = "alive"
    GONE = "gone"  # proved
    UNSEEN = "unseen"  # on another machine, or in a container of its own


@dataclass(frozen=True, slots=True)
class InHand:
    """So many mails of a lane in the hands of one worker ("host:process"), and what is known of it here.

    `back` is the moment, in seconds since 1970, at which others may take them: at once, for who takes over from one
    that is proved to be gone; of one that is alive later, when it goes on.
    """

    lane: str
    worker: str
    life: Life
    mails: int
    back: float


class Presence:
    """This process as a worker of one outbox: a row in the store, and the lock that proves it alive.

    Made when a worker begins, and kept until the outbox is closed, or the process ends.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begin()
        _present.add(self)

    def _begin(self) -> None:
        self._turn = Lock()
        self._worker: WorkerInfo | None = None
        self._lock: WorkerLock | None = None
        self._workers = 0
        self._pinned = False
        self._listed = False

    def enter(self) -> str:
        """Begin as a worker of this process, and return the id that stands on the mails it leases.

        An outbox that fails at this moment keeps nobody from beginning: the worker is entered by `enlist` later, and
        until then nobody can prove its death, so that its leases decide.
        """
        with self._turn:
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
        """Enter this worker where `enter` could not. Raises OutboxError."""
        if not self._listed:
            self.renew()

    def leave(self, *, clean: bool) -> None:
        """A worker has stopped. When it is not `clean`, something of it may still be sending: the lock is kept."""
        with self._turn:
            self._workers -= 1
            self._pinned = self._pinned or not clean

    def end(self) -> None:
        """The outbox is closed: there is no worker any more, unless one is still running."""
        with self._turn:
            if self._worker is None or self._workers or self._pinned:
                return
            with suppress(errors.OutboxError):  # then another worker finds this one gone, by its lock file
                if self._store.resign(self._worker.id) and self._lock is not None:
                    self._lock.remove()
            if self._lock is not None:
                self._lock.close()
            self._worker = self._lock = None
            self._listed = False

    def renew(self) -> None:
        """Say, now and then, that this worker is still known. Raises OutboxError."""
        if (worker := self._worker) is not None:
            self._enlist(worker)

    def _enlist(self, worker: WorkerInfo) -> None:
        self._store.enlist(worker)
        self._listed = True

    def in_child(self) -> None:
        """This is a child process: its parent's lock must not outlive the parent here."""
        if self._lock is not None:
            self._lock.close()
        self._begin()


class WorkerLock:
    """A file of its own for each worker, locked for as long as it is open. Closed by a fork, in the child."""

    def __init__(self, file: int, path: str, folder: str) -> None:
        self.path, self.folder = path, folder
        self.inode = os.fstat(file).st_ino
        # Closed, and never unlocked: that would free the lock for every process that has the descriptor.
        self._close = finalize(self, _close, file)
        self._close.atexit = False  # threads that send may outlive the interpreter's last words

    @classmethod
    def make(cls, beside: str | None, ident: str) -> WorkerLock | None:
        """A new file, locked, that holds `ident`; None where there can be none.

        Beside the outbox it may be read by whoever may read the outbox, so that they can look at the lock.
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
        """Take the file away, and let go of the lock."""
        with suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108 - a name, not a path
        self.close()

    def close(self) -> None:
        """Let go of the lock, if no process that was forked has it as well."""
        self._close()


def life_of(worker: WorkerInfo, beside: str | None) -> Life:
    """What is known of a worker here; `beside` is the file of the outbox, None when it lies on a server.

    The lock decides where both sides see its file. Only where the worker has none, or one in a folder that is not ours,
    its process is looked for, in the same namespace of the same machine.
    """
    if worker.folder and worker.folder == (BESIDE if beside is not None else host_folder()):
        return _by_lock(worker, beside)
    return _by_process(worker)


def in_hand(store: Store, ident: str = "") -> list[InHand]:
    """What workers have in hand, or who has one mail. Raises OutboxError."""
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
    """Take away the lock file of a worker that is gone."""
    if path := lock_path(worker.folder, worker.id, beside):
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - a name, not a path


def lock_path(folder: str, ident: str, beside: str | None) -> str | None:
    """Where the lock file of a worker lies; None when it has none."""
    number = ident.rpartition("/")[2]
    if not folder or not number.isalnum():  # a row that somebody else has written leads to no other file
        return None
    if folder == BESIDE:
        return None if beside is None else f"{beside}.worker-{number}"
    return os.path.join(folder, f"worker-{number}")  # noqa: PTH118 - a name


def host_folder(*, make: bool = False) -> str:
    """The folder of this machine where workers of this user keep their locks when the outbox is on a server.

    In shared memory where there is any: every session, service and cron job of a user has the same one, which is not
    true of XDG_RUNTIME_DIR and of /tmp (PrivateTmp), and a container has its own. Empty when there is no safe one.
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
    """Boot id, namespace of process ids and when that began, process id; empty where the system does not tell.

    The number of a namespace is given again after its end: the moment at which its first process was started tells one
    from another.
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
        # Non-blocking: somebody may have put a pipe there.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return Life.UNSEEN
    try:
        there = os.fstat(file)
        if not stat.S_ISREG(there.st_mode) or there.st_ino != worker.inode:
            return Life.UNSEEN
        if os.read(file, _LONGEST) != worker.id.encode():
            return Life.UNSEEN
        _lock(file, shared=True)  # two who look at the same time do not take each other for the worker
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
    # It may be another process with the same number by now, which proves nothing.
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
