"""IMAP sessions for asyncio: the methods of ImapSession, awaited; a thread of their own does the blocking.

IMAPClient blocks, so this session runs in a thread (docs/decisions/0016). A cancelled call closes the connection, as
everywhere else; a cancelled wait for a new letter does not, and loses none.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from courriel._dataclass import replace
from courriel.model.credentials import Credentials, Token, TokenSource
from courriel.model.received.folder import Filed, Folder, FolderPosition, FolderStatus, Selection
from courriel.model.received.limits import ReadLimits
from courriel.model.received.search import Search
from courriel.model.server import Server, Timeouts
from courriel.network.single_thread import SingleThread
from courriel.network.transcripts.transcript import Transcript
from courriel.session.imap.append import Putable
from courriel.session.imap.awaited_letters import AsyncLetters, AsyncMailboxLetter, AsyncWatch
from courriel.session.imap.folders import INBOX
from courriel.session.imap.letters import MailboxLetter
from courriel.session.imap.session import ImapLetterRefs, ImapSession

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")

AsyncImapLetterRefs: TypeAlias = "ImapLetterRefs | AsyncLetters"
"""One letter or several: letter objects, or their numbers (UIDs) in the selected folder."""


class AsyncImapSession:
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session = ImapSession(
            server, self._credentials_in_our_loop(credentials), limits=limits, transcript=transcript
        )
        self._worker = SingleThread(f"imap {self._session.server}")

    async def open(self) -> Self:
        """Connect, start TLS, log in; see ImapSession.open."""
        self._loop = asyncio.get_running_loop()
        await self.run(self._session.open)
        return self

    @property
    def server(self) -> Server:
        """The server of this session."""
        return self._session.server

    @property
    def usable(self) -> bool:
        """Whether the session is open, as far as is known without asking the server."""
        return self._session.usable

    @property
    def busy(self) -> bool:
        """Whether a call is running: another one would raise UsageError meanwhile."""
        return self._session.busy

    @property
    def selected(self) -> Selection | None:
        """The selected folder."""
        return self._session.selected

    @property
    def capabilities(self) -> dict[str, str]:
        """Capabilities of the server, by name."""
        return self._session.capabilities

    @property
    def greeting(self) -> str:
        """Greeting text of the server."""
        return self._session.greeting

    @property
    def tls_version(self) -> str:
        """TLS version, for example "TLSv1.3"; empty without TLS."""
        return self._session.tls_version

    @property
    def mechanism(self) -> str:
        """SASL mechanism of the login, for example "SCRAM-SHA-256"."""
        return self._session.mechanism

    def change_timeouts(self, timeouts: Timeouts) -> None:
        """Replace the time limits, from the next wait on; see ImapSession.change_timeouts."""
        self._session.change_timeouts(timeouts)

    async def noop(self) -> None:
        """Send NOOP: checks the connection, and resets the server's idle timer."""
        await self.run(self._session.noop)

    async def close(self) -> None:
        """Log out and close the connection; see ImapSession.close."""
        try:
            await self.run(self._session.close)
        finally:
            self._worker.close()

    def hang_up(self) -> None:
        """Close the connection without LOGOUT, from any thread: a waiting call raises ConnectionFailed."""
        self._session.hang_up()

    # Folders.

    async def folders(self, pattern: str = "*") -> list[Folder]:
        """Folders whose names match; see ImapSession.folders."""
        return await self.run(partial(self._session.folders, pattern))

    async def special(self, use: str) -> str:
        """Name of the folder for "sent", "drafts", "trash", "junk" or "archive"; see ImapSession.special."""
        return await self.run(partial(self._session.special, use))

    async def select(self, folder: str = INBOX, *, read_only: bool = False) -> Selection:
        """Select this folder; see ImapSession.select."""
        return await self.run(partial(self._session.select, folder, read_only=read_only))

    async def status(self, folder: str = INBOX) -> FolderStatus:
        """Number of letters and of unread ones in a folder, without selecting it."""
        return await self.run(partial(self._session.status, folder))

    async def create(self, folder: str) -> None:
        """Create a folder, and subscribe to it."""
        await self.run(partial(self._session.create, folder))

    async def rename(self, folder: str, new_name: str) -> None:
        """Rename a folder; see ImapSession.rename."""
        await self.run(partial(self._session.rename, folder, new_name))

    async def remove(self, folder: str) -> None:
        """Remove a folder with all the letters in it, for good."""
        await self.run(partial(self._session.remove, folder))

    # Finding and reading.

    def search(self, search: Search | None = None, /, *, whole: bool = False, **wanted: Any) -> AsyncLetters:
        """Letters that match all criteria; see ImapSession.search. Nothing is sent before they are awaited."""
        return AsyncLetters(self, partial(self._session.search, search, whole=whole, **wanted))

    def fetch(self, letters: AsyncImapLetterRefs, *, whole: bool = False) -> AsyncLetters:
        """Letters of the selected folder by UID, as `search` returns them."""
        return AsyncLetters(self, partial(self._session.fetch, _blocking_letters(letters), whole=whole))

    def __aiter__(self) -> AsyncIterator[AsyncMailboxLetter]:
        """Iterate over the letters of the selected folder, by default INBOX; see ImapSession."""
        return aiter(self.search())

    async def find(self, *, message_id: str, folder: str | None = None) -> tuple[int, ...]:
        """UIDs of the letters with exactly this Message-ID; see ImapSession.find."""
        return await self.run(partial(self._session.find, message_id=message_id, folder=folder))

    async def content_of(self, letter: MailboxLetter) -> bytes:
        """The complete letter as bytes; it is not marked as seen."""
        return await self.run(partial(self._session.content_of, letter))

    # Changing.

    async def flag(self, letters: AsyncImapLetterRefs, *flags: str) -> None:
        """Set flags: "seen", "answered", "flagged", "draft", "deleted", or keywords of your own."""
        await self.run(partial(self._session.flag, _blocking_letters(letters), *flags))

    async def unflag(self, letters: AsyncImapLetterRefs, *flags: str) -> None:
        """Remove flags."""
        await self.run(partial(self._session.unflag, _blocking_letters(letters), *flags))

    async def copy(self, letters: AsyncImapLetterRefs, folder: str) -> dict[int, int]:
        """Copy letters into a folder; see ImapSession.copy."""
        return await self.run(partial(self._session.copy, _blocking_letters(letters), folder))

    async def move(self, letters: AsyncImapLetterRefs, folder: str) -> dict[int, int]:
        """Move letters into a folder; see ImapSession.move."""
        return await self.run(partial(self._session.move, _blocking_letters(letters), folder))

    async def delete(self, letters: AsyncImapLetterRefs) -> None:
        """Flag letters as deleted; `expunge` removes them."""
        await self.run(partial(self._session.delete, _blocking_letters(letters)))

    async def expunge(self, letters: AsyncImapLetterRefs | None = None) -> None:
        """Remove for good those of these letters that are flagged as deleted; see ImapSession.expunge."""
        await self.run(partial(self._session.expunge, None if letters is None else _blocking_letters(letters)))

    async def append(
        self,
        message: Putable,
        folder: str,
        *,
        flags: Sequence[str] = ("seen",),
        received: datetime.datetime | None = None,
    ) -> Filed:
        """Store a message in a folder, and return its position; see ImapSession.append."""
        return await self.run(partial(self._session.append, message, folder, flags=flags, received=received))

    # Watching.

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
        how = partial(
            self._session.watch,
            folder,
            after=after,
            renew=renew,
            poll=poll,
            patience=patience,
            start_again=start_again,
        )
        return AsyncWatch(self, how)

    # The steps.

    async def run(self, act: Callable[[], T], interrupt: Callable[[], object] | None = None) -> T:
        """Run `act` in the session's thread; cancelling closes the connection, or calls `interrupt` instead."""
        return await self._worker.run(act, interrupt or self._session.hang_up)

    def _credentials_in_our_loop(self, credentials: Credentials | None) -> Credentials | None:
        """The same credentials, with an awaitable token source run in our event loop."""
        if not isinstance(credentials, TokenSource):
            return credentials
        fetch, refresh = credentials.fetch, credentials.refresh

        def from_the_loop(given: Token | str | Awaitable[Token | str]) -> Token | str:
            if not isinstance(given, Awaitable):
                return given
            assert self._loop is not None, "the session is being opened"
            limit = self.server.timeouts.authenticate
            return asyncio.run_coroutine_threadsafe(_awaited(given), self._loop).result(limit)

        def refresh_from_the_thread(refused: str) -> Token | str:
            assert refresh is not None
            return from_the_loop(refresh(refused))

        return replace(
            credentials,
            fetch=lambda: from_the_loop(fetch()),
            refresh=refresh_from_the_thread if refresh is not None else None,
        )

    async def __aenter__(self) -> Self:
        return self if self.usable else await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{repr(self._session).removeprefix('<ImapSession')}"


def _blocking_letters(letters: AsyncImapLetterRefs) -> ImapLetterRefs:
    """The letters as the blocking session takes them."""
    return letters.known() if isinstance(letters, AsyncLetters) else letters


async def _awaited(given: Awaitable[T]) -> T:
    return await given
