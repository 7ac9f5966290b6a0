"""
What a program wrote to a folder, and what of it a power cut would have left.

`run` runs a program of Python under the preloaded disk.c; `read` gives what it did, in order; `Image` is a folder as it
would be found when the power fails at some moment: what was synced is there, of the rest only what chance has kept.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_HEAD = struct.Struct("=cqqq")
SOURCE = Path(__file__).with_name("disk.c")
SECTOR = 512
"""Octets that a disk writes whole or not at all."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing done to one file: W write, T truncate, S sync, D delete."""

    kind: str
    name: str
    offset: int
    data: bytes


def build(folder: Path, compiler: str) -> Path:
    """The shim, compiled."""
    shim = folder / "disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", shim, SOURCE, "-ldl"], check=True)
    return shim


def run(shim: Path, folder: Path, log: Path, *program: str) -> str:
    """Run a program whose doings in the folder are written down; what it prints."""
    more = {
        "LD_PRELOAD": str(shim), "COURRIEL_DISK_FOLDER": f"{folder}/", "COURRIEL_DISK_LOG": str(log),
        "PYTHONPATH": str(SOURCE.parent.parent),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, *program], env=os.environ | more, check=True, timeout=120, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def read(log: Path) -> Iterator[Deed]:
    """What was done, in order."""
    data = memoryview(log.read_bytes())
    while data:
        kind, length, offset, size = _HEAD.unpack_from(data)
        rest = data[_HEAD.size :]
        yield Deed(kind.decode(), Path(bytes(rest[:length]).decode()).name, offset, bytes(rest[length : length + size]))
        data = rest[length + size :]


@dataclass
class Image:
    """The files of a folder, on a disk that forgets contents and names that were not synced."""

    chance: random.Random
    folder: str
    named: set[str] = field(default_factory=set)  # the folder was synced since these came
    ghosts: dict[str, bytearray] = field(default_factory=dict)  # deleted, and not synced since
    files: dict[str, bytearray] = field(default_factory=dict)
    loose: dict[str, list[Deed]] = field(default_factory=dict)

    def see(self, deed: Deed) -> None:
        """Another thing is done while there is power."""
        if deed.kind == "S" and deed.name == self.folder:
            self.named = set(self.files.keys() | self.loose.keys())
            self.ghosts.clear()
        elif deed.kind == "S":
            content = self.files.setdefault(deed.name, bytearray())
            for each in self.loose.pop(deed.name, []):
                _apply(content, each)
        elif deed.kind == "D":
            content = self.files.pop(deed.name, bytearray())
            self.loose.pop(deed.name, None)
            if deed.name in self.named:
                self.named.discard(deed.name)
                self.ghosts[deed.name] = content
        else:
            self.loose.setdefault(deed.name, []).append(deed)

    def cut(self, folder: Path, kept: float) -> None:
        """The power fails: write what is found. Of what was not synced, each sector is there with this probability."""
        for name, content in self.ghosts.items():
            if self.chance.random() >= kept:
                (folder / name).write_bytes(content)
        for name in sorted(self.files.keys() | self.loose.keys()):  # sorted: the same seed, the same disk
            if name not in self.named and self.chance.random() >= kept:
                continue
            content = bytearray(self.files.get(name, b""))
            for deed in self.loose.get(name, ()):
                for piece in _sectors(deed):
                    if self.chance.random() < kept:
                        _apply(content, piece)
            (folder / name).write_bytes(content)


def _sectors(deed: Deed) -> Sequence[Deed]:
    if deed.kind != "W":
        return [deed]
    return [
        Deed("W", deed.name, deed.offset + at, deed.data[at : at + SECTOR]) for at in range(0, len(deed.data), SECTOR)
    ]


def _apply(content: bytearray, deed: Deed) -> None:
    if deed.kind == "T":
        del content[deed.offset :]
        content.extend(bytes(deed.offset - len(content)))
    else:
        content.extend(bytes(max(0, deed.offset - len(content))))
        content[deed.offset : deed.offset + len(deed.data)] = deed.data
