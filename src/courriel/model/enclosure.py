"""A file that came with a letter: its content when asked for, under a name that is safe to save it by (C5)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from courriel.expressions import expression
from courriel.model.attachment import _DEVICE
from courriel.model.visible import without_invisible

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

LONGEST_NAME = 200  # octets; file systems take 255, and a number may be added

_REPLACED = expression(r'[<>:"|?*]')


class Enclosure:
    """One file of a received letter, decoded when it is asked for.

    `content` is the whole, kept once it was read. `open()` and `save` decode it in blocks, and `size` counts them: a
    large file costs them no memory beyond its letter.
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
        """`load` gives the content, `blocks` the same in pieces of any size."""
        self.name = name
        """What its sender called it, made safe: no path, no device, never empty, and unlike the others' names."""
        self.content_type = content_type
        """Its type, such as `image/png`, in lower case; its sender's word, which need not be true."""
        self.content_id = content_id
        """What the HTML calls it by (`cid:`), without angle brackets; mere text."""
        self.inline = inline
        """Whether it is meant to be shown within the text."""
        self._load = load
        self._blocks = blocks
        self._content: bytes | None = None
        self._size: int | None = None

    @classmethod
    def named(cls, name: str, content: bytes) -> Enclosure:
        """Octets that are here already, under any name: it is made safe."""
        return cls(safe_name(name, "attachment.bin"), "application/octet-stream", lambda: content)

    @property
    def content(self) -> bytes:
        """Its octets."""
        if self._content is None:
            self._content = self._load()
        return self._content

    @property
    def size(self) -> int:
        """Its length in octets, decoded."""
        if self._size is None:
            self._size = sum(map(len, self._pieces()))
        return self._size

    def open(self) -> BinaryIO:
        """Open it for reading, as a binary file is; it is decoded block by block as it is read.

        It can be read once, from its beginning to its end. Close it, or use it in a `with`; another call opens it anew.
        """
        from courriel.model.block_reader import reader_of  # noqa: PLC0415 - `io` in pieces is needed here alone

        return reader_of(self._pieces())

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write it into that folder, and say where: under its own name, or with a number when there is one already.

        The folder is made when it is missing, for oneself alone, and the file written block by block. Nothing is
        overwritten, no link is followed, and the file lies in the folder itself, whatever the letter says.
        Raises OSError, as `open` does; then nothing is left behind.
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
    """A file name out of anything: the last step of a path, without what steers a screen or a system.

    `fallback` is for names of which nothing is left.
    """
    last = name.replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    kept = _REPLACED.sub("_", without_invisible(last))
    # Dots and spaces: a name that begins with a dot is hidden here, one that ends with it has another name there.
    kept = kept.strip(". \xa0\u3000")
    if kept.startswith("-"):
        kept = f"_{kept}"  # to some program it would be an option (A13)
    kept = _shortened(kept)
    if _DEVICE.fullmatch(kept):
        kept = f"_{kept}"
    return kept or fallback


def numbered(name: str, number: int) -> str:
    """The name with a number before its ending: `photo (2).jpg`; the first is the name itself."""
    if number < 2:
        return name
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - a text, not a path
    return f"{stem} ({number}){ending}"


# The steps.

_MOST_NUMBERS = 10_000


def _shortened(name: str) -> str:
    """At most LONGEST_NAME octets, cut before the ending."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - a text, not a path
    ending = ending if len(ending.encode()) <= 20 else ""
    room = LONGEST_NAME - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + ending
