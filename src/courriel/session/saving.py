"""A letter on its way into a file: written to its end, or not there."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from courriel.errors import UsageError

Place: TypeAlias = "str | os.PathLike[str] | BinaryIO"
"""Where to: the path of a new file, or a binary file that is open for writing."""


@contextmanager
def saving(place: Place) -> Generator[Callable[[bytes], object]]:
    """What writes to a place. A file of ours is new, and is removed when it cannot be written to its end."""
    if not isinstance(place, str | os.PathLike):
        if not hasattr(place, "write"):
            raise UsageError(f"save: the path of a new file, or a binary file, not {type(place).__name__}")
        yield place.write
        return
    path = Path(place)
    # For its owner alone: a letter is nobody else's business, whatever the umask says.
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
