"""
Safe reading of settings files: by one descriptor, with a check of who may have written them.

A settings file decides which server gets the mail, and where the password is read. A user who may write into a folder
above ours (/tmp is above many) could plant one, as CVE-2022-24765 did with git's. So a file that another user may have
written is neither used nor skipped: it is an error that names it, until the user consents, by

    COURRIEL_CONFIG=/path/courriel.toml, or --config FILE       this file, and no other project's file
    COURRIEL_TRUST=/path[:/path]                                this file, or the files directly in this folder
    courriel config trust FILE                                  its path and its content as they are now

All checks use the descriptor that is read, so that the file cannot be exchanged in between.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from courriel import errors
from courriel._dataclass import dataclass
from courriel._lazy_re import expression

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

LARGEST_FILE = 1024 * 1024  # bytes

WINDOWS = os.name == "nt"
"""There file owners say little (every user may be an administrator), and only approval counts."""

_ABSOLUTE = "a whole path (a relative one would agree to a file in every folder)"
_DIGEST = expression(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Owned:
    """Owner and mode of a file or folder."""

    owner: int
    group: int
    mode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Owned:
        return cls(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file: its bytes, and owner and mode of the same descriptor.

    `linked`: its name is a symbolic link, or one of several hard links.
    """

    path: Path
    raw: bytes
    itself: Owned
    folder: Owned
    linked: bool = False

    @property
    def digest(self) -> str:
        """Digest of the content, as approvals store it."""
        from hashlib import sha256

        return f"sha256:{sha256(self.raw).hexdigest()}"


def read(path: Path) -> SettingsFile | None:
    """Read a settings file; None when it does not exist. Raises UsageError for anything but a regular file."""
    try:
        return _read_on_windows(path) if WINDOWS else _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as broken:
        raise wrong(path, broken.strerror or type(broken).__name__) from broken


def objection(file: SettingsFile, user: int, private_groups: frozenset[int] = frozenset()) -> str:
    """Reason why a user other than this one or root may have written a file; "" if none.

    The file must belong to the user, or to root in a folder of root's or the user's. Others must not have write access;
    a group without other members counts as the user. In a folder writable by others, a link could point to any file of
    ours.
    """
    owner, folder = file.itself.owner, file.folder
    if owner not in (user, 0):
        return f"it belongs to {_user_name(owner)}, and neither to you nor to root"
    if owner == 0 and folder.owner not in (user, 0):
        return f"it lies in a folder of {_user_name(folder.owner)}, who can have put it there"
    if _written_by_others(file.itself, private_groups):
        return f"others than you may write to it (mode {file.itself.mode:04o})"
    if file.linked and (folder.owner not in (user, 0) or _written_by_others(folder, private_groups)):
        return "it is a link, in a folder where others than you may write"
    return ""


def own_objection(file: SettingsFile) -> str:
    """`objection` for the user of this process; on Windows every file has one."""
    if WINDOWS:
        return "on Windows a file in a project's folder is used when it has been approved"
    return objection(file, os.geteuid(), private_groups())


def private_groups() -> frozenset[int]:
    """Groups without other members: the one made with the account (as on Debian and Fedora), and root's."""
    import grp
    import pwd

    try:
        user = pwd.getpwuid(os.geteuid())
        group = grp.getgrgid(user.pw_gid)
    except KeyError:  # an account without a name, as in containers
        return frozenset((0,))
    alone = group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
    return frozenset((0, group.gr_gid)) if alone else frozenset((0,))


def readable_by_others(file: SettingsFile) -> bool:
    """Whether users other than its owner may read the file, as far as known."""
    private = frozenset[int]() if WINDOWS else private_groups()
    mode = file.itself.mode
    return not WINDOWS and bool(mode & 0o004 or (mode & 0o040 and file.itself.group not in private))


# Consent.


def named_file() -> Path | None:
    """The path in COURRIEL_CONFIG. Raises UsageError for a relative path."""
    named = os.environ.get("COURRIEL_CONFIG", "")
    if not named:
        return None
    path = Path(named)
    if not path.is_absolute():
        raise errors.UsageError(f"COURRIEL_CONFIG={named}: {_ABSOLUTE}", stage="compose")
    return path


def consent(file: SettingsFile, approvals: Path) -> str:
    """Source of the consent to use a file: COURRIEL_CONFIG, COURRIEL_TRUST, or an approval; "" without.

    Raises UsageError for an invalid variable, or an unreadable list of approvals.
    """
    if file.path == named_file():
        return "COURRIEL_CONFIG"
    if any(trusted in (_resolved(file.path), _resolved(file.path).parent) for trusted in _trusted()):
        return "COURRIEL_TRUST"
    return "courriel config trust" if approved(approvals).get(str(_resolved(file.path))) == file.digest else ""


def approved(approvals: Path) -> dict[str, str]:
    """The user's approvals: paths, and the digest of the content approved.

    Raises UsageError for a list that another user may have written.
    """
    import json

    file = read(approvals)
    if file is None:
        return {}
    if not WINDOWS and (reason := own_objection(file)):
        raise wrong(approvals, f"{reason}; no approval in it counts")
    try:
        known = json.loads(file.raw)
    except (ValueError, RecursionError):
        raise wrong(approvals, "it is not JSON; remove it, and approve again") from None
    if not isinstance(known, dict):
        raise wrong(approvals, "it is not a list of approvals; remove it, and approve again")
    return {path: digest for path, digest in known.items() if isinstance(digest, str) and _DIGEST.fullmatch(digest)}


def approve(file: SettingsFile, approvals: Path) -> None:
    """Store the approval of a file with the content read. Raises UsageError, OSError."""
    _write(approvals, {**approved(approvals), str(_resolved(file.path)): file.digest})


def disapprove(path: Path, approvals: Path) -> bool:
    """Remove the approval of a file; return whether there was one. Raises UsageError, OSError."""
    known = approved(approvals)
    was_approved = known.pop(str(_resolved(path)), None) is not None
    if was_approved:
        _write(approvals, known)
    return was_approved


def wrong(path: Path, reason: str) -> errors.UsageError:
    """A UsageError that names the file."""
    return errors.UsageError(f"{path}: {reason}", stage="compose")


# The steps.


def _read(path: Path) -> SettingsFile:
    # O_PATH: the folder may grant search permission only.
    folder = os.open(path.parent, os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY))
    try:
        entry = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        # O_NONBLOCK: opening a named pipe would wait for a writer.
        try:
            descriptor = os.open(path.name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, dir_fd=folder)
        except FileNotFoundError:
            raise wrong(path, "it is a link that leads nowhere") from None
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(descriptor)
            linked = stat.S_ISLNK(entry.st_mode) or status.st_nlink > 1
            raw = b"" if _is_null_device(status) else _limited(path, opened, status)
            return SettingsFile(path, raw, Owned.of(status), Owned.of(os.fstat(folder)), linked)
    finally:
        os.close(folder)


def _read_on_windows(path: Path) -> SettingsFile:
    with path.open("rb") as opened:
        status = os.fstat(opened.fileno())
        return SettingsFile(path, _limited(path, opened, status), Owned.of(status), Owned.of(path.parent.stat()))


def _limited(path: Path, opened: BinaryIO, status: os.stat_result) -> bytes:
    if not stat.S_ISREG(status.st_mode):
        raise wrong(path, "it is not a regular file")
    raw = opened.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise wrong(path, f"it is larger than {LARGEST_FILE} octets")
    return raw


def _is_null_device(status: os.stat_result) -> bool:
    """Whether it is /dev/null, a common way to set no settings."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.stat(os.devnull).st_rdev  # noqa: PTH116 - a device


def _written_by_others(thing: Owned, private: frozenset[int]) -> bool:
    return bool(thing.mode & 0o002 or (thing.mode & 0o020 and thing.group not in private))


def _user_name(user: int) -> str:
    import pwd

    try:
        return f"user {user} ({pwd.getpwuid(user).pw_name})"
    except KeyError:
        return f"user {user}"


def _trusted() -> Iterator[Path]:
    for text in os.environ.get("COURRIEL_TRUST", "").split(os.pathsep):
        if not text:
            continue
        if not Path(text).is_absolute():
            raise errors.UsageError(f"COURRIEL_TRUST={text}: {_ABSOLUTE}", stage="compose")
        yield from {_resolved(Path(text)), Path(os.path.realpath(text))}


def _resolved(path: Path) -> Path:
    """The path with links in its folder resolved, but not its own name."""
    return Path(os.path.realpath(path.parent)) / path.name


def _write(approvals: Path, known: dict[str, str]) -> None:
    """Replace the list atomically, in a folder of the user's own."""
    import json
    import tempfile

    approvals.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not WINDOWS and (owner := approvals.parent.stat().st_uid) != os.geteuid():
        # sudo keeps HOME: root's approvals would be in a folder of another user.
        raise wrong(approvals, f"its folder belongs to {_user_name(owner)}, and not to you (with sudo: sudo -H)")
    text = json.dumps(known, indent=1, sort_keys=True) + "\n"
    descriptor, name = tempfile.mkstemp(dir=approvals.parent, prefix=".trusted-")  # 0600, and O_EXCL
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(approvals)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
