"""Changes of a folder since a mark: new letters, new flags, letters that are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from enum import Enum

from courriel._dataclass import dataclass
from courriel.dialogue.imap.syncing import FolderChanges
from courriel.model.received.sync import SyncMark
from courriel.session.imap.awaited_letters import AsyncLetters
from courriel.session.imap.letters import FolderLetter, Letters


class ChangeKind(Enum):
    """Kind of a change of a letter."""

    NEW = "new"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Change:
    """Change of one letter in a folder: it is new, its flags have changed, or it is gone.

    `flags` are those that it has now. A new one comes as `letter`, with its header. `folder` is the name of its folder.
    """

    kind: ChangeKind
    uid: int
    flags: frozenset[str] = frozenset()
    letter: FolderLetter | None = None
    folder: str = ""


class Sync:
    """Changes of a folder since a mark, in an iteration: what is gone first, then changed flags, then new letters.

    `mark` is the mark that was given, until all changes were taken; then it is the new one, to be stored.
    """

    def __init__(self, find: Callable[[], tuple[FolderChanges, Letters]], since: SyncMark | None) -> None:
        self._find = find
        self.mark = since

    def __iter__(self) -> Iterator[Change]:
        changes, letters = self._find()
        yield from _known_letters(changes, letters.folder_id[0])
        for letter in letters:
            yield Change(ChangeKind.NEW, letter.uid, letter.flags, letter, letter.folder)
        self.mark = changes.mark


class AsyncSync:
    """Changes of a folder since a mark, for `async for`; see Sync."""

    def __init__(
        self, find: Callable[[], Awaitable[tuple[FolderChanges, AsyncLetters]]], since: SyncMark | None
    ) -> None:
        self._find = find
        self.mark = since

    async def __aiter__(self) -> AsyncIterator[Change]:
        changes, letters = await self._find()
        for change in _known_letters(changes, (await letters).folder_id[0]):
            yield change
        async for letter in letters:
            yield Change(ChangeKind.NEW, letter.uid, letter.flags, letter, letter.folder)
        self.mark = changes.mark


# The steps.


def _known_letters(changes: FolderChanges, folder: str) -> Iterator[Change]:
    for uid in changes.gone:
        yield Change(ChangeKind.GONE, uid, folder=folder)
    for uid, flags in changes.changed:
        yield Change(ChangeKind.CHANGED, uid, flags, folder=folder)
