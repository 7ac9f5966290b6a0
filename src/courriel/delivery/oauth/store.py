"""
Stored logins: a file of mode 0600 for each in the user's state folder; its secrets in the keyring when there is one.

A new file is written beside the old one, synchronised and renamed, so that the old tokens stay until the new ones are
on disk. Room for it is taken *before* new tokens are asked for: a full disk is noticed while the old refresh token is
still good. A lock file serialises threads, tasks and processes of this user.

COURRIEL_KEYRING=0 keeps secrets in the file although a keyring is there.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import contextmanager
from pathlib import Path

from courriel import errors
from courriel.delivery.oauth.login import SECRETS, StoredLogin
from courriel.delivery.percent import quote, unquote
from courriel.delivery.state_folder import own_folder

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import ModuleType

LOCK_LIMIT = 90.0
"""Seconds to wait for another process that refreshes the same login; more than one exchange may take."""
_LARGEST = 256 * 1024  # bytes
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)  # on Windows a text file would grow as it is written
_ROOM = 64 * 1024  # bytes; more than any login
_SERVICE = "courriel login"

logger = logging.getLogger("courriel.oauth")


def folder() -> Path:
    """The folder of the logins."""
    return own_folder() / "logins"


def normal(name: str) -> str:
    """A login's name as it is stored: in lower case. Raises UsageError for an impossible one."""
    if not name or len(name) > 200 or not name.isprintable():
        raise errors.UsageError("the name of a login is a mail address, or a short text", stage="authenticate")
    return name.lower()


def names() -> list[str]:
    """Names of the stored logins."""
    try:
        files = sorted(folder().glob("*.json"))
    except OSError as failed:
        raise _unreadable("*", failed) from failed
    return [unquote(file.stem, "the name of a login") for file in files]


def stamp(name: str) -> object:
    """A value that changes when the login is stored again; None when it is not there."""
    try:
        status = path_of(name).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def load(name: str) -> StoredLogin:
    """The login of this name. Raises UsageError (LOGIN-NOT-FOUND, LOGIN-NOT-STORED)."""
    path = path_of(name)
    try:
        content = json.loads(_read(path, name))
        if content.get("kept") == "keyring":
            content |= _from_keyring(name)
        return StoredLogin.of(content)
    except errors.CourrielError:
        raise
    except FileNotFoundError:
        raise errors.UsageError(
            f"no login is stored under the name {name}", stage="authenticate", hint_id="LOGIN-NOT-FOUND"
        ) from None
    except OSError as failed:
        raise _unreadable(name, failed) from failed
    except (ValueError, AttributeError, RecursionError):
        # Without "from": the error of a parser quotes what it could not read.
        raise _unreadable(name, "the file is damaged") from None


class LoginFile:
    """Space on the disk for a login that is about to be stored; discarded without `store`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._path = path_of(name)
        self._temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.{time.monotonic_ns()}")
        self._file = -1
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self._temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
            _write(self._file, bytes(_ROOM))
            os.fsync(self._file)
        except OSError as failed:
            self.discard()
            raise _unstorable(name, failed) from failed

    def store(self, login: StoredLogin) -> None:
        """Write the login, and put it in the place of the old one. Raises UsageError (LOGIN-NOT-STORED)."""
        kept = _to_keyring(self._name, login)
        content = login.public() | {"version": 1, "kept": "keyring" if kept else "file"}
        if not kept:
            content |= login.secrets()
        try:
            raw = json.dumps(content).encode()
            os.lseek(self._file, 0, os.SEEK_SET)
            _write(self._file, raw)
            os.ftruncate(self._file, len(raw))
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1
            os.replace(self._temporary, self._path)  # noqa: PTH105 - the same for a Path
            _sync_folder(self._path.parent)
        except OSError as failed:
            raise _unstorable(self._name, failed) from failed
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the temporary file, if the login was not stored."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._temporary.unlink(missing_ok=True)


def save(login: StoredLogin) -> None:
    """Store a login in the place of an older one. Raises UsageError (LOGIN-NOT-STORED)."""
    LoginFile(login.name).store(login)


def forget(name: str) -> None:
    """Remove a login and its secrets. Raises UsageError (LOGIN-NOT-FOUND)."""
    with lock(name):
        path = path_of(name)
        try:
            path.unlink()
        except FileNotFoundError:
            raise errors.UsageError(
                f"no login is stored under the name {name}", stage="authenticate", hint_id="LOGIN-NOT-FOUND"
            ) from None
        except OSError as failed:
            raise _unstorable(name, failed) from failed
        keyring = usable_keyring()
        if keyring is not None:
            try:
                keyring.delete_password(_SERVICE, name)
            except Exception as failed:  # noqa: BLE001 - back ends raise what they like, and most often it was not there
                logger.debug("The keyring removed nothing (%s)", type(failed).__name__)
    path_of(name, ".lock").unlink(missing_ok=True)


@contextmanager
def lock(name: str, limit: float = LOCK_LIMIT) -> Generator[None]:
    """Exclude all other threads, tasks and processes of this user from this login. Raises TimedOut, UsageError.

    Every holder opens the file itself: `flock` excludes threads of one process as well.
    """
    path = path_of(name, ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
    except OSError as failed:
        raise _unstorable(name, failed) from failed
    try:
        ends = time.monotonic() + limit
        while not _locked(file):
            if time.monotonic() > ends:
                raise errors.TimedOut(
                    f"another process has been busy with the login of {name} for {limit:g} s",
                    stage="authenticate",
                    hint_id="OAUTH-SERVER-TROUBLE",
                )
            time.sleep(0.02)
        try:
            yield
        finally:
            # Explicitly: a child that was forked meanwhile holds the descriptor too.
            _unlock(file)
    finally:
        os.close(file)


def uses_keyring(name: str) -> bool:
    """Whether the secrets of a login are in the keyring."""
    try:
        return bool(json.loads(_read(path_of(name), name)).get("kept") == "keyring")
    except (OSError, ValueError, AttributeError):
        return False


# The steps.


def path_of(name: str, ending: str = ".json") -> Path:
    return folder() / f"{quote(normal(name), safe='@+')}{ending}"


def _read(path: Path, name: str) -> bytes:
    file = os.open(path, os.O_RDONLY | _FLAGS)
    try:
        status = os.fstat(file)
        if os.name != "nt" and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            raise _unreadable(name, f"others than you own or may read it: chmod 600 {path}")
        raw = b""
        while (more := os.read(file, _LARGEST + 1 - len(raw))) and len(raw) <= _LARGEST:
            raw += more
        return raw
    finally:
        os.close(file)


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync_folder(path: Path) -> None:
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unreadable(name: str, failed: OSError | str) -> errors.UsageError:
    return errors.UsageError(
        f"the login of {name} cannot be read: {_reason(failed)}", stage="authenticate", hint_id="LOGIN-NOT-STORED"
    )


def _unstorable(name: str, failed: OSError) -> errors.UsageError:
    return errors.UsageError(
        f"the login of {name} cannot be stored: {_reason(failed)}", stage="authenticate", hint_id="LOGIN-NOT-STORED"
    )


def _reason(failed: OSError | str) -> str:
    return failed if isinstance(failed, str) else failed.strerror or type(failed).__name__


# The lock of the system.


def _locked(file: int) -> bool:
    try:
        if os.name == "nt":  # pragma: no cover - Windows
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _unlock(file: int) -> None:
    if os.name == "nt":  # pragma: no cover - Windows
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)


# The keyring.


def usable_keyring() -> ModuleType | None:
    """The keyring when it can hold something: neither absent, nor the `fail` or `null` back end, nor refused by us."""
    if os.environ.get("COURRIEL_KEYRING", "") == "0":
        return None
    try:
        import keyring  # type: ignore[import-not-found,unused-ignore]

        usable = keyring.get_keyring().priority > 0
    except Exception as failed:  # noqa: BLE001 - back ends raise what they like while they look for their service
        logger.debug("No keyring (%s)", type(failed).__name__)
        return None
    found: ModuleType = keyring
    return found if usable else None


def _to_keyring(name: str, login: StoredLogin) -> bool:
    """Put the secrets into the keyring; False when it is absent, locked, or refuses (Windows takes 2,560 bytes)."""
    keyring = usable_keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(_SERVICE, name, json.dumps(login.secrets()))
    except Exception as failed:  # noqa: BLE001 - back ends raise what they like
        logger.warning(
            "The keyring took no login (%s): it is kept in a file of mode 0600", type(failed).__name__,
            extra={"action": "login_kept_in_file"},
        )  # fmt: skip
        return False
    return True


def _from_keyring(name: str) -> dict[str, str]:
    keyring = usable_keyring()
    if keyring is None:
        raise _unreadable(name, "its tokens are in a keyring that is not there now")
    try:
        stored: object = keyring.get_password(_SERVICE, name)
    except Exception as failed:  # noqa: BLE001 - back ends raise what they like
        raise _unreadable(name, f"the keyring did not answer ({type(failed).__name__})") from None
    content = json.loads(stored) if isinstance(stored, str) else None
    if not isinstance(content, dict):
        raise _unreadable(name, "the keyring holds nothing under this name")
    return {each: content.get(each, "") for each in SECRETS}
