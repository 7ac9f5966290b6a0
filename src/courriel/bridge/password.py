"""
The bridge's own password: made once, at random, and stored as logins are.

It lies in the system's keyring when there is one, else in a file of mode 0600 in the user's state folder. Whoever has
it can use the accounts of the bridge, from this machine only.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile

from courriel import errors
from courriel.delivery.oauth.store import usable_keyring
from courriel.delivery.state_folder import own_folder

TYPE_CHECKING = False

if TYPE_CHECKING:
    from pathlib import Path

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without l and o, 1 and 0, which are read for each other
_LENGTH = 24  # of 32 letters: 120 bits
_SERVICE, _NAME = "courriel bridge", "password"
_LARGEST = 4096  # bytes


def path() -> Path:
    """The file of the password, or of the remark that it is in the keyring."""
    return own_folder() / "bridge" / "password.json"


def stored() -> str:
    """The password; "" when none was made yet. Raises UsageError for a file that others may read, or is damaged."""
    try:
        file = os.open(path(), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return ""
    except OSError as failed:
        raise _unreadable(failed.strerror or type(failed).__name__) from failed
    with os.fdopen(file, "rb") as opened:
        status = os.fstat(file)
        if os.name != "nt" and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            raise _unreadable(f"others than you own or may read it: chmod 600 {path()}")
        raw = opened.read(_LARGEST)
    try:
        content = json.loads(raw)
        password = _from_keyring() if content.get("kept") == "keyring" else content["password"]
    except (ValueError, KeyError, AttributeError, RecursionError):
        # Without "from": the error of a parser quotes what it could not read.
        raise _unreadable("the file is damaged") from None
    if not isinstance(password, str) or len(password) < _LENGTH:
        raise _unreadable("the file is damaged")
    return password


def renew() -> str:
    """Make a password in the place of an older one, store it, and return it. Raises UsageError."""
    password = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    content = {"kept": "keyring"} if _to_keyring(password) else {"kept": "file", "password": password}
    place = path()
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".password-")  # 0600, and O_EXCL
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, place)  # noqa: PTH105 - the same for a Path
    except OSError as failed:
        raise errors.UsageError(
            f"the password of the bridge cannot be stored: {failed.strerror or type(failed).__name__}",
            stage="authenticate",
        ) from failed
    return password


# The steps.


def _to_keyring(password: str) -> bool:
    keyring = usable_keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(_SERVICE, _NAME, password)
    except Exception:  # noqa: BLE001 - back ends raise what they like
        return False
    return True


def _from_keyring() -> str:
    keyring = usable_keyring()
    if keyring is None:
        raise _unreadable("it is in a keyring that is not there now")
    try:
        found: object = keyring.get_password(_SERVICE, _NAME)
    except Exception as failed:  # noqa: BLE001 - back ends raise what they like
        raise _unreadable(f"the keyring did not answer ({type(failed).__name__})") from None
    if not isinstance(found, str):
        raise _unreadable("the keyring holds nothing under this name")
    return found


def _unreadable(reason: str) -> errors.UsageError:
    return errors.UsageError(f"the password of the bridge cannot be read: {reason}", stage="authenticate")
