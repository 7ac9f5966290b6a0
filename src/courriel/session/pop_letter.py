"""A letter in a mailbox of POP3: what the server says of it is here, its octets are fetched when they are touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel import errors
from courriel.wire.letter import Letter

if TYPE_CHECKING:
    from courriel.session.pop3 import AsyncPopSession, PopSession


class _Letter:
    """What both colours know of a letter without waiting for anything."""

    __slots__ = ("_failure", "_head", "_raw", "number", "visit")

    def __init__(self, number: int, visit: int) -> None:
        self.number = number
        self.visit = visit  # the connection on which the number holds
        self._raw: bytes | None = None
        self._head: bytes | None = None
        self._failure: errors.CourrielError | None = None

    @property
    def loaded(self) -> bool:
        """Whether its content is here, so that touching it costs nothing."""
        return self._raw is not None

    def keep(self, result: bytes | errors.CourrielError, *, head: bool = False) -> None:
        """This is what came of asking for it; an error is raised each time when the content is touched.

        A head that was refused is asked for again when it is touched: the letter itself may be there.
        """
        if not isinstance(result, bytes):
            self._failure = None if head else result
        elif head:
            self._head = result
        else:
            self._raw, self._failure = result, None

    def _known_head(self) -> bytes | None:
        if self._raw is None:
            return self._head
        end = self._raw.find(b"\r\n\r\n")
        return self._raw if end < 0 else self._raw[: end + 4]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.number}{'' if self.loaded else ', not loaded'}>"


class PopLetter(_Letter):
    """A letter in an open mailbox.

    `number` is its place there, from 1, on this connection and no longer; `uid` is the name that it keeps. Its head and
    its content are fetched once, when they are touched first: these raise what `PopSession.fetch` raises.
    """

    __slots__ = ("_session",)

    def __init__(self, session: PopSession, number: int, visit: int) -> None:
        super().__init__(number, visit)
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

    @property
    def raw(self) -> bytes:
        """The whole letter, to the octet."""
        if self._failure is not None:
            raise self._failure
        if self._raw is None:
            self._session.fetch(self)
        assert self._raw is not None
        return self._raw

    @property
    def head(self) -> bytes:
        """What stands above its text, up to the empty line; fetched alone where the server can give it (TOP)."""
        known = self._known_head()
        if known is None:
            self._session.fetch_head(self)
            known = self._known_head()
        return known or b""

    @property
    def letter(self) -> Letter:
        """The letter, read."""
        return Letter.parse(self.raw)


class AsyncPopLetter(_Letter):
    """A letter in an open mailbox, for those who await: `await letter.load()`, then `raw` and `letter` are there.

    `number` is its place in the mailbox, from 1, on this connection and no longer.
    """

    __slots__ = ("_session",)

    def __init__(self, session: AsyncPopSession, number: int, visit: int) -> None:
        super().__init__(number, visit)
        self._session = session

    async def load(self) -> AsyncPopLetter:
        """Fetch it, once. Raises what `AsyncPopSession.fetch` raises."""
        if self._raw is None:
            await self._session.fetch(self)
        return self

    async def load_head(self) -> AsyncPopLetter:
        """Fetch what stands above its text, once; the whole where the server cannot give that alone."""
        if self._known_head() is None:
            await self._session.fetch_head(self)
        return self

    @property
    def deleted(self) -> bool:
        """Whether it will be gone when the session is closed."""
        return self.number in self._session.deleted

    @property
    def raw(self) -> bytes:
        """The whole letter, to the octet. Raises UsageError before it was loaded."""
        if self._failure is not None:
            raise self._failure
        if self._raw is None:
            raise errors.UsageError(f"letter {self.number} is not here yet: await letter.load() first")
        return self._raw

    @property
    def head(self) -> bytes:
        """What stands above its text, up to the empty line. Raises UsageError before it was loaded."""
        known = self._known_head()
        if known is None:
            raise errors.UsageError(f"the head of letter {self.number} is not here yet: await letter.load_head() first")
        return known

    @property
    def letter(self) -> Letter:
        """The letter, read. Raises UsageError before it was loaded."""
        return Letter.parse(self.raw)
