"""IMAP session for asyncio: the methods of ImapSession, awaited.

A cancelled call closes the connection, as everywhere else; a cancelled wait for a new letter does not, and loses none.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.syncing import FolderChanges, changes_since
from courriel.model.received.account import LetterIds, Namespaces, Quota
from courriel.model.received.folder import Filed, Folder, FolderPosition, FolderStatus, Selection
from courriel.model.received.limits import ReadLimits
from courriel.model.received.part import LetterPart
from courriel.model.received.search import Search
from courriel.model.received.sorting import LetterOrder, LetterThread, algorithm, letter_order
from courriel.model.received.sync import SyncMark
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Server
from courriel.network.transcripts.transcript import Transcript
from courriel.network.waking.awaiting import AsyncWakeableLine
from courriel.session.imap.append import Putable
from courriel.session.imap.awaited_letters import AsyncLetters, AsyncMailboxLetter
from courriel.session.imap.letters import FoundLetters
from courriel.session.imap.mailbox import (
    INBOX,
    ImapLetterRefs,
    ImapMailboxState,
    as_imap_server,
    as_search,
    extent_of,
    folder_name,
    recorder_of,
)
from courriel.session.saving import SaveTarget, saving

if TYPE_CHECKING:
    from typing import Self

    from courriel.session.imap.awaited_watch import AsyncWatch
    from courriel.session.imap.change_watch import AsyncChangeWatch
    from courriel.session.imap.sync import AsyncSync

T = TypeVar("T")

AsyncImapLetterRefs: TypeAlias = "ImapLetterRefs | AsyncLetters"
"""One letter or several: letter objects, or their numbers (UIDs) in the selected folder."""


class AsyncImapSession(ImapMailboxState):
    """IMAP session for asyncio: the methods of ImapSession, awaited. Use it with `async with`.

    `async for letter in session.search(unseen=True)`; the content of a letter is there after `await letter.load()`.
    """

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        limits: ReadLimits = ReadLimits(),  # noqa: B008 - a value: it never changes
        transcript: Transcript | None = None,
    ) -> None:
        server = as_imap_server(server)
        self._line = AsyncWakeableLine(server, recorder_of(transcript))
        self._unfinished: asyncio.Task[None] | None = None
        super().__init__(server, credentials, self._line, limits)

    async def open(self) -> Self:
        """Connect, start TLS, log in; see ImapSession.open."""
        await self._line.run(self._dialogue.open(), opening=True)
        return self

    async def noop(self) -> None:
        """Send NOOP: checks the connection, and resets the server's idle timer."""
        await self._run(self._dialogue.noop())

    async def close(self) -> None:
        """Log out and close the connection; see ImapSession.close."""
        await self._finish()
        if self.usable and not self.busy:
            with suppress(errors.CourrielError):
                await self._line.run(self._dialogue.close())
        self.hang_up()

    # Folders.

    async def folders(self, pattern: str = "*") -> list[Folder]:
        """Folders whose names match; see ImapSession.folders."""
        return await self._run(self._list_folders(pattern))

    async def special(self, use: str) -> str:
        """Name of the folder for "sent", "drafts", "trash", "junk" or "archive"; see ImapSession.special."""
        return await self._run(self._find_special(use))

    async def select(self, folder: str = INBOX, *, read_only: bool = False) -> Selection:
        """Select this folder; see ImapSession.select."""
        return await self._run(self._select(folder, read_only=read_only))

    async def status(self, folder: str = INBOX) -> FolderStatus:
        """Number of letters and of unread ones in a folder, without selecting it."""
        return await self._run(self._count(folder))

    async def statuses(self, pattern: str = "*") -> list[FolderStatus]:
        """Number of letters and of unread ones in all folders whose names match; see ImapSession.statuses."""
        return await self._run(self._count_all(pattern))

    async def quota(self, folder: str = INBOX) -> tuple[Quota, ...]:
        """Quotas that hold for a folder; see ImapSession.quota."""
        return await self._run(self._quota(folder))

    async def namespaces(self) -> Namespaces:
        """Beginnings of the names of folders: own, others', shared; see ImapSession.namespaces."""
        return await self._run(self._namespaces())

    async def create(self, folder: str) -> None:
        """Create a folder, and subscribe to it."""
        await self._run(self._create(folder))

    async def rename(self, folder: str, new_name: str) -> None:
        """Rename a folder; see ImapSession.rename."""
        await self._run(self._rename(folder, new_name))

    async def remove(self, folder: str) -> None:
        """Remove a folder with all the letters in it, for good."""
        await self._run(self._remove(folder))

    # Finding and reading.

    def search(
        self,
        search: Search | None = None,
        /,
        *,
        whole: bool = False,
        listing: bool = False,
        sort: str | Sequence[str] = (),
        last: int | None = None,
        skip: int = 0,
        **wanted: Any,
    ) -> AsyncLetters:
        """Letters that match all criteria; see ImapSession.search. Nothing is sent before they are awaited."""
        _ = extent_of(whole=whole, listing=listing)
        found = partial(self._find, as_search(search, wanted), letter_order(sort, last, skip))
        return AsyncLetters(self, found, whole=whole, listing=listing)

    async def threads(
        self, search: Search | None = None, /, *, by: str = "references", **wanted: Any
    ) -> list[LetterThread]:
        """Conversations of the letters that match all criteria; see ImapSession.threads."""
        threads, _ = await self._run(self._threads(as_search(search, wanted), algorithm(by)))
        return threads

    def fetch(self, letters: AsyncImapLetterRefs, *, whole: bool = False, listing: bool = False) -> AsyncLetters:
        """Letters of the selected folder by UID, as `search` returns them."""
        _ = extent_of(whole=whole, listing=listing)
        return AsyncLetters(self, partial(self._resolve, letters), whole=whole, listing=listing)

    def __aiter__(self) -> AsyncIterator[AsyncMailboxLetter]:
        """Iterate over the letters of the selected folder, by default INBOX; see ImapSession."""
        return aiter(self.search())

    async def read(
        self, folder_id: tuple[str, int], uids: Sequence[int], *, whole: bool = False, listing: bool = False
    ) -> AsyncIterator[AsyncMailboxLetter]:
        """Iterate over letters of one folder, several commands ahead; see ImapSession.read."""
        stream = self._dialogue.stream(folder_id, uids, extent_of(whole=whole, listing=listing))
        try:
            while not stream.done:
                await self._run(stream.advance())
                for data in stream.results():
                    yield AsyncMailboxLetter(self, folder_id, data)
        finally:
            stream.drop()

    async def find(self, *, message_id: str, folder: str | None = None) -> tuple[int, ...]:
        """UIDs of the letters with exactly this Message-ID; see ImapSession.find."""
        return await self._run(self._find_message(message_id, folder))

    async def content_of(self, letter: AsyncMailboxLetter) -> bytes:
        """The complete letter as bytes; it is not marked as seen; see ImapSession.content_of."""
        return await self._run(self._content(letter))

    async def header_of(self, letter: AsyncMailboxLetter) -> bytes:
        """The header of a letter as bytes; see ImapSession.header_of."""
        return await self._run(self._dialogue.header(letter.folder_id, letter.uid))

    async def parts_of(self, letter: AsyncMailboxLetter) -> list[LetterPart]:
        """Parts of a letter, as far as the server knows them; see ImapSession.parts_of."""
        return await self._run(self._dialogue.parts(letter.folder_id, letter.uid))

    async def part_of(self, letter: AsyncMailboxLetter, part: LetterPart) -> bytes:
        """Decoded content of one part of a letter; see ImapSession.part_of."""
        return await self._run(self._part(letter, part))

    async def save(self, letter: AsyncMailboxLetter | int, place: SaveTarget, *, limit: int = 2**40) -> None:
        """Write one letter of any size into a new file; see ImapSession.save. File writes block the loop."""
        folder_id, uids = await self._run(self._identify(letter))
        with saving(place) as write:
            await self._run(self._dialogue.save(folder_id, uids[0], write, limit))

    async def ids_of(self, letters: AsyncImapLetterRefs) -> dict[int, LetterIds]:
        """Ids of letters that last when they are moved, by UID; see ImapSession.ids_of."""
        return await self._run(self._ids(letters))

    async def labels_of(self, letters: AsyncImapLetterRefs) -> dict[int, frozenset[str]]:
        """Labels of letters by UID, at Gmail; see ImapSession.labels_of."""
        return await self._run(self._labels(letters))

    # Changing.

    async def add_labels(self, letters: AsyncImapLetterRefs, *labels: str) -> None:
        """Set labels of letters, at Gmail. Raises NotSupported elsewhere."""
        await self._run(self._store_labels(letters, labels, add=True))

    async def remove_labels(self, letters: AsyncImapLetterRefs, *labels: str) -> None:
        """Remove labels of letters, at Gmail. Raises NotSupported elsewhere."""
        await self._run(self._store_labels(letters, labels, add=False))

    async def flag(self, letters: AsyncImapLetterRefs, *flags: str) -> None:
        """Set flags: "seen", "answered", "flagged", "draft", "deleted", or keywords of your own; see ImapSession."""
        await self._run(self._store(letters, flags, add=True))

    async def unflag(self, letters: AsyncImapLetterRefs, *flags: str) -> None:
        """Remove flags."""
        await self._run(self._store(letters, flags, add=False))

    async def copy(self, letters: AsyncImapLetterRefs, folder: str) -> dict[int, int]:
        """Copy letters into a folder; see ImapSession.copy."""
        return await self._run(self._copy(letters, folder))

    async def move(self, letters: AsyncImapLetterRefs, folder: str) -> dict[int, int]:
        """Move letters into a folder; see ImapSession.move."""
        return await self._run(self._move(letters, folder))

    async def delete(self, letters: AsyncImapLetterRefs) -> None:
        """Flag letters as deleted; `expunge` removes them."""
        await self.flag(letters, "deleted")

    async def expunge(self, letters: AsyncImapLetterRefs | None = None) -> None:
        """Remove for good those of these letters that are flagged as deleted; see ImapSession.expunge."""
        await self._run(self._expunge(letters))

    async def append(
        self,
        message: Putable,
        folder: str,
        *,
        flags: Sequence[str] = ("seen",),
        received: datetime.datetime | None = None,
    ) -> Filed:
        """Store a message in a folder, and return its position; see ImapSession.append."""
        return await self._run(self._append(message, folder, flags, received))

    # Watching.

    def sync(self, folder: str = INBOX, *, since: SyncMark | None = None) -> AsyncSync:
        """Changes of a folder since a mark, for `async for`; see ImapSession.sync."""
        from courriel.session.imap.sync import AsyncSync  # noqa: PLC0415 - only for it

        name = folder_name(folder)

        async def find() -> tuple[FolderChanges, AsyncLetters]:
            changes = await self._run(changes_since(self._dialogue, name, since))
            place = self._dialogue.place

            async def known() -> FoundLetters:
                return place, changes.new, ""

            return changes, AsyncLetters(self, known)

        return AsyncSync(find, since)

    def watch(
        self,
        folder: str = INBOX,
        *,
        after: FolderPosition | None = None,
        renew: float = 540,
        poll: float = 60,
        patience: float = 3600,
        start_again: bool = False,
    ) -> AsyncWatch:
        """Iterator over new letters; see ImapSession.watch. It starts with its `async with`, or with the first wait."""
        from courriel.session.imap.awaited_watch import AsyncWatch  # noqa: PLC0415 - only for watching
        from courriel.session.imap.watch_state import WatchState  # noqa: PLC0415

        state = WatchState(
            self._dialogue, folder_name(folder), after, renew=renew, poll=poll, patience=patience,
            start_again=start_again,
        )  # fmt: skip
        return AsyncWatch(self, self._line, state, self._finish_first)

    def watch_changes(
        self,
        *folders: str,
        since: SyncMark | Mapping[str, SyncMark] | None = None,
        renew: float = 540,
        poll: float = 60,
        turn: float = 60,
        patience: float = 3600,
        start_again: bool = False,
    ) -> AsyncChangeWatch:
        """Iterator over changes of folders; see ImapSession.watch_changes."""
        from courriel.session.imap.change_state import ChangeState  # noqa: PLC0415 - only for watching
        from courriel.session.imap.change_watch import AsyncChangeWatch, marks_of, watched  # noqa: PLC0415

        names = watched(folders)
        state = ChangeState(
            self._dialogue, names, marks_of(since, names), renew=renew, poll=poll, turn=turn, patience=patience,
            start_again=start_again,
        )  # fmt: skip
        return AsyncChangeWatch(self, self._line, state, self._finish_first)

    async def wait_for_news(self, seconds: float) -> bool:
        """Wait for changes in the selected folder, for at most `seconds`; see ImapSession.wait_for_news."""
        return await self._run(self._idle(seconds))

    # The steps.

    async def _run(self, flow: Flow[T]) -> T:
        """Run one flow, after a watch whose wait was cancelled has ended its IDLE."""
        await self._finish()
        return await self._line.run(flow)

    def _finish_first(self, task: asyncio.Task[None]) -> None:
        """Let the next call wait for this task of a watch."""
        self._unfinished = task
        task.add_done_callback(_ignore_result)

    async def _find(self, search: Search, order: LetterOrder) -> FoundLetters:
        return await self._run(self._search(search, order))

    async def _resolve(self, letters: AsyncImapLetterRefs) -> FoundLetters:
        return (*await self._run(self._identify(letters)), "")

    async def _finish(self) -> None:
        task, self._unfinished = self._unfinished, None
        if task is not None and not task.done():
            _ = await asyncio.wait([task])

    async def __aenter__(self) -> Self:
        return self if self.usable else await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


# The steps.


def _ignore_result(task: asyncio.Task[None]) -> None:
    """Take the error of a look that nobody waits for: the next one meets it again."""
    if not task.cancelled():
        _ = task.exception()
