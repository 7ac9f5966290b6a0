"""Read-only binary file over an iterator of blocks of any size."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def reader_of(blocks: Iterator[bytes]) -> BinaryIO:
    """Return a file object that reads these blocks in order; it cannot be rewound."""
    return BufferedReader(_Blocks(blocks))


# The steps.


class _Blocks(RawIOBase):
    """Raw stream over an iterator of blocks, one in memory at a time."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer).cast("B")
        # An empty block is not the end.
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(room), len(self._rest))
        room[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
