"""Pooled SMTP sessions: they obey the pool's rate, and report their results to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import aclosing, closing
from time import monotonic
from typing import TYPE_CHECKING, cast

from courriel import errors
from courriel.model.envelope import OnRefused
from courriel.model.receipt import Receipt, Result
from courriel.model.servers.credentials import Credentials
from courriel.model.submission import WINDOW, Submission
from courriel.session.encoding import Sendable
from courriel.session.message_source import one_by_one
from courriel.session.pool.base import Counting, PooledLike
from courriel.session.pool.state import Slot
from courriel.session.smtp import AsyncSmtpSession, SmtpSession

if TYPE_CHECKING:
    from typing import Self

    from courriel.session.pool.awaited import AsyncSmtpPool
    from courriel.session.pool.blocking import SmtpPool


class PooledSession(PooledLike, SmtpSession):
    """Pooled SMTP session for threads."""

    def __init__(self, pool: SmtpPool, credentials: Credentials | None, slot: Slot[SmtpSession]) -> None:
        super().__init__(pool.server, credentials, transcript=pool.transcript_of_session())
        self._use_dialogue(Counting(pool.server, credentials, self._dialogue.facts))
        self._counting.count.most = pool.limits.messages
        self._pool = self._owner = pool
        self._slot = slot

    def open(self) -> Self:
        super().open()
        self._opened()
        return self

    def submit(self, submission: Submission) -> Receipt:
        now = monotonic()
        begun = self._pool._moment(now)
        if begun > now:
            self._pool._pause(begun)
        try:
            receipt = super().submit(submission)
        except errors.CourrielError as error:
            self._report_results(begun, error)
            raise
        self._report_results(begun, receipt)
        return receipt

    def send_many(
        self,
        messages: Iterable[Sendable],
        *,
        on_refused: OnRefused = "deliver",
        window: int | Callable[[], int] = WINDOW,
    ) -> Iterator[Result]:
        begun = monotonic()
        results = super().send_many(self._in_step(messages), on_refused=on_refused, window=window)
        with closing(cast("Generator[Result]", results)):
            for result in results:
                self._report_results(begun, result)
                begun = monotonic()
                yield result

    def _in_step(self, messages: Iterable[Sendable]) -> Iterator[Sendable]:
        """Yield each message at the time it may be sent."""
        for message in messages:
            now = monotonic()
            moment = self._pool._moment(now)
            if moment > now:
                self._pool._pause(moment)
            yield message

    def noop(self) -> None:
        super().noop()
        self._slot.used = monotonic()

    def look(self) -> None:
        """Check that the server has not closed the connection; reopen the session if it has."""
        try:
            self._line.run(self._dialogue.exchange.expect_silence("hello"))
        except errors.CourrielError:
            self._found_closed()
            self.open()


class AsyncPooledSession(PooledLike, AsyncSmtpSession):
    """Pooled SMTP session for asyncio."""

    def __init__(self, pool: AsyncSmtpPool, credentials: Credentials | None, slot: Slot[AsyncSmtpSession]) -> None:
        super().__init__(pool.server, credentials, transcript=pool.transcript_of_session())
        self._use_dialogue(Counting(pool.server, credentials, self._dialogue.facts))
        self._counting.count.most = pool.limits.messages
        self._pool = self._owner = pool
        self._slot = slot

    async def open(self) -> Self:
        await super().open()
        self._opened()
        return self

    async def submit(self, submission: Submission) -> Receipt:
        now = monotonic()
        begun = self._pool._moment(now)
        if begun > now:
            await self._pool._pause(begun)
        try:
            receipt = await super().submit(submission)
        except errors.CourrielError as error:
            self._report_results(begun, error)
            raise
        self._report_results(begun, receipt)
        return receipt

    async def send_many(
        self,
        messages: Iterable[Sendable] | AsyncIterable[Sendable],
        *,
        on_refused: OnRefused = "deliver",
        window: int | Callable[[], int] = WINDOW,
    ) -> AsyncIterator[Result]:
        begun = monotonic()
        results = super().send_many(self._in_step(messages), on_refused=on_refused, window=window)
        async with aclosing(cast("AsyncGenerator[Result]", results)):
            async for result in results:
                self._report_results(begun, result)
                begun = monotonic()
                yield result

    async def _in_step(self, messages: Iterable[Sendable] | AsyncIterable[Sendable]) -> AsyncIterator[Sendable]:
        """Yield each message at the time it may be sent."""
        async for message in messages if isinstance(messages, AsyncIterable) else one_by_one(messages):
            now = monotonic()
            moment = self._pool._moment(now)
            if moment > now:
                await self._pool._pause(moment)
            yield message

    async def noop(self) -> None:
        await super().noop()
        self._slot.used = monotonic()

    async def look(self) -> None:
        """Check that the server has not closed the connection; reopen the session if it has."""
        try:
            await self._line.run(self._dialogue.exchange.expect_silence("hello"))
        except errors.CourrielError:
            self._found_closed()
            await self.open()
