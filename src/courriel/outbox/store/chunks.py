"""Contents in chunks of the size that a row holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from courriel import errors

CHUNK = 256 * 1024  # octets of a body in one row: the unit held in memory

LARGE = 1024 * 1024
"""Octets above which a content is staged: written in pieces before the mail's own transaction, so that no other writer
waits for it and it is never whole in memory."""


def in_chunks(pieces: Iterable[bytes]) -> tuple[bytes, ...]:
    """Split a content into chunks of the stored size; the last one may be smaller."""
    return tuple(_rechunked(pieces))


class LazyChunks:
    """Chunks of a content that is not held in memory: its files are read at each iteration.

    Raises InvalidMessage when the length has changed since.
    """

    def __init__(self, pieces: Iterable[bytes], size: int) -> None:
        self._pieces, self._size = pieces, size

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for chunk in _rechunked(self._pieces):
            read += len(chunk)
            yield chunk
        if read != self._size:
            raise errors.InvalidMessage(
                f"the message had {self._size:,} octets, and {read:,} when it was written down: a file of it was"
                " changed meanwhile",
                stage="compose",
            )


# The steps.


def _rechunked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        view = memoryview(piece)
        while len(held) + len(view) >= CHUNK:
            taken = CHUNK - len(held)
            yield bytes(held) + view[:taken] if held else bytes(view[:taken])
            held.clear()
            view = view[taken:]
        held += view
    if held:
        yield bytes(held)
