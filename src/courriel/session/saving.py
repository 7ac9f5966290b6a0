"""Saving a letter into a file: complete, or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from courriel.errors import UsageError

SaveTarget: TypeAlias = "str | os.PathLike[str] | BinaryIO"
"""Destination: the path of a new file, or a binary file opened for writing."""


@contextmanager
def saving(target: SaveTarget) -> Generator[Callable[[bytes], object]]:
    """Context manager that yields a write function. A file created here is removed unless it was written completely."""
    if not isinstance(target, str | os.PathLike):
        if not hasattr(target, "write"):
            raise UsageError(f"save: the path of a new file, or a binary file, not {type(target).__name__}")
        yield target.write
        return
    path = Path(target)
    # Readable by its owner alone, whatever the umask: mail is private.
    with open(path, "xb", opener=_for_the_owner) as file:
        complete = False
        try:
            yield file.write
            complete = True
        finally:
            file.close()
            if not complete:
                path.unlink(missing_ok=True)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
