"""IMAP sessions for asyncio: the same words as ImapSession, awaited; a thread of its own does the waiting.

IMAPClient blocks, so this is the one session that is not awaited to the bottom (docs/decisions/0016). A cancelled call
hangs up, as everywhere else; a cancelled wait for a new letter does not, and loses none.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from courriel.model.credentials import Credentials, Token, TokenSource
from courriel.model.folder import Filed, Folder, FolderStatus, Mark, Selection
from courriel.model.limits import Limits
from courriel.model.search import Search
from courriel.model.server import Server, Timeouts
from courriel.network.transcript import Transcript
from courriel.network.worker import Worker
from courriel.session.imap import ImapSession, Which
from courriel.session.imap_awaited_letters import AsyncLetters, AsyncWatch
from courriel.session.imap_folders import INBOX
from courriel.session.imap_letters import MailboxLetter
from courriel.session.imap_putting import Putable

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")

AsyncWhich: TypeAlias = "Which | AsyncLetters"
"""Letters, by themselves or by their numbers (UIDs) in the folder that is selected."""


class AsyncImapSession:
    """An open mailbox for asyncio: the same words as ImapSession, awaited. Use it with `async with`.

    `async for letter in session.search(unseen=True)`; what a letter holds is there after `await letter.load()`.
    """

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        limits: Limits = Limits(),  # noqa: B008 - a value: it never changes
        transcript: Transcript | None = None,
    ) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session = ImapSession(server, self._asked_here(credentials), limits=limits, transcript=transcript)
        self._worker = Worker(f"imap {self._session.server}")

    async def open(self) -> Self:
        """Connect, secure the line, log in; see ImapSession.open."""
        self._loop = asyncio.get_running_loop()
        await self.run(self._session.open)
        return self

    @property
    def server(self) -> Server:
        """Whom we speak to."""
        return self._session.server

    @property
    def usable(self) -> bool:
        """Whether the session is open, as far as is known without asking the server."""
        return self._session.usable

    @property
    def selected(self) -> Selection | None:
        """The folder that the session works in."""
        return self._session.selected

    @property
    def capabilities(self) -> dict[str, str]:
        """What the server said it can do, by name."""
        return self._session.capabilities

    @property
    def greeting(self) -> str:
        """How the server introduced itself."""
        return self._session.greeting

    @property
    def tls_version(self) -> str:
        """What protects the line, for example "TLSv1.3"; empty in clear."""
        return self._session.tls_version

    @property
    def mechanism(self) -> str:
        """How we logged in, for example "SCRAM-SHA-256"."""
        return self._session.mechanism

    def change_timeouts(self, timeouts: Timeouts) -> None:
        """Bear other silences, from the next wait on; see ImapSession.change_timeouts."""
        self._session.change_timeouts(timeouts)

    async def noop(self) -> None:
        """Ask whether the server is still there, and keep it from falling asleep."""
        await self.run(self._session.noop)

    async def close(self) -> None:
        """Say goodbye and hang up; see ImapSession.close."""
        try:
            await self.run(self._session.close)
        finally:
            self._worker.close()

    def hang_up(self) -> None:
        """Cut the line without a word."""
        self._session.hang_up()

    # Folders.

    async def folders(self, pattern: str = "*") -> list[Folder]:
        """The folders whose names fit; see ImapSession.folders."""
        return await self.run(partial(self._session.folders, pattern))

    async def special(self, use: str) -> str:
        """The name of the folder that is kept for "sent", "drafts", "trash", "junk" or "archive"."""
        return await self.run(partial(self._session.special, use))

    async def select(self, folder: str = INBOX, *, read_only: bool = False) -> Selection:
        """Work in this folder from now on; see ImapSession.select."""
        return await self.run(partial(self._session.select, folder, read_only=read_only))

    async def status(self, folder: str = INBOX) -> FolderStatus:
        """How many letters a folder holds, and how many were not read, without selecting it."""
        return await self.run(partial(self._session.status, folder))

    async def create(self, folder: str) -> None:
        """Make a folder, and show it in mail programs."""
        await self.run(partial(self._session.create, folder))

    async def rename(self, folder: str, new_name: str) -> None:
        """Call a folder something else."""
        await self.run(partial(self._session.rename, folder, new_name))

    async def remove(self, folder: str) -> None:
        """Remove a folder with all the letters in it, for good."""
        await self.run(partial(self._session.remove, folder))

    # Finding and reading.

    def search(self, what: Search | None = None, /, *, whole: bool = False, **wanted: Any) -> AsyncLetters:
        """The letters for which all of this holds; see ImapSession.search. Nothing is asked before they are awaited."""
        return AsyncLetters(self, partial(self._session.search, what, whole=whole, **wanted))

    def fetch(self, which: AsyncWhich, *, whole: bool = False) -> AsyncLetters:
        """These letters of the selected folder, as `search` gives them."""
        return AsyncLetters(self, partial(self._session.fetch, _plain(which), whole=whole))

    async def find(self, *, message_id: str, folder: str | None = None) -> tuple[int, ...]:
        """The numbers of the letters that have exactly this Message-ID; see ImapSession.find."""
        return await self.run(partial(self._session.find, message_id=message_id, folder=folder))

    async def content_of(self, letter: MailboxLetter) -> bytes:
        """The whole letter to the octet; it is not marked as seen."""
        return await self.run(partial(self._session.content_of, letter))

    # Changing.

    async def flag(self, which: AsyncWhich, *flags: str) -> None:
        """Set flags: "seen", "answered", "flagged", "draft", "deleted", or keywords of one's own."""
        await self.run(partial(self._session.flag, _plain(which), *flags))

    async def unflag(self, which: AsyncWhich, *flags: str) -> None:
        """Take flags away."""
        await self.run(partial(self._session.unflag, _plain(which), *flags))

    async def copy(self, which: AsyncWhich, folder: str) -> dict[int, int]:
        """Copy letters into a folder; see ImapSession.copy."""
        return await self.run(partial(self._session.copy, _plain(which), folder))

    async def move(self, which: AsyncWhich, folder: str) -> dict[int, int]:
        """Move letters into a folder; see ImapSession.move."""
        return await self.run(partial(self._session.move, _plain(which), folder))

    async def delete(self, which: AsyncWhich) -> None:
        """Flag letters as deleted; they are gone when they are expunged."""
        await self.run(partial(self._session.delete, _plain(which)))

    async def expunge(self, which: AsyncWhich | None = None) -> None:
        """Remove for good these letters, as far as they are flagged as deleted; without any, all that are."""
        await self.run(partial(self._session.expunge, None if which is None else _plain(which)))

    async def append(
        self,
        message: Putable,
        folder: str,
        *,
        flags: Sequence[str] = ("seen",),
        received: datetime.datetime | None = None,
    ) -> Filed:
        """Put a message into a folder, and say where it is; see ImapSession.append."""
        return await self.run(partial(self._session.append, message, folder, flags=flags, received=received))

    # Watching.

    def watch(
        self,
        folder: str = INBOX,
        *,
        after: Mark | None = None,
        renew: float = 540,
        poll: float = 60,
        patience: float = 3600,
        start_again: bool = False,
    ) -> AsyncWatch:
        """New letters as they come; see ImapSession.watch. It begins with its `async with`, or with the first wait."""
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
        """Have the session's thread do this; a cancelled call hangs up, unless something gentler interrupts it."""
        return await self._worker.run(act, interrupt or self._session.hang_up)

    def _asked_here(self, credentials: Credentials | None) -> Credentials | None:
        """The same credentials; a token source that is to be awaited is awaited in our loop."""
        if not isinstance(credentials, TokenSource):
            return credentials
        fetch = credentials.fetch

        def fetch_from_the_thread() -> Token | str:
            given = fetch()
            if not isinstance(given, Awaitable):
                return given
            assert self._loop is not None, "the session is being opened"
            limit = self.server.timeouts.authenticate
            return asyncio.run_coroutine_threadsafe(_awaited(given), self._loop).result(limit)

        return TokenSource(credentials.user, fetch_from_the_thread)

    async def __aenter__(self) -> Self:
        return self if self.usable else await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{repr(self._session).removeprefix('<ImapSession')}"


def _plain(which: AsyncWhich) -> Which:
    """Letters as the session of those who block knows them."""
    return which.known() if isinstance(which, AsyncLetters) else which


async def _awaited(given: Awaitable[T]) -> T:
    return await given
