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
def saving(place: SaveTarget) -> Generator[Callable[[bytes], object]]:
    """Context manager that yields a write function. A file created here is removed unless it was written completely."""
    if not isinstance(place, str | os.PathLike):
        if not hasattr(place, "write"):
            raise UsageError(f"save: the path of a new file, or a binary file, not {type(place).__name__}")
        yield place.write
        return
    path = Path(place)
    # Readable by its owner alone, whatever the umask: mail is private.
    with open(path, "xb", opener=_for_the_owner) as file:
        whole = False
        try:
            yield file.write
            whole = True
        finally:
            file.close()
            if not whole:
                path.unlink(missing_ok=True)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
