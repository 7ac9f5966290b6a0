"""Letters of an AsyncImapSession: search results, new letters, and single letters whose content is awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from courriel import errors
from courriel.model.received.folder import FolderPosition
from courriel.session.imap.letters import FolderLetter, Letters, MailboxLetter
from courriel.session.imap.watch import Watch
from courriel.wire.parse.letter import AsyncLetter

if TYPE_CHECKING:
    from typing import Self

    from courriel.session.imap.awaited import AsyncImapSession


class AsyncMailboxLetter(FolderLetter, AsyncLetter):
    """A letter in an IMAP folder, as MailboxLetter; complete after `await letter.load()`.

    Before that, whatever needs more than its header raises UsageError.
    """

    def __init__(self, session: AsyncImapSession, letter: MailboxLetter) -> None:
        self._set_server_data(letter.folder_id, letter.uid, letter.fetch_data)
        super().__init__(header=letter.raw_header, whole=letter.raw if letter.loaded else _not_loaded, size=letter.size)
        self._fetch = partial(session.content_of, letter)


class AsyncLetters:
    """Search result: `async for` searches and yields the letters, `await` only searches."""

    def __init__(self, session: AsyncImapSession, find: Callable[[], Letters]) -> None:
        self._session = session
        self._find = find
        self._found: Letters | None = None

    def __await__(self) -> Generator[Any, None, Self]:
        return self._run_query().__await__()

    async def __aiter__(self) -> AsyncIterator[AsyncMailboxLetter]:
        await self._run_query()
        batches = self.known().in_batches(self.uids)
        while batch := await self._session.run(lambda: next(batches, None)):
            for letter in batch:
                yield AsyncMailboxLetter(self._session, letter)

    @property
    def uids(self) -> tuple[int, ...]:
        """UIDs of the letters. Raises UsageError before the search was awaited."""
        return self.known().uids

    @property
    def folder_id(self) -> tuple[str, int]:
        """Name of their folder, and its UIDVALIDITY."""
        return self.known().folder_id

    def __len__(self) -> int:
        return len(self.uids)

    # The steps.

    async def _run_query(self) -> Self:
        if self._found is None:
            self._found = await self._session.run(self._find)
        return self

    def known(self) -> Letters:
        """The result of the blocking search. Raises UsageError before it was awaited."""
        if self._found is None:
            raise errors.UsageError("these letters have not been looked for yet: await them, or use `async for`")
        return self._found


class AsyncWatch:
    """Iterator over new letters: `async for letter in session.watch()`; see Watch.

    A wait that is cancelled (`asyncio.timeout` around `anext`) loses nothing, and the session stays open.
    """

    def __init__(self, session: AsyncImapSession, begin: Callable[[], Watch]) -> None:
        self._session = session
        self._begin = begin
        self._watch: Watch | None = None
        self._stopped = False

    @property
    def mark(self) -> FolderPosition:
        """Position reached in the folder. Raises UsageError before the watch began."""
        if self._watch is None:
            raise errors.UsageError("this watch has not begun yet: use `async with`, or `async for`")
        return self._watch.mark

    async def begin(self) -> Self:
        """Select the folder now: letters that arrive from this moment on are new."""
        if self._watch is None:
            self._watch = await self._session.run(self._begin)
        return self

    def stop(self) -> None:
        """End the iteration; callable from any task or thread."""
        self._stopped = True
        if self._watch is not None:
            self._watch.stop()

    def close(self) -> None:
        """Stop, and free the resources; the session stays open."""
        self.stop()
        if self._watch is not None:
            self._watch.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AsyncMailboxLetter:
        await self.begin()
        assert self._watch is not None, "it has begun"
        while not self._stopped:
            if self._watch.ready:
                return AsyncMailboxLetter(self._session, self._watch.take())
            await self._session.run(self._watch.look, self._watch.wake)
        self.close()
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return await self.begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# The steps.


def _not_loaded() -> bytes:
    raise errors.UsageError("this letter is not here yet: await letter.load() first")
