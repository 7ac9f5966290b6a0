"""What is known of a folder and of a letter's place in it: values, as the server told them."""

from __future__ import annotations

from courriel import errors
from courriel.values import dataclass


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of a mailbox.

    `special` is what the server keeps it for: "sent", "drafts", "trash", "junk", "archive", "all", "flagged", or ""
    (RFC 6154). `separator` parts the names of folders within folders, and is empty where there are none. A folder that
    is not `selectable` only holds others.
    """

    name: str
    separator: str = ""
    special: str = ""
    selectable: bool = True


@dataclass(frozen=True, slots=True)
class Selection:
    """The folder that a session works in, as it was when it was selected.

    `count` letters lay in it, and the next to come will have number `uid_next` or a higher one; None where the server
    does not say. Numbers mean something as long as `uid_validity` stays the same.
    """

    name: str
    count: int
    uid_validity: int
    uid_next: int | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """How many letters a folder holds, without selecting it."""

    name: str
    count: int
    unseen: int
    uid_validity: int
    uid_next: int


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a folder was read: up to letter `uid`, as long as the folder's `uid_validity` is this one.

    Written down as text (`str(mark)`, `Mark.read`) it lets a program go on where it stopped, after a night or a crash.
    """

    uid_validity: int
    uid: int

    @classmethod
    def read(cls, text: str) -> Mark:
        """The mark that `str` wrote. Raises UsageError."""
        validity, colon, uid = text.partition(":")
        numbers = (validity, uid)
        if not colon or not all(each.isascii() and each.isdecimal() and len(each) <= 20 for each in numbers):
            raise errors.UsageError(f"{text[:80]!r} is not a mark: two numbers with a colon between them")
        return cls(int(validity), int(uid))

    def __str__(self) -> str:
        return f"{self.uid_validity}:{self.uid}"


@dataclass(frozen=True, slots=True)
class Filed:
    """Where a letter was put; `uid` is None where the server does not tell (it lacks UIDPLUS, RFC 4315)."""

    folder: str
    uid_validity: int | None = None
    uid: int | None = None
