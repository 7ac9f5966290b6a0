"""Where a database lies: whether a file is safe there, and whether there is room."""

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

logger = logging.getLogger("courriel.outbox")

_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "9p", "vboxsf", "virtiofs")
)
_ROOM_KEPT = (
    64 * 1024 * 1024
)  # octets that `put` leaves free, so that what becomes of a mail can always be written down
_OLDEST = (3, 35, 0)  # RETURNING


def check_place(path: Path) -> Path:
    """Refuse a place where a database would be damaged sooner or later; returns it with every link resolved.

    The files beside it (log, lock) are named after what it is, and not after the link that it was opened by: two names
    would be two locks. Raises OutboxError, UsageError.
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
    """Take from everybody else what they may do with the files of an outbox: who writes there sends mail as its owner.

    What a group may do stays as it is, because several users may share an outbox so, unless everybody could write: then
    nobody has chosen the mode. Raises OutboxError for files that are another user's, and for links in their place.
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
    """Make an empty file, where there is none, of `mode_of` it; no link is followed to make it."""
    # Not opened when it is there: closing any handle of a database takes away the locks of this process (POSIX).
    if not path.exists():
        with suppress(FileExistsError):  # another process was quicker
            os.close(make_new(path, mode_of(path)))


def mode_of(path: Path) -> int:
    """Mode for the files of an outbox: that of the file if it is there, else its owner's alone.

    Its group may use it as well where the umask says so and keeps out everybody else (007); umasks that others have by
    default (022, 002) choose nothing.
    """
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o660
    except FileNotFoundError:
        before = os.umask(0o077)  # the only way to read it; meanwhile other threads make files that are safe
        os.umask(before)
        return 0o660 if before & 0o077 == 0o007 else 0o600


def make_new(path: str | os.PathLike[str], mode: int) -> int:
    """Make a file of exactly this mode, and return its descriptor. Raises FileExistsError, OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    made = os.open(path, flags, 0o600)
    if mode != 0o600 and sys.platform != "win32":
        os.fchmod(made, mode)
    return made


def network_kind(path: Path) -> str:
    """The network file system that a path lies on; empty for a local one, as far as this machine tells."""
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
    """What is mounted where this folder lies; `mounts` is the text of /proc/self/mountinfo (proc(5))."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields, dash, rest = line.partition(" - ")
        place = fields.split(" ")[4].encode().decode("unicode_escape") if dash else ""
        inside = place and (folder == place or folder.startswith(place.rstrip("/") + "/"))
        if inside and len(place) >= len(best):
            best, kind = place, rest.split(" ")[0]
    return kind


def check_room(path: Path, octets: int) -> None:
    """Keep enough of the disk free for what has to be written down later. Raises OutboxFull."""
    free = free_octets(path)
    if free < _ROOM_KEPT + 2 * octets:
        raise errors.OutboxFull(
            f"{path}: {free:,} octets are free on this disk; a mail of {octets:,} is not taken, so that what becomes of"
            " those that are here can still be written down"
        )


def free_octets(path: Path) -> int:
    """What may still be written beside this file."""
    if sys.platform == "win32":
        from shutil import disk_usage

        return disk_usage(path.parent).free
    there = os.statvfs(path.parent)
    return there.f_bavail * there.f_frsize


def check_engine() -> None:
    """Refuse a SQLite that lacks what we say to it. Raises OutboxError."""
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
    """Whether this SQLite can damage a database when a checkpoint and a commit meet (its WAL-reset bug).

    Our lock keeps them apart; connections that do not take it do not.
    """
    mended = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return not mended
