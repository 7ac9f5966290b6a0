"""Folder of an HTML page: the files that it may refer to, none outside of it, and none fetched (hazard H59)."""

from __future__ import annotations

import os
import stat
from urllib.parse import unquote

from courriel._lazy_re import expression
from courriel.errors import InvalidMessage
from courriel.model.checks.header import refusal
from courriel.model.messages.attachment import check_path, open_at_once

LARGEST_FILE = 10_000_000
"""Octets of one file of a page; mail servers take 10 to 35 MB for a whole message."""
LARGEST_PAGE = 25_000_000
"""Octets of all files of a page."""
MOST_FILES = 500

_SCHEME = expression(r"(?i)[a-z][a-z0-9+.-]*:")
_OF_A_MACHINE = expression(r"(?i)(?:file|[a-z]):")  # C:/… too
_CONTROL = expression("[\x00-\x1f\x7f]")
_SPACE = " \t\r\n\f"


class PageFolder:
    """Folder within which a page finds its files; each is read once, and there are limits on each and on all."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Check the folder. Raises InvalidMessage when there is none."""
        where = check_path("base", folder)
        self.path = os.path.realpath(where)
        if not os.path.isdir(self.path):  # noqa: PTH112 - pathlib would be imported for this alone
            raise InvalidMessage(f"base: {where!r:.200} is no folder", stage="compose", hint_id="ATTACHMENT-MISSING")
        self._read: dict[str, bytes] = {}
        self._octets = 0

    def file_of(self, reference: str, beside: str) -> str | None:
        """Path of the file that a reference names, beside another file; None for what is no file: a URL, `cid:`, `#`.

        Raises InvalidMessage for a reference to anything outside the folder, symbolic links resolved.
        """
        address = reference.strip(_SPACE)
        if not address or address.startswith("#"):
            return None
        if _OF_A_MACHINE.match(address) or "\\" in address:
            raise refusal("html", f"{address!r:.100} is a path of one machine; a relative one, with /, is needed")
        if _SCHEME.match(address) or address.startswith("//"):
            return None
        name = unquote(address.partition("#")[0].partition("?")[0])
        if _CONTROL.search(name) or "\\" in name:
            raise refusal("html", f"{address!r:.100} is not the name of a file")
        if name.startswith("/"):
            raise refusal("html", f"{address!r:.100} begins at the root; a path relative to the page is needed")
        try:
            real = os.path.realpath(os.path.join(beside, name))  # noqa: PTH118
        except ValueError as wrong:  # half of a character
            raise refusal("html", f"{address!r:.100} is not the name of a file") from wrong
        if not self.holds(real):
            raise refusal("html", f"{address!r:.100} lies outside of {self.path!r:.200}")
        return real if name else None

    def holds(self, real: str) -> bool:
        """Check that a path, with symbolic links resolved, is the folder or below it."""
        return real.startswith(os.path.join(self.path, ""))  # noqa: PTH118

    def read(self, path: str, reference: str, limit: int = LARGEST_FILE) -> bytes:
        """Octets of a file, kept for the next time.

        Raises InvalidMessage for one that is missing (ATTACHMENT-MISSING), is no regular file, or is above the limit.
        """
        if path not in self._read:
            if len(self._read) == MOST_FILES:
                raise refusal("html", f"it refers to more than {MOST_FILES} files")
            octets = read_regular("html", path, reference, limit)
            self._octets += len(octets)
            if self._octets > LARGEST_PAGE:
                raise refusal("html", f"its files have more than {LARGEST_PAGE} octets together")
            self._read[path] = octets
        return self._read[path]


def read_regular(field: str, path: str, reference: str, limit: int) -> bytes:
    """Read a regular file of at most `limit` octets: a pipe is not waited for, a link in its place not followed."""
    try:
        # Not opened before it is known to be a file: a pipe would block until it has a writer, and a device might act.
        known = os.stat(path)  # noqa: PTH116
        if stat.S_ISREG(known.st_mode) and known.st_size <= limit:
            with open(path, "rb", opener=_open_no_link) as file:
                known = os.fstat(file.fileno())
                octets = file.read(limit + 1) if stat.S_ISREG(known.st_mode) else b""
                if stat.S_ISREG(known.st_mode) and len(octets) <= limit:
                    return octets
    except (OSError, ValueError) as missing:
        reason = getattr(missing, "strerror", None) or "there is no such file"
        text = f"{field}: {reference!r:.200}: {reason}{_near(path)}"
        raise InvalidMessage(text, stage="compose", hint_id="ATTACHMENT-MISSING") from missing
    if not stat.S_ISREG(known.st_mode):
        raise refusal(field, f"{reference!r:.200} is not a file, but a folder, a pipe or a device")
    raise refusal(field, f"{reference!r:.200} is larger than {limit} octets")


# The steps.


def _open_no_link(path: str, flags: int) -> int:
    return open_at_once(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _near(path: str) -> str:
    """Names that differ in nothing but case, for a page that was made on Windows or macOS."""
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder) as files:
            near = next((file.name for file in files if file.name.casefold() == name.casefold()), "")
    except OSError:
        return ""
    return f" (there is {near!r:.100}: case counts)" if near and near != name else ""
