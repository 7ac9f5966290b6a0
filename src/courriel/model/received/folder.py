"""Folders of a mailbox, their status, and positions of letters in them, as the server reports them."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Folder:
    """Folder of a mailbox.

    `special` is its purpose on the server: "sent", "drafts", "trash", "junk", "archive", "all", "flagged", or "" (RFC
    6154). `separator` stands between the names of nested folders, and is "" where there are none. A folder that is not
    `selectable` only holds other folders.
    """

    name: str
    separator: str = ""
    special: str = ""
    selectable: bool = True


@dataclass(frozen=True, slots=True)
class Selection:
    """Selected folder of a session, as it was at its selection.

    `count` is the number of its letters, `uid_next` the UID of the next letter to arrive, or a lower bound; None where
    the server does not say. UIDs are valid as long as `uid_validity` stays the same.
    """

    name: str
    count: int
    uid_validity: int
    uid_next: int | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """Number of letters in a folder, without selecting it (STATUS)."""

    name: str
    count: int
    unseen: int
    uid_validity: int
    uid_next: int


@dataclass(frozen=True, slots=True)
class FolderPosition:
    """Position in a folder: read up to UID `uid`, valid as long as the folder's `uid_validity` is this one.

    Stored as text (`str(mark)`, `FolderPosition.read`) it lets a program continue after a restart or a crash.
    """

    uid_validity: int
    uid: int

    @classmethod
    def read(cls, text: str) -> FolderPosition:
        """Parse the text of a mark written by `str`. Raises UsageError."""
        validity, colon, uid = str(text).partition(":")
        numbers = (validity, uid)
        if not colon or not all(each.isascii() and each.isdecimal() and len(each) <= 20 for each in numbers):
            raise errors.UsageError(f"{str(text)[:80]!r} is not a mark: two numbers with a colon between them")
        return cls(int(validity), int(uid))

    def __str__(self) -> str:
        return f"{self.uid_validity}:{self.uid}"


@dataclass(frozen=True, slots=True)
class Filed:
    """Folder and UID of a stored letter; `uid` is None where the server does not tell (it lacks UIDPLUS, RFC 4315)."""

    folder: str
    uid_validity: int | None = None
    uid: int | None = None
