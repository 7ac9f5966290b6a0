"""New DKIM keys, in files that nobody else may read."""

from __future__ import annotations

import os

from courriel import errors
from courriel.wire.dkim.keys import KeyKind, SigningKey


def write_new_key(path: str, kind: KeyKind, bits: int) -> SigningKey:
    """Make a key, and write it into a new file (0600). Raises UsageError when it exists, OSError, MissingExtra."""
    key, pem = SigningKey.new(kind, bits)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        raise errors.UsageError(
            f"{path}: this file exists, and a key is never overwritten: choose another name", stage="compose"
        ) from None
    except FileNotFoundError:
        folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 - pathlib would be imported for this
        raise errors.UsageError(
            f"{path}: the folder {folder} is not there; make it first: mkdir -p {folder}", stage="compose"
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
    return key
