"""Interface of the mailboxes behind an IMAP server: accounts, folders, letters, and what has changed in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from courriel._dataclass import dataclass, field
from courriel.wire.imap_server.letter_tree import LetterContent

SEPARATOR = "/"
"""Separator of the levels of folder names."""

FlagChange: TypeAlias = Literal["set", "add", "remove"]


class StoredLetter:
    """Letter in a folder. Its content and UID never change; flags and `modseq` change with each STORE (RFC 7162).

    `key` is its unique id in POP3.
    """

    __slots__ = ("content", "flags", "key", "modseq", "received", "uid")

    def __init__(
        self, uid: int, content: LetterContent, received: datetime, flags: frozenset[str], modseq: int, key: str
    ) -> None:
        self.uid = uid
        self.content = content
        self.received = received
        self.flags = flags
        self.modseq = modseq
        self.key = key


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of a folder since a `modseq`, up to another, with the letters in the order of their UIDs."""

    modseq: int
    touched: Sequence[StoredLetter] = ()
    """Letters that arrived, or whose flags were changed."""
    gone: frozenset[int] | None = field(default=frozenset())
    """UIDs of removed letters; None when so much has happened that they are not known any more."""


class MailFolder(Protocol):
    """Folder with its letters, shared by all sessions. Its methods raise Objection where a limit is reached."""

    name: str
    special: str
    """Special use such as `\\Sent` (RFC 6154), "" for none."""
    uid_validity: int

    @property
    def uid_next(self) -> int: ...

    @property
    def modseq(self) -> int:
        """Number of the last change."""
        ...

    @property
    def keywords(self) -> Collection[str]:
        """Flags of its letters that are not the system's."""
        ...

    def letters(self) -> list[StoredLetter]:
        """All letters, in the order of their UIDs."""
        ...

    def changes(self, since: int) -> Changes: ...

    def add(self, content: LetterContent, flags: Iterable[str], received: datetime, key: str = "") -> StoredLetter: ...

    def mark(self, letters: Iterable[StoredLetter], change: FlagChange, flags: Iterable[str]) -> None:
        """Change the flags of letters, all in one step of `modseq`; letters that are gone are left as they are."""
        ...

    def remove(self, uids: Collection[int]) -> list[int]:
        """Remove letters; return the UIDs of those that were there."""
        ...

    def claim_recent(self) -> int:
        """First UID of the letters that no session was told of: recent for the caller, and for nobody after."""
        ...

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each change, on any thread, until `unwatch`."""
        ...

    def unwatch(self, wake: Callable[[], None]) -> None: ...


class MailAccount(Protocol):
    """Folders of one user. Names are text, with "/" between levels; INBOX is there always."""

    subscribed: set[str]

    def folders(self) -> list[MailFolder]:
        """All folders, INBOX first, then by name."""
        ...

    def folder(self, name: str) -> MailFolder:
        """The folder of this name. Raises Objection."""
        ...

    def create(self, name: str, special: str = "") -> None: ...

    def delete(self, name: str) -> None: ...

    def rename(self, name: str, to: str) -> None: ...
