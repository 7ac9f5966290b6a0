"""Checks of the file system of an outbox: whether a database is safe there, its permissions, and free space."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from courriel import errors
from courriel.outbox.store.states import FULL

logger = logging.getLogger("courriel.outbox")

_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "9p", "vboxsf", "virtiofs")
)
_ROOM_KEPT = 64 * 1024 * 1024  # octets that `put` leaves free, so that results can always be stored
_OLDEST = (3, 35, 0)  # RETURNING


def check_place(path: Path) -> Path:
    """Raise for a location where a database would be damaged; return the path with all links resolved.

    The files beside it (log, lock) are named after the resolved path: two names would be two locks. Raises OutboxError,
    UsageError.
    """
    if not path.parent.is_dir():
        raise errors.UsageError(f"{path}: there is no folder {path.parent}")
    if path.is_symlink() and not path.exists():
        raise errors.UsageError(
            f"{path} is a link that leads nowhere; an outbox is not made at the other end of a link"
        )
    real = Path(os.path.realpath(path))
    if real.exists():
        _check_kind(real)
    if kind := network_kind(real):
        raise errors.UsageError(
            f"{path} lies on a network file system ({kind}): locks there are not to be trusted, and the outbox would be"
            " damaged one day; use a local disk, or PostgreSQL for several machines"
        )
    return real


def _check_kind(path: Path) -> None:
    there = path.stat()
    if stat.S_ISDIR(there.st_mode):
        raise errors.UsageError(f"{path} is a folder; an outbox is a file")
    if not stat.S_ISREG(there.st_mode):
        raise errors.UsageError(f"{path} is a device, a pipe or a socket; an outbox is a file")
    if there.st_nlink > 1 and sys.platform != "win32":
        raise errors.OutboxError(
            f"{path} has {there.st_nlink} names (hard links): each would have a lock and a log of its own, and the"
            " outbox would be damaged; remove the others, or replace them by copies (courriel outbox backup)"
        )


def keep_to_owner(path: Path) -> None:
    """Remove the permissions of other users from the files of an outbox: write access allows sending mail as the owner.

    Group permissions stay, because several users may share an outbox, unless everybody could write: then the mode was
    not chosen on purpose. Raises OutboxError for files of another user, and for links in their place.
    """
    for name, there in _files_of(path):
        mode = stat.S_IMODE(there.st_mode)
        if stat.S_ISREG(there.st_mode) and mode & 0o007:
            _narrow(name, mode, 0o600 if mode & 0o002 else mode & ~0o007)


def refuse_links(path: Path) -> None:
    """Refuse an outbox with a link in the place of one of its files. Raises OutboxError."""
    for _ in _files_of(path):
        pass


def _files_of(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The files of an outbox that are there; none on Windows. Raises OutboxError for links in the place of one."""
    if sys.platform == "win32":
        return
    for suffix in ("", "-wal", "-shm", ".lock"):
        name = f"{path}{suffix}"
        try:
            there = os.lstat(name) if suffix else os.stat(name)  # noqa: PTH116 - a name, not a path
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(there.st_mode):
            raise errors.OutboxError(f"{name} is a link: somebody may have put it there; remove it")
        yield name, there


def make_file(path: Path) -> None:
    """Create an empty file of the mode `mode_of`, when missing; no link is followed."""
    # An existing file is not opened: closing any descriptor of a database releases the locks of this process (POSIX).
    if not path.exists():
        with suppress(FileExistsError):  # another process was faster
            os.close(make_new(path, mode_of(path)))


def mode_of(path: Path) -> int:
    """Mode for the files of an outbox: that of an existing file, else only for its owner.

    A umask of 007 gives a new file to the group as well, and to nobody else; the usual defaults (022, 002) do not.
    """
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o660
    except FileNotFoundError:
        before = os.umask(0o077)  # the only way to read it; files of other threads are private meanwhile
        os.umask(before)
        return 0o660 if before & 0o077 == 0o007 else 0o600


def make_new(path: str | os.PathLike[str], mode: int) -> int:
    """Create a file of exactly this mode, and return its descriptor. Raises FileExistsError, OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    made = os.open(path, flags, 0o600)
    if mode != 0o600 and sys.platform != "win32":
        os.fchmod(made, mode)
    return made


def network_kind(path: Path) -> str:
    """Name of the network file system of a path; empty for a local one, as far as this machine tells."""
    if sys.platform == "win32":
        import ctypes

        drive = os.path.splitdrive(path.resolve())[0]
        remote = drive.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(f"{drive}\\") == 4
        return "a network drive" if remote else ""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    kind = kind_of_mount(str(path.parent.resolve()), mounts)
    return kind if kind in _NETWORK or kind.startswith("fuse.ssh") else ""


def kind_of_mount(folder: str, mounts: str) -> str:
    """Type of the mount that holds this folder; `mounts` is the text of /proc/self/mountinfo (proc(5))."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields, dash, rest = line.partition(" - ")
        place = fields.split(" ")[4].encode().decode("unicode_escape") if dash else ""
        inside = place and (folder == place or folder.startswith(place.rstrip("/") + "/"))
        if inside and len(place) >= len(best):
            best, kind = place, rest.split(" ")[0]
    return kind


def check_room(path: Path, octets: int) -> None:
    """Raise OutboxFull unless enough of the disk stays free for later results."""
    free = free_octets(path)
    if free < _ROOM_KEPT + 2 * octets:
        raise errors.OutboxFull(
            f"{path}: {free:,} octets are free on this disk; a mail of {octets:,} is not taken, so that what becomes of"
            " those that are here can still be written down",
            hint_id=FULL,
        )


def free_octets(path: Path) -> int:
    """Free space in octets on the disk of this file."""
    if sys.platform == "win32":
        from shutil import disk_usage

        return disk_usage(path.parent).free
    there = os.statvfs(path.parent)
    return there.f_bavail * there.f_frsize


def check_engine() -> None:
    """Raise OutboxError for a SQLite version that lacks a feature the outbox uses."""
    if sqlite3.sqlite_version_info < _OLDEST:
        raise errors.OutboxError(f"SQLite {sqlite3.sqlite_version} is too old for an outbox: 3.35 or newer")


def _narrow(name: str, mode: int, narrow: int) -> None:
    try:
        os.chmod(name, narrow)  # noqa: PTH101 - a name, not a path
    except PermissionError:
        raise errors.OutboxError(
            f"{name} may be {'written' if mode & 0o002 else 'read'} by everybody (mode {mode:04o}), and belongs to"
            f" another user: nothing is sent from there until its owner says chmod {narrow:o}"
        ) from None
    logger.warning(
        "%s could be %s by everybody (mode %04o); it is %04o now",
        name,
        "written" if mode & 0o002 else "read",
        mode,
        narrow,
        extra={"action": "outbox_narrowed"},
    )


def may_reset_wal(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite can damage a database when a checkpoint meets a commit (its WAL-reset bug).

    The lock file prevents it; connections without the lock file do not.
    """
    mended = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return not mended
