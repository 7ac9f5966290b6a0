"""Letters in a POP3 mailbox: header and content are fetched on first access."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel import errors
from courriel.wire.parse.letter import AsyncLetter, Letter

if TYPE_CHECKING:
    from courriel.session.pop3.session import AsyncPopSession, PopSession


class _PopLetterState(Letter):
    """Base of both kinds of POP3 letters: everything that does not wait."""

    number: int
    connection_id: int
    """Number of the connection on which `number` is valid."""
    _failure: errors.CourrielError | None = None
    _header_apart = True

    def keep(self, result: bytes | errors.CourrielError, *, head: bool = False) -> None:
        """Store what was fetched; an error is raised on access to the content, a failed header is fetched again."""
        if isinstance(result, errors.CourrielError):
            self._failure = None if head else result
        elif head:
            self._top = result
        else:
            self._whole, self._failure = result, None

    @property
    def head(self) -> bytes:
        """The header as bytes, up to and including the empty line."""
        raw = self.raw_header
        end = raw.find(b"\r\n\r\n")
        return raw if end < 0 else raw[: end + 4]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.number}{'' if self.loaded else ', not loaded'}>"


class PopLetter(_PopLetterState):
    """A letter in a POP3 mailbox. It is a Letter: `subject`, `sender`, `date` fetch the header, `text`, `raw` all.

    `number` is its number in the mailbox, from 1, valid on this connection only; `uid` is its permanent id. The header
    is fetched alone where the server supports TOP. Each is fetched once, on first access, and raises what
    `PopSession.fetch` raises.
    """

    def __init__(self, session: PopSession, number: int, connection_id: int) -> None:
        self.number, self.connection_id = number, connection_id
        self._session = session

    @property
    def size(self) -> int:
        """Size in bytes, as the server counts."""
        return self._session.sizes().get(self.number, 0)

    @property
    def uid(self) -> str:
        """Unique id, the same in every session while the letter is in the mailbox (RFC 1939 7, UIDL)."""
        return self._session.uids().get(self.number, "")

    @property
    def deleted(self) -> bool:
        """Whether it will be removed when the session is closed."""
        return self.number in self._session.deleted

    # The steps.

    def _missing_whole(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        self._session.fetch(self)
        assert isinstance(self._whole, bytes)
        return self._whole

    def _missing_header(self) -> bytes:
        self._session.fetch_head(self)
        return self.raw if not isinstance(self._top, bytes) else self._top


class AsyncPopLetter(_PopLetterState, AsyncLetter):
    """A letter in a POP3 mailbox, for asyncio: complete as a Letter after `await letter.load()`.

    Its header is there when the letter came by iteration, or after `await letter.load_head()`. `number` is its number
    in the mailbox, from 1, valid on this connection only.
    """

    def __init__(self, session: AsyncPopSession, number: int, connection_id: int) -> None:
        self.number, self.connection_id = number, connection_id
        self._session = session

    async def load(self) -> AsyncPopLetter:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fetch the complete letter, once. Raises what `AsyncPopSession.fetch` raises."""
        if not self.loaded:
            await self._session.fetch(self)
        return self

    async def load_head(self) -> AsyncPopLetter:
        """Fetch the header, once; the complete letter where the server lacks TOP."""
        if not self.loaded and not isinstance(self._top, bytes):
            await self._session.fetch_head(self)
        return self

    @property
    def deleted(self) -> bool:
        """Whether it will be removed when the session is closed."""
        return self.number in self._session.deleted

    # The steps.

    def _missing_whole(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        raise errors.UsageError(f"letter {self.number} is not here yet: await letter.load() first")

    def _missing_header(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        raise errors.UsageError(f"the head of letter {self.number} is not here yet: await letter.load_head() first")
