"""Common protocol of POP3 and IMAP sessions: `Mailbox`, and `AsyncMailbox` for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Protocol, Self

from courriel.model.servers.server import Server, Timeouts
from courriel.wire.parse.letter import AsyncLetter, Letter


class SessionFacts(Protocol):
    """Properties of every session, SMTP too, which the server is not asked for."""

    @property
    def usable(self) -> bool:
        """Whether the session is open, as far as is known without asking the server."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a call is running: another one would raise UsageError meanwhile."""
        ...

    @property
    def capabilities(self) -> dict[str, str]:
        """Capabilities of the server, by name."""
        ...

    @property
    def greeting(self) -> str:
        """Greeting text of the server."""
        ...

    @property
    def tls_version(self) -> str:
        """TLS version, for example "TLSv1.3"; empty without TLS."""
        ...

    @property
    def mechanism(self) -> str:
        """SASL mechanism of the login, or "USER" in POP3; empty without a login."""
        ...

    def change_timeouts(self, timeouts: Timeouts) -> None:
        """Replace the time limits, from the next wait on."""
        ...

    def hang_up(self) -> None:
        """Close the connection at once, from any thread; the call that uses it fails."""
        ...


class Mailbox(SessionFacts, Protocol):
    """A PopSession or an ImapSession: what `courriel.mailbox` gives, whatever the URL says."""

    @property
    def server(self) -> Server:
        """The server of this session."""
        ...

    def open(self) -> Self:
        """Connect, start TLS, log in; an older connection is closed first."""
        ...

    def __iter__(self) -> Iterator[Letter]:
        """Iterate over letters, oldest first; of an IMAP server those of the selected folder, by default INBOX."""
        ...

    def noop(self) -> None:
        """Send NOOP: checks the connection, and resets the server's idle timer."""
        ...

    def close(self) -> None:
        """Log out and close the connection."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class AsyncMailbox(SessionFacts, Protocol):
    """An AsyncPopSession or an AsyncImapSession: the methods of Mailbox, awaited."""

    @property
    def server(self) -> Server:
        """The server of this session."""
        ...

    async def open(self) -> Self:
        """Connect, start TLS, log in; see Mailbox.open."""
        ...

    def __aiter__(self) -> AsyncIterator[AsyncLetter]:
        """Iterate over letters; see Mailbox. Their content is there after `await letter.load()`."""
        ...

    async def noop(self) -> None:
        """Send NOOP; see Mailbox.noop."""
        ...

    async def close(self) -> None:
        """Log out and close the connection."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
