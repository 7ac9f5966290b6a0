"""A letter in a mailbox of POP3: what the server says of it is here, its octets are fetched when they are touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel import errors
from courriel.wire.letter import AsyncLetter, Letter

if TYPE_CHECKING:
    from courriel.session.pop3 import AsyncPopSession, PopSession


class _InTheMailbox(Letter):
    """What both colours know of a letter without waiting for anything."""

    number: int
    visit: int
    """The connection on which the number holds."""
    _failure: errors.CourrielError | None = None

    def keep(self, result: bytes | errors.CourrielError, *, head: bool = False) -> None:
        """This is what came of asking for it; an error is raised when the content is touched, a head is asked again."""
        if isinstance(result, errors.CourrielError):
            self._failure = None if head else result
        elif head:
            self._top = result
        else:
            self._whole, self._failure = result, None

    @property
    def head(self) -> bytes:
        """What stands above its text, up to the empty line."""
        raw = self.raw_header
        end = raw.find(b"\r\n\r\n")
        return raw if end < 0 else raw[: end + 4]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.number}{'' if self.loaded else ', not loaded'}>"


class PopLetter(_InTheMailbox):
    """A letter in an open mailbox. It is a Letter: `subject`, `sender`, `date` need its head, `text`, `raw` all of it.

    `number` is its place there, from 1, on this connection and no longer; `uid` is the name that it keeps. Its head is
    fetched alone where the server can give it (TOP). Each is fetched once, when it is touched first, and raises what
    `PopSession.fetch` raises.
    """

    def __init__(self, session: PopSession, number: int, visit: int) -> None:
        super().__init__(header=self._fetched_head, whole=self._fetched)
        self.number, self.visit = number, visit
        self._session = session

    @property
    def size(self) -> int:
        """Its length in octets, as the server counts."""
        return self._session.sizes().get(self.number, 0)

    @property
    def uid(self) -> str:
        """The name that it keeps from one session to the next, as long as it is in the mailbox (RFC 1939 7, UIDL)."""
        return self._session.uids().get(self.number, "")

    @property
    def deleted(self) -> bool:
        """Whether it will be gone when the session is closed."""
        return self.number in self._session.deleted

    # The steps.

    def _fetched(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        self._session.fetch(self)
        assert isinstance(self._whole, bytes)
        return self._whole

    def _fetched_head(self) -> bytes:
        self._session.fetch_head(self)
        return self.raw if not isinstance(self._top, bytes) else self._top


class AsyncPopLetter(_InTheMailbox, AsyncLetter):
    """A letter in an open mailbox, for those who await: `await letter.load()`, then all of it is there as in Letter.

    What its head says is there when the letter came by iterating, or after `await letter.load_head()`. `number` is its
    place in the mailbox, from 1, on this connection and no longer.
    """

    def __init__(self, session: AsyncPopSession, number: int, visit: int) -> None:
        super().__init__(header=self._no_head, whole=self._not_loaded)
        self.number, self.visit = number, visit
        self._session = session

    async def load(self) -> AsyncPopLetter:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fetch it, once. Raises what `AsyncPopSession.fetch` raises."""
        if not self.loaded:
            await self._session.fetch(self)
        return self

    async def load_head(self) -> AsyncPopLetter:
        """Fetch what stands above its text, once; the whole where the server cannot give that alone."""
        if not self.loaded and not isinstance(self._top, bytes):
            await self._session.fetch_head(self)
        return self

    @property
    def deleted(self) -> bool:
        """Whether it will be gone when the session is closed."""
        return self.number in self._session.deleted

    # The steps.

    def _not_loaded(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        raise errors.UsageError(f"letter {self.number} is not here yet: await letter.load() first")

    def _no_head(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        raise errors.UsageError(f"the head of letter {self.number} is not here yet: await letter.load_head() first")
