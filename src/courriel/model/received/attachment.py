"""Attachment of a received letter: decoded on demand, under a name that is safe to save it by (hazard H80)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from courriel._lazy_re import expression
from courriel.model.checks.file_name import DEVICE
from courriel.model.checks.visible import without_invisible

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

LONGEST_NAME = 200  # octets; file systems take 255, and `numbered` may add some

_REPLACED = expression(r'[<>:"|?*]')


class ReceivedAttachment:
    """Attachment of a received letter, decoded on demand.

    `content` is the whole file, kept in memory once it was read. `open()` and `save` decode it block by block, and
    `size` counts the octets of the blocks: a large file costs them no memory beyond its letter.
    """

    __slots__ = ("_blocks", "_content", "_load", "_size", "content_id", "content_type", "inline", "name")

    def __init__(
        self,
        name: str,
        content_type: str,
        load: Callable[[], bytes],
        *,
        blocks: Callable[[], Iterator[bytes]] | None = None,
        content_id: str = "",
        inline: bool = False,
    ) -> None:
        """`load` returns the content, `blocks` yields it in pieces of any size."""
        self.name = name
        """File name given by the sender, made safe: no path, no device name, never empty, unique within the letter."""
        self.content_type = content_type
        """Media type given by the sender, such as `image/png`, in lower case; it need not be true."""
        self.content_id = content_id
        """Content-ID by which the HTML refers to it (`cid:`), without angle brackets; unchecked text."""
        self.inline = inline
        """Whether it is meant to be shown within the text."""
        self._load = load
        self._blocks = blocks
        self._content: bytes | None = None
        self._size: int | None = None

    @classmethod
    def named(cls, name: str, content: bytes) -> ReceivedAttachment:
        """Make an attachment from octets in memory, under any name: it is made safe."""
        return cls(safe_name(name, "attachment.bin"), "application/octet-stream", lambda: content)

    @property
    def content(self) -> bytes:
        """Content in octets."""
        if self._content is None:
            self._content = self._load()
        return self._content

    @property
    def size(self) -> int:
        """Length of the content in octets, decoded."""
        if self._size is None:
            self._size = sum(map(len, self._pieces()))
        return self._size

    def open(self) -> BinaryIO:
        """Open it as a binary file, decoded block by block while it is read.

        It can be read once, from beginning to end. Close it, or use it in a `with`; another call opens it anew.
        """
        from courriel.model.block_reader import reader_of  # noqa: PLC0415 - `io` in pieces is needed here alone

        return reader_of(self._pieces())

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Save it in a folder and return the path: under its own name, or with a number when that name is taken.

            for file in letter.attachments:
                print(file.save("orders").name)  # order-7.pdf

        A missing folder is created with mode 0700, and the file written block by block. Nothing is overwritten, no link
        is followed, and the file lies in the folder itself, whatever name the letter gives. Raises OSError, as `open`
        does; then no file is left behind.
        """
        from pathlib import Path

        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, _MOST_NUMBERS + 1):
            path = Path(folder) / numbered(self.name, number)
            try:
                file = path.open("xb")
            except FileExistsError:
                continue
            try:
                with file:
                    for block in self._pieces():
                        _ = file.write(block)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return path
        raise FileExistsError(f"{self.name}: every name up to {_MOST_NUMBERS} is taken in {folder}")

    def _pieces(self) -> Iterator[bytes]:
        if self._content is None and self._blocks is not None:
            return self._blocks()
        return iter((self.content,))

    def __repr__(self) -> str:
        return f"<Enclosure: {self.name!r}, {self.content_type}>"


def safe_name(name: str, fallback: str) -> str:
    """Safe file name from any text: the last part of a path, without characters special to terminals or systems.

    `fallback` is returned when no character is left.
    """
    last = name.replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    kept = _REPLACED.sub("_", without_invisible(last))
    # Dots and spaces: a leading dot hides the file on Unix, a trailing one is dropped by Windows.
    kept = kept.strip(". \xa0\u3000")
    if kept.startswith("-"):
        kept = f"_{kept}"  # to a command it would be an option (hazard H52)
    kept = _shortened(kept)
    if DEVICE.fullmatch(kept):
        kept = f"_{kept}"
    return kept or fallback


def numbered(name: str, number: int) -> str:
    """File name with a number before its extension, `photo (2).jpg`; number 1 is the name itself."""
    if number < 2:
        return name
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - a text, not a path
    return f"{stem} ({number}){ending}"


# The steps.

_MOST_NUMBERS = 10_000


def _shortened(name: str) -> str:
    """Shorten a name to LONGEST_NAME octets, cut before the extension."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - a text, not a path
    ending = ending if len(ending.encode()) <= 20 else ""
    room = LONGEST_NAME - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + ending
