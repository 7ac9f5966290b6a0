"""A file that came with a letter: its content when asked for, under a name that is safe to save it by (C5)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from courriel.expressions import expression
from courriel.model.attachment import _DEVICE

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_NAME = 200  # octets; file systems take 255, and a number may be added

_CUT_OUT = expression("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_REPLACED = expression(r'[<>:"|?*]')


class Enclosure:
    """One file of a received letter. Its content is decoded when it is first asked for, and kept."""

    __slots__ = ("_content", "_load", "content_id", "content_type", "inline", "name")

    def __init__(
        self, name: str, content_type: str, load: Callable[[], bytes], *, content_id: str = "", inline: bool = False
    ) -> None:
        self.name = name
        """What its sender called it, made safe: no path, no device, never empty, and unlike the others' names."""
        self.content_type = content_type
        """Its type, such as `image/png`, in lower case; its sender's word, which need not be true."""
        self.content_id = content_id
        """What the HTML calls it by (`cid:`), without angle brackets; mere text."""
        self.inline = inline
        """Whether it is meant to be shown within the text."""
        self._load = load
        self._content: bytes | None = None

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
        return len(self.content)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write it into that folder, and say where: under its own name, or with a number when there is one already.

        The folder is made when it is missing, for oneself alone. Nothing is overwritten, no link is followed, and the
        file lies in the folder itself, whatever the letter says.
        Raises OSError, as `open` does; then nothing is left behind.
        """
        from pathlib import Path

        content = self.content
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, _MOST_NUMBERS + 1):
            path = Path(folder) / numbered(self.name, number)
            try:
                file = path.open("xb")
            except FileExistsError:
                continue
            try:
                with file:
                    file.write(content)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return path
        raise FileExistsError(f"{self.name}: every name up to {_MOST_NUMBERS} is taken in {folder}")

    def __repr__(self) -> str:
        return f"<Enclosure: {self.name!r}, {self.content_type}>"


def safe_name(name: str, fallback: str) -> str:
    """A file name out of anything: the last step of a path, without what steers a screen or a system.

    `fallback` is for names of which nothing is left.
    """
    last = name.replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    kept = _REPLACED.sub("_", _CUT_OUT.sub("", last))
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
