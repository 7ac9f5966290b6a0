"""What was delivered: letters in Maildir folders, to be read to the byte."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .accounts import mailbox

TRACE = re.compile(rb"\A(?:(?:Return-Path|X-Original-To|Delivered-To): .*\n)*Received: .*\n(?:[ \t].*\n)*")
"""The lines that Postfix writes above a letter on its way: who it is from and for, and how it came (RFC 5321 4.4)."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivered letter: `raw` is the file as it lies in the mailbox, with the line ends of Unix."""

    path: Path
    raw: bytes

    @property
    def trace(self) -> dict[str, str]:
        """The lines that the server wrote above the letter, unfolded, by their names in lower case."""
        lines = re.sub(rb"\n[ \t]+", b" ", self._trace()).decode("utf-8", "replace").splitlines()
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def content(self) -> bytes:
        """The letter exactly as the client gave it: without the lines added on the way, with CRLF line ends."""
        return self.raw.removeprefix(self._trace()).replace(b"\n", b"\r\n")

    def _trace(self) -> bytes:
        found = TRACE.match(self.raw)
        return found.group() if found else b""


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """The folder below which each address has its Maildir."""

    folder: Path

    def of(self, address: str) -> Path:
        """The Maildir of an address."""
        return self.folder / mailbox(address)

    def letters(self, address: str) -> list[Letter]:
        """What lies in a mailbox now, oldest first, whether somebody has read it or not."""
        return [Letter(path, path.read_bytes()) for path in _arrivals([self.of(address)])]

    def empty(self) -> None:
        """Throw away every letter of every mailbox."""
        for path in _arrivals(self.folder.glob("*/*")):
            path.unlink(missing_ok=True)


def _arrivals(mailboxes: Iterable[Path]) -> list[Path]:
    """The files of the letters in these Maildirs, oldest first."""
    found = [path for folder in mailboxes for part in ("new", "cur") for path in (folder / part).glob("*")]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
