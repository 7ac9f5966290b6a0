"""
Settings files: opened without following surprises, and judged by who may have written them.

A settings file decides which server gets the mail, and where the password is taken from. Whoever may write into a
folder above ours (/tmp is above many) could plant one, as CVE-2022-24765 did with git's. So a file that somebody else
may have written is neither believed nor passed over: it is an error that names it, until its use is agreed to, by

    COURRIEL_CONFIG=/path/courriel.toml, or --config FILE       this file, and no other project's file
    COURRIEL_TRUST=/path[:/path]                                this file, or the files directly in this folder
    courriel config trust FILE                                  its path and its content as they are now

Everything is asked of the descriptor that is read, so that nothing can be exchanged between the check and the reading.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from courriel import errors
from courriel.expressions import expression
from courriel.values import dataclass

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

LARGEST_FILE = 1024 * 1024  # octets

WINDOWS = os.name == "nt"
"""There the owner says little (everybody may be an administrator), and approval alone counts."""

_ABSOLUTE = "a whole path (a relative one would agree to a file in every folder)"
_DIGEST = expression(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Owned:
    """Who may change a file or a folder, as the system tells it."""

    owner: int
    group: int
    mode: int

    @classmethod
    def of(cls, there: os.stat_result) -> Owned:
        return cls(there.st_uid, there.st_gid, stat.S_IMODE(there.st_mode))


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file as it was read: its octets, and the facts of the same open descriptor.

    `linked` says that its name is a symbolic link, or one of several names of the file.
    """

    path: Path
    raw: bytes
    itself: Owned
    folder: Owned
    linked: bool = False

    @property
    def digest(self) -> str:
        """The content as an approval remembers it."""
        from hashlib import sha256

        return f"sha256:{sha256(self.raw).hexdigest()}"


def read(path: Path) -> SettingsFile | None:
    """Read a settings file; None when there is none of that name. Raises UsageError for what is no regular file."""
    try:
        return _read_on_windows(path) if WINDOWS else _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as broken:
        raise wrong(path, broken.strerror or type(broken).__name__) from broken


def objection(file: SettingsFile, user: int, private_groups: frozenset[int] = frozenset()) -> str:
    """Why somebody other than this user or root may have written a file; "" when nobody else can have.

    It belongs to the user, or to root in a folder of root's or the user's own. Others may not write to it; a group that
    has no other member counts as the user. In a folder where others may write, a link could be to any file of ours.
    """
    owner, folder = file.itself.owner, file.folder
    if owner not in (user, 0):
        return f"it belongs to {_named(owner)}, and neither to you nor to root"
    if owner == 0 and folder.owner not in (user, 0):
        return f"it lies in a folder of {_named(folder.owner)}, who can have put it there"
    if _written_by_others(file.itself, private_groups):
        return f"others than you may write to it (mode {file.itself.mode:04o})"
    if file.linked and (folder.owner not in (user, 0) or _written_by_others(folder, private_groups)):
        return "it is a link, in a folder where others than you may write"
    return ""


def own_objection(file: SettingsFile) -> str:
    """`objection` for whoever runs this process; on Windows every file meets with one."""
    if WINDOWS:
        return "on Windows a file in a project's folder is used when it has been approved"
    return objection(file, os.geteuid(), private_groups())


def private_groups() -> frozenset[int]:
    """The groups that are this user alone: the one made with the account (as on Debian and Fedora), and root's."""
    import grp
    import pwd

    try:
        user = pwd.getpwuid(os.geteuid())
        group = grp.getgrgid(user.pw_gid)
    except KeyError:  # an account without a name, as containers have them
        return frozenset((0,))
    alone = group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
    return frozenset((0, group.gr_gid)) if alone else frozenset((0,))


def readable_by_others(file: SettingsFile) -> bool:
    """Whether users other than its owner may read it, as far as the machine tells."""
    private = frozenset[int]() if WINDOWS else private_groups()
    mode = file.itself.mode
    return not WINDOWS and bool(mode & 0o004 or (mode & 0o040 and file.itself.group not in private))


# Consent.


def named_file() -> Path | None:
    """The file that COURRIEL_CONFIG names. Raises UsageError for a relative path."""
    named = os.environ.get("COURRIEL_CONFIG", "")
    if not named:
        return None
    path = Path(named)
    if not path.is_absolute():
        raise errors.UsageError(f"COURRIEL_CONFIG={named}: {_ABSOLUTE}", stage="compose")
    return path


def consent(file: SettingsFile, approvals: Path) -> str:
    """Who agreed to the use of a file: COURRIEL_CONFIG, COURRIEL_TRUST, or an approval; "" when nobody did.

    Raises UsageError for a setting, or a list of approvals, that cannot be read.
    """
    if file.path == named_file():
        return "COURRIEL_CONFIG"
    if any(trusted in (_real(file.path), _real(file.path).parent) for trusted in _trusted()):
        return "COURRIEL_TRUST"
    return "courriel config trust" if approved(approvals).get(str(_real(file.path))) == file.digest else ""


def approved(approvals: Path) -> dict[str, str]:
    """The approvals of this user: paths, and the digest of the content that each was approved with.

    Raises UsageError for a list that somebody else can have written.
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
    """Remember a file with the content that was read. Raises UsageError, OSError."""
    _write(approvals, {**approved(approvals), str(_real(file.path)): file.digest})


def disapprove(path: Path, approvals: Path) -> bool:
    """Forget the approval of a file; whether there was one. Raises UsageError, OSError."""
    known = approved(approvals)
    there = known.pop(str(_real(path)), None) is not None
    if there:
        _write(approvals, known)
    return there


def wrong(path: Path, reason: str) -> errors.UsageError:
    """An error that names the file."""
    return errors.UsageError(f"{path}: {reason}", stage="compose")


# The steps.


def _read(path: Path) -> SettingsFile:
    # O_PATH: a folder may be one through which we may pass, and not look around.
    folder = os.open(path.parent, os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY))
    try:
        entry = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        # O_NONBLOCK: a named pipe would have us wait for somebody to write to it.
        try:
            descriptor = os.open(path.name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, dir_fd=folder)
        except FileNotFoundError:
            raise wrong(path, "it is a link that leads nowhere") from None
        with os.fdopen(descriptor, "rb") as opened:
            there = os.fstat(descriptor)
            linked = stat.S_ISLNK(entry.st_mode) or there.st_nlink > 1
            raw = b"" if _is_null(there) else _limited(path, opened, there)
            return SettingsFile(path, raw, Owned.of(there), Owned.of(os.fstat(folder)), linked)
    finally:
        os.close(folder)


def _read_on_windows(path: Path) -> SettingsFile:
    with path.open("rb") as opened:
        there = os.fstat(opened.fileno())
        return SettingsFile(path, _limited(path, opened, there), Owned.of(there), Owned.of(path.parent.stat()))


def _limited(path: Path, opened: BinaryIO, there: os.stat_result) -> bytes:
    if not stat.S_ISREG(there.st_mode):
        raise wrong(path, "it is not a regular file")
    raw = opened.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise wrong(path, f"it is larger than {LARGEST_FILE} octets")
    return raw


def _is_null(there: os.stat_result) -> bool:
    """Whether it is /dev/null, by which people say that there are no settings."""
    return stat.S_ISCHR(there.st_mode) and there.st_rdev == os.stat(os.devnull).st_rdev  # noqa: PTH116 - a device


def _written_by_others(thing: Owned, private: frozenset[int]) -> bool:
    return bool(thing.mode & 0o002 or (thing.mode & 0o020 and thing.group not in private))


def _named(user: int) -> str:
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
        yield from {_real(Path(text)), Path(os.path.realpath(text))}


def _real(path: Path) -> Path:
    """A path with the links of its folder resolved; its own name stays, also when it is a link."""
    return Path(os.path.realpath(path.parent)) / path.name


def _write(approvals: Path, known: dict[str, str]) -> None:
    """Write the list anew, whole or not at all, into a folder of the user's own."""
    import json
    import tempfile

    approvals.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not WINDOWS and (owner := approvals.parent.stat().st_uid) != os.geteuid():
        # sudo keeps HOME: what root approves would lie where another user can add to it.
        raise wrong(approvals, f"its folder belongs to {_named(owner)}, and not to you (with sudo: sudo -H)")
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
