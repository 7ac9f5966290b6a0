"""New letters of an IMAP folder as they arrive, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from courriel import errors
from courriel.model.received.folder import FolderPosition
from courriel.network.waking.awaiting import AsyncWakeableLine
from courriel.session.imap.awaited_letters import AsyncMailboxLetter

if TYPE_CHECKING:
    from typing import Self

    from courriel.session.imap.awaited import AsyncImapSession
    from courriel.session.imap.watch_state import WatchState


T = TypeVar("T")


class AsyncWatching(Generic[T]):
    """Iterator over what happens in folders, for asyncio; see Watching."""

    def __init__(
        self,
        session: AsyncImapSession,
        line: AsyncWakeableLine,
        state: WatchState,
        finish_first: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self._session, self._line, self._state = session, line, state
        self._finish_first = finish_first
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None  # goes on when the wait for it is cancelled

    async def begin(self) -> Self:
        """Select the folder now: what happens from this moment on is new."""
        if self._loop is None:
            if not self._session.usable:
                await self._session.open()
            await self._line.run(self._state.begin())
            self._loop = asyncio.get_running_loop()
        return self

    def stop(self) -> None:
        """End the iteration; callable from any task or thread."""
        self._state.stopped = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Stop, and free the resources; the session stays open."""
        self.stop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        await self.begin()
        state = self._state
        while not state.stopped:
            if state.ready:
                return self._take()
            await self._wait_for_look()
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return await self.begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The steps.

    def _take(self) -> T:
        """The next result of what was fetched."""
        raise NotImplementedError

    async def _wait_for_look(self) -> None:
        """Wait for the current look at the folder, or for a new one; it goes on when this wait is cancelled."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        looking = self._looking
        try:
            await asyncio.shield(looking)
        except asyncio.CancelledError:
            if not looking.done():
                # It ends IDLE now, and keeps what it found; the next call on the session waits for that.
                self._finish_first(looking)
                self._wake()
            raise
        finally:
            if looking.done():
                self._looking = None

    async def _look(self) -> None:
        """Fetch new letters; without any, wait once for a change, or before reconnecting."""
        opened = self._session.usable
        try:
            if not opened:
                await self._session.open()
            opened = True
            found = await self._line.run(self._state.fetch_new())
            self._state.answered()
            if not found and not self._state.stopped:
                await self._wait_for_news()
        except errors.CourrielError as lost:
            if not self._state.stopped:
                await self._rest(self._state.bear(lost, opened=opened))
        else:
            self._state.went_well()

    async def _wait_for_news(self) -> None:
        if self._state.idles:
            _ = await self._line.run(self._state.idle())
            self._line.hush()
        else:
            await self._rest(self._state.poll)
            await self._line.run(self._state.poll_server())

    async def _rest(self, seconds: float) -> None:
        if not self._state.stopped:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
        self._woken.clear()

    def _wake(self) -> None:
        self._woken.set()
        self._line.wake()


class AsyncWatch(AsyncWatching[AsyncMailboxLetter]):
    """Iterator over new letters: `async for letter in session.watch()`; see Watch.

    A wait that is cancelled (`asyncio.timeout` around `anext`) loses nothing, and the session stays open.
    """

    @property
    def folder(self) -> str:
        """Name of the folder."""
        return self._state.folder

    @property
    def mark(self) -> FolderPosition:
        """Position reached in the folder. Raises UsageError before the watch began."""
        if self._loop is None:
            raise errors.UsageError("this watch has not begun yet: use `async with`, or `async for`")
        return self._state.mark

    # The steps.

    def _take(self) -> AsyncMailboxLetter:
        return AsyncMailboxLetter(self._session, self._state.folder_id, self._state.take())
