"""Accounts of the practice server: the folders of one user, made, renamed and removed."""

from __future__ import annotations

from collections.abc import Collection
from threading import RLock

from courriel.dialogue.server.mail_store import SEPARATOR, MailFolder
from courriel.sandbox.folders import SharedFolder, Space
from courriel.wire.smtp.server_syntax import Objection

INBOX = "INBOX"
USUAL = {"Sent": "\\Sent", "Drafts": "\\Drafts", "Trash": "\\Trash", "Junk": "\\Junk", "Archive": "\\Archive"}
"""Folders that every account has, with their special uses."""

_FOLDERS = 500  # of one account
_DEEPEST = 20  # levels
_LONGEST = 255  # characters of a name


class Account:
    """Folders of one user; INBOX is there always."""

    def __init__(self, lock: RLock, space: Space) -> None:
        self._lock = lock
        self._space = space
        self._folders: dict[str, SharedFolder] = {}
        self.subscribed: set[str] = set()
        self.inbox = self._make(INBOX)
        self._make_usual()

    def folders(self) -> list[MailFolder]:
        """All folders, INBOX first, then by name."""
        with self._lock:
            return [self._folders[name] for name in sorted(self._folders, key=lambda name: (name != INBOX, name))]

    def folder(self, name: str) -> SharedFolder:
        """The folder of this name; INBOX is written in any case. Raises Objection."""
        with self._lock:
            found = self._folders.get(_canonical(name))
        if found is None:
            raise Objection(550, "[NONEXISTENT] There is no such folder")
        return found

    def create(self, name: str, special: str = "") -> None:
        """Make a folder, and those above it. Raises Objection."""
        with self._lock:
            name = self._new_name(name.removesuffix(SEPARATOR))
            levels = name.split(SEPARATOR)
            for depth in range(1, len(levels)):
                above = SEPARATOR.join(levels[:depth])
                if above not in self._folders:
                    self._make(above)
            self._make(name, special)

    def delete(self, name: str) -> None:
        """Remove a folder with its letters; sessions that have it open see them go. Raises Objection."""
        name = _canonical(name)
        if name == INBOX:
            raise Objection(550, "[CANNOT] INBOX stays")
        with self._lock:
            folder = self.folder(name)
            if any(other.startswith(name + SEPARATOR) for other in self._folders):
                raise Objection(550, "[HASCHILDREN] There are folders below it")
            del self._folders[name]
        _empty(folder)

    def rename(self, name: str, to: str) -> None:
        """Rename a folder and those below it; of INBOX the letters go into a new folder (RFC 9051 6.3.6)."""
        name = _canonical(name)
        with self._lock:
            folder = self.folder(name)
            to = to.removesuffix(SEPARATOR)
            if to.startswith(name + SEPARATOR):
                raise Objection(550, "[CANNOT] A folder is not below itself")
            if name == INBOX:
                self.create(to)
                target = self._folders[to]
                for letter in folder.letters():
                    _ = target.add(letter.content, letter.flags, letter.received, letter.key)
                _empty(folder)
                return
            to = self._new_name(to)
            inner = [each for each in self._folders if each == name or each.startswith(name + SEPARATOR)]
            for each in inner:
                moved = self._folders.pop(each)
                moved.name = to + each[len(name) :]
                self._folders[moved.name] = moved

    def clear(self, kept: Collection[int] = ()) -> None:
        """Remove all letters but these of INBOX, by their UIDs, and folders that were made since."""
        with self._lock:
            mine = list(self._folders.values())
            self._folders = {folder.name: folder for folder in mine if folder.name == INBOX or folder.name in USUAL}
            self.subscribed.clear()
            self._make_usual()
        for folder in mine:
            _empty(folder, kept if folder.name == INBOX else ())

    # The steps.

    def _make_usual(self) -> None:
        for name, special in USUAL.items():
            if name not in self._folders:
                self._make(name, special)
        self.subscribed.update((INBOX, *USUAL))

    def _make(self, name: str, special: str = "") -> SharedFolder:
        folder = self._folders[name] = SharedFolder(name, self._lock, self._space, special)
        return folder

    def _new_name(self, name: str) -> str:
        """Check the name of a folder to be made. Raises Objection."""
        name = _canonical(name)
        levels = name.split(SEPARATOR)
        if not all(levels) or not name.isprintable() or "*" in name or "%" in name:
            raise Objection(550, "[CANNOT] This is not a name of a folder")
        if len(name) > _LONGEST or len(levels) > _DEEPEST:
            raise Objection(552, f"[LIMIT] A name has {_LONGEST} characters and {_DEEPEST} levels at most")
        if name in self._folders:
            raise Objection(550, "[ALREADYEXISTS] There is one of this name")
        if len(self._folders) + len(levels) > _FOLDERS:
            raise Objection(552, f"[LIMIT] There are {_FOLDERS} folders at most")
        return name


def _canonical(name: str) -> str:
    first, separator, rest = name.partition(SEPARATOR)
    return f"{INBOX}{separator}{rest}" if first.upper() == INBOX else name


def _empty(folder: SharedFolder, kept: Collection[int] = ()) -> None:
    _ = folder.remove([letter.uid for letter in folder.letters() if letter.uid not in kept])
