"""Letters of an AsyncImapSession: search results, and single letters whose content is awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from courriel import errors
from courriel.session.imap.letters import FolderLetter, FoundLetters, LetterSequence
from courriel.wire.parse.letter import AsyncLetter

if TYPE_CHECKING:
    from typing import Self

    from courriel.wire.imap.fetched import Fetched


class AsyncLetterSource(Protocol):
    """The session that letters are fetched by."""

    async def content_of(self, letter: AsyncMailboxLetter) -> bytes:
        """All octets of a letter."""
        ...

    def read(
        self, folder_id: tuple[str, int], uids: Sequence[int], *, whole: bool = False, listing: bool = False
    ) -> AsyncIterator[AsyncMailboxLetter]:
        """Iterate over letters."""
        ...


class AsyncMailboxLetter(FolderLetter, AsyncLetter):
    """A letter in an IMAP folder, as MailboxLetter; complete after `await letter.load()`.

    Before that, whatever needs more than its header raises UsageError.
    """

    def __init__(self, session: AsyncLetterSource, folder_id: tuple[str, int], data: Fetched) -> None:
        self.folder_id, self.uid, self._fetched = folder_id, data.uid, data
        self._session = session
        whole, size = data.whole, data.size or 0
        loaded = whole is not None and (bool(whole) or not size)
        super().__init__(
            header=data.header or _not_loaded, whole=whole if loaded and whole is not None else _not_loaded, size=size
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.uid} in {self.folder!r}, {self.size:,} octets>"

    # The steps.

    async def _awaited_whole(self) -> bytes:
        return await self._session.content_of(self)


class AsyncLetters(LetterSequence):
    """Search result: `async for` searches and yields the letters, `await` only searches."""

    def __init__(
        self,
        session: AsyncLetterSource,
        find: Callable[[], Awaitable[FoundLetters]],
        *,
        whole: bool = False,
        listing: bool = False,
    ) -> None:
        self._session = session
        self._find = find
        self.whole, self.listing = whole, listing

    def __await__(self) -> Generator[Any, None, Self]:
        return self._run_query().__await__()

    async def __aiter__(self) -> AsyncIterator[AsyncMailboxLetter]:
        await self._run_query()
        async for letter in self._session.read(self.folder_id, self.uids, whole=self.whole, listing=self.listing):
            yield letter

    # The steps.

    async def _run_query(self) -> Self:
        if self._found is None:
            self._found = await self._find()
        return self


# The steps.


def _not_loaded() -> bytes:
    raise errors.UsageError("this letter is not here yet: await letter.load() first")
