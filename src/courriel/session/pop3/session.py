"""POP3 sessions, blocking and asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.dialogue.pop3.client import BURST
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Server
from courriel.network import blocking
from courriel.network.transcripts.transcript import Transcript, log_if_wanted
from courriel.session.pop3.letter import AsyncPopLetter, PopLetter
from courriel.session.pop3.mailbox import LARGEST, PopLetterRef, PopMailboxState, as_pop_server, check_window
from courriel.session.saving import SaveTarget, saving

if TYPE_CHECKING:
    from typing import Self


class PopSession(PopMailboxState):
    """POP3 session: an open mailbox. Use it with `with`, or call `open()` and `close()`.

        with PopSession(Server("pop.example.org"), Password("orders@example.org", secret)) as box:
            for letter in box:
                print(letter.subject)  # Order 7
                box.delete(letter)

    `server` is a Server, or a host name (then TLS on port 995). `len(box)` is the number of letters, `box[0]` the
    oldest, `box[-1]` the newest; iteration yields them in this order, headers fetched ahead, the rest on first access.
    Deleted letters are removed when the session is closed, not before; when `with` is left by an exception the
    deletions are undone: a letter read twice is better than one lost. `largest` is the most bytes of one letter that
    are read into memory; `save` has no such limit. A `transcript` records the conversation, without secrets and
    letters. A session serves one call at a time; a concurrent call raises UsageError.
    """

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        largest: int = LARGEST,
        transcript: Transcript | None = None,
    ) -> None:
        server = as_pop_server(server)
        self._line = blocking.Line(server, transcript if transcript is not None else log_if_wanted("courriel.pop3"))
        super().__init__(server, credentials, self._line, largest)

    def open(self) -> Self:
        """Connect, start TLS, log in, count the letters; an older connection is closed first.

        Raises ConnectionFailed (NameNotFound, TimedOut, TlsFailed), AuthenticationRefused, MailboxRefused when another
        client has the mailbox open, CommandRefused, NotSupported, RemoteProtocolError; InvalidServer when credentials
        would be sent without TLS.
        """
        self._line.run(self._dialogue.open(), opening=True)
        return self

    def sizes(self) -> dict[int, int]:
        """Size of each letter in bytes, by its number; fetched once (LIST)."""
        self._expect_open()
        if not self._dialogue.sizes:
            self._line.run(self._dialogue.list_sizes())
        return self._dialogue.sizes

    def uids(self) -> dict[int, str]:
        """Unique id of each letter, by its number; fetched once (UIDL). Raises CommandRefused without UIDL."""
        self._expect_open()
        if not self._dialogue.uids:
            self._line.run(self._dialogue.list_uids())
        return self._dialogue.uids

    def __getitem__(self, index: int) -> PopLetter:
        """The letter at this index: 0 is the oldest, -1 the newest. Raises IndexError."""
        return PopLetter(self, self._number_at(index), self._dialogue.connection_id)

    def __iter__(self) -> Iterator[PopLetter]:
        """Iterate over letters not deleted, oldest first; headers are fetched ahead where the server has TOP."""
        connection_id = self._dialogue.connection_id
        if not self._dialogue.gives_heads:
            self._line.run(self._dialogue.list_sizes())
            return (PopLetter(self, number, connection_id) for number in self._numbers(None))
        return self._read(connection_id, None, BURST, heads=True)

    def fetch(self, letter: PopLetterRef) -> PopLetter:
        """Fetch one letter with its content.

        Raises LetterRefused, LetterTooLarge before it is requested; RemoteProtocolError ends the session.
        """
        letter = self._as_letter(letter)
        letter.keep(self._line.run(self._dialogue.retrieve(self._number(letter))))
        return letter

    def fetch_head(self, letter: PopLetterRef) -> PopLetter:
        """Fetch the header of one letter; the complete letter where the server lacks TOP."""
        if not self._dialogue.gives_heads:
            return self.fetch(letter)
        letter = self._as_letter(letter)
        try:
            letter.keep(self._line.run(self._dialogue.retrieve_head(self._number(letter))), head=True)
        except errors.LetterRefused:
            return self.fetch(letter)  # some servers announce TOP, and refuse it
        return letter

    def fetch_many(self, letters: Iterable[PopLetterRef] | None = None, *, window: int = BURST) -> Iterator[PopLetter]:
        """Iterate over these letters, or over all that are not deleted, each with its content.

        They are requested ahead, `window` letters and a megabyte at a time, where the server supports PIPELINING;
        memory stays constant. A letter that is refused or too large is yielded all the same: reading its content raises
        the error. Any other call on the session meanwhile waits for the letters requested: delete many at once rather
        than each in turn.
        """
        check_window(window)
        return self._read(self._dialogue.connection_id, None if letters is None else self._numbers(letters), window)

    def save(self, letter: PopLetterRef, target: SaveTarget, *, limit: int = 2**40) -> None:
        """Write one letter of any size into a new file, in portions; an existing file is never overwritten.

        `target` is a path, or a binary file opened for writing. More than `limit` bytes end the session. A file that
        could not be written completely is removed. Raises LetterRefused, OSError.
        """
        number = self._number(letter)
        with saving(target) as write:
            self._line.run(self._dialogue.save(number, write, limit))

    def delete(self, *letters: PopLetterRef) -> None:
        """Mark letters as deleted; they are removed when the session is closed, not before.

        Several at once cost one round trip where the server supports PIPELINING. Raises LetterRefused, after all were
        requested.
        """
        numbers = [each if isinstance(each, int) and each in self.deleted else self._number(each) for each in letters]
        self._line.run(self._dialogue.delete(numbers))

    def undo(self) -> None:
        """Unmark all deleted letters (RSET)."""
        self._line.run(self._dialogue.undo())

    def noop(self) -> None:
        """Send NOOP: checks the connection, and resets the server's idle timer."""
        self._line.run(self._dialogue.noop())

    def close(self) -> None:
        """Send QUIT, which makes the deletions final, and close the connection.

        Raises CommandRefused when the server could not delete all of them, ConnectionFailed with `in_doubt` when there
        was no answer. Never raises when nothing was deleted.
        """
        try:
            if self.usable:
                self._line.run(self._dialogue.close())
        except errors.CourrielError:
            if self._dialogue.deleted:
                raise
        finally:
            self._line.hang_up()

    def __enter__(self) -> Self:
        return self if self.usable else self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        with suppress(errors.CourrielError):
            if self.usable and self._dialogue.deleted:
                self.undo()
        if self._dialogue.deleted:
            self._line.hang_up()  # a connection closed without QUIT deletes nothing (RFC 1939 6)
        self.close()

    # The steps.

    def _as_letter(self, letter: PopLetterRef) -> PopLetter:
        return (
            letter
            if isinstance(letter, PopLetter)
            else PopLetter(self, self._number(letter), self._dialogue.connection_id)
        )

    def _read(
        self, connection_id: int, numbers: list[int] | None, window: int, *, heads: bool = False
    ) -> Iterator[PopLetter]:
        self._line.run(self._dialogue.list_sizes())
        reading = self._retrieval(connection_id, numbers, window, heads)
        while not reading.done:
            for number, result in reading.results():
                letter = PopLetter(self, number, connection_id)
                letter.keep(result, head=heads)
                yield letter
            self._line.run(reading.advance())


class AsyncPopSession(PopMailboxState):
    """POP3 session for asyncio: the methods of PopSession, awaited. Use it with `async with`."""

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        largest: int = LARGEST,
        transcript: Transcript | None = None,
    ) -> None:
        from courriel.network import awaiting  # noqa: PLC0415 - blocking programs do not pay for asyncio

        server = as_pop_server(server)
        self._line = awaiting.AsyncLine(
            server, transcript if transcript is not None else log_if_wanted("courriel.pop3")
        )
        super().__init__(server, credentials, self._line, largest)

    async def open(self) -> Self:
        """Connect, start TLS, log in, count the letters; see PopSession.open."""
        await self._line.run(self._dialogue.open(), opening=True)
        return self

    async def sizes(self) -> dict[int, int]:
        """Size of each letter in bytes, by its number; fetched once (LIST)."""
        self._expect_open()
        if not self._dialogue.sizes:
            await self._line.run(self._dialogue.list_sizes())
        return self._dialogue.sizes

    async def uids(self) -> dict[int, str]:
        """Unique id of each letter, by its number; fetched once (UIDL). Raises CommandRefused without UIDL."""
        self._expect_open()
        if not self._dialogue.uids:
            await self._line.run(self._dialogue.list_uids())
        return self._dialogue.uids

    def __getitem__(self, index: int) -> AsyncPopLetter:
        """The letter at this index, not loaded yet: 0 is the oldest, -1 the newest. Raises IndexError."""
        return AsyncPopLetter(self, self._number_at(index), self._dialogue.connection_id)

    async def __aiter__(self) -> AsyncIterator[AsyncPopLetter]:
        """Iterate over letters not deleted, oldest first, each with its header; see PopSession."""
        connection_id = self._dialogue.connection_id
        if self._dialogue.gives_heads:
            async for letter in self._read(connection_id, None, BURST, heads=True):
                yield await self._with_head(letter)
            return
        await self._line.run(self._dialogue.list_sizes())
        for number in self._numbers(None):
            yield await self._with_head(AsyncPopLetter(self, number, connection_id))

    async def fetch(self, letter: PopLetterRef) -> AsyncPopLetter:
        """Fetch one letter with its content; see PopSession.fetch."""
        letter = self._as_letter(letter)
        letter.keep(await self._line.run(self._dialogue.retrieve(self._number(letter))))
        return letter

    async def fetch_head(self, letter: PopLetterRef) -> AsyncPopLetter:
        """Fetch the header of one letter; see PopSession.fetch_head."""
        if not self._dialogue.gives_heads:
            return await self.fetch(letter)
        letter = self._as_letter(letter)
        try:
            letter.keep(await self._line.run(self._dialogue.retrieve_head(self._number(letter))), head=True)
        except errors.LetterRefused:
            return await self.fetch(letter)
        return letter

    def fetch_many(
        self, letters: Iterable[PopLetterRef] | None = None, *, window: int = BURST
    ) -> AsyncIterator[AsyncPopLetter]:
        """Iterate over these letters, or all not deleted, each with its content; see PopSession.fetch_many."""
        check_window(window)
        return self._read(self._dialogue.connection_id, None if letters is None else self._numbers(letters), window)

    async def save(self, letter: PopLetterRef, target: SaveTarget, *, limit: int = 2**40) -> None:
        """Write one letter of any size into a new file; see PopSession.save. File writes block the loop."""
        number = self._number(letter)
        with saving(target) as write:
            await self._line.run(self._dialogue.save(number, write, limit))

    async def delete(self, *letters: PopLetterRef) -> None:
        """Mark letters as deleted; they are removed when the session is closed; see PopSession.delete."""
        numbers = [each if isinstance(each, int) and each in self.deleted else self._number(each) for each in letters]
        await self._line.run(self._dialogue.delete(numbers))

    async def undo(self) -> None:
        """Unmark all deleted letters (RSET)."""
        await self._line.run(self._dialogue.undo())

    async def noop(self) -> None:
        """Send NOOP: checks the connection, and resets the server's idle timer."""
        await self._line.run(self._dialogue.noop())

    async def close(self) -> None:
        """Send QUIT, which makes the deletions final, and close the connection; see PopSession.close."""
        try:
            if self.usable:
                await self._line.run(self._dialogue.close())
        except errors.CourrielError:
            if self._dialogue.deleted:
                raise
        finally:
            self._line.hang_up()

    async def __aenter__(self) -> Self:
        return self if self.usable else await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
            return
        with suppress(errors.CourrielError):
            if self.usable and self._dialogue.deleted:
                await self.undo()
        if self._dialogue.deleted:
            self._line.hang_up()  # a connection closed without QUIT deletes nothing (RFC 1939 6)
        await self.close()

    # The steps.

    def _as_letter(self, letter: PopLetterRef) -> AsyncPopLetter:
        if isinstance(letter, AsyncPopLetter):
            return letter
        return AsyncPopLetter(self, self._number(letter), self._dialogue.connection_id)

    async def _with_head(self, letter: AsyncPopLetter) -> AsyncPopLetter:
        """The letter with its header, or complete; a refusal is raised when the letter is read."""
        try:
            return await letter.load_head()
        except (errors.LetterRefused, errors.LetterTooLarge) as refusal:
            letter.keep(refusal)
            return letter

    async def _read(
        self, connection_id: int, numbers: list[int] | None, window: int, *, heads: bool = False
    ) -> AsyncIterator[AsyncPopLetter]:
        await self._line.run(self._dialogue.list_sizes())
        reading = self._retrieval(connection_id, numbers, window, heads)
        while not reading.done:
            for number, result in reading.results():
                letter = AsyncPopLetter(self, number, connection_id)
                letter.keep(result, head=heads)
                yield letter
            await self._line.run(reading.advance())
