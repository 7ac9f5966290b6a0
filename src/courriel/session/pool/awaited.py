"""SMTP pool for asyncio: open sessions to one server, for every task of one event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.model.receipt import Receipt
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Server
from courriel.model.submission import WINDOW, SendOptions, Submission
from courriel.network import forks
from courriel.network.transcripts.transcript import Transcript
from courriel.session.encoding import Sendable
from courriel.session.pool.base import never_begun
from courriel.session.pool.pooled_session import AsyncPooledSession
from courriel.session.pool.shared_sending import Act, SharedSending
from courriel.session.pool.state import PoolLimits, Slot, Waiter
from courriel.session.pool.throttle import Rate
from courriel.session.smtp import AsyncSmtpSession, longest_silence

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable
    from typing import Self, Unpack

    from courriel.model.receipt import Result
    from courriel.model.typed import SendArguments


class AsyncSmtpPool(SharedSending):
    """Up to `size` open sessions to one server, for any number of tasks of one event loop: see SmtpPool.

        async with AsyncSmtpPool(Server("smtp.example.org"), Password("ada", secret), size=4) as pool:
            receipts = await asyncio.gather(pool.send(message), pool.send(message))

    Tasks that find no free session send together on the next one, without waiting for each other's replies where the
    server allows it (CHUNKING, PIPELINING); each gets its own receipt or error. When that connection is lost, every
    message in flight is in doubt, up to a hundred; a message sent alone is the only one.

    A timer closes idle sessions. A send may be cancelled at any moment: one that waits leaves the queue, one sent alone
    closes its session, and one sent with others is finished for their sake. A message that was begun may be in doubt.
    """

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None = None,
        *,
        size: int = 4,
        idle: float = 8.0,
        age: float = 300.0,
        messages: int = 100,
        wait: float = 30.0,
        rate: Rate | str | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        from asyncio import get_running_loop  # noqa: PLC0415 - blocking programs do not pay for asyncio

        super().__init__(server, credentials, PoolLimits(size, idle, age, messages, wait, Rate.of(rate)), transcript)
        self._reset_shared_sending()
        self._running_loop = get_running_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """The server, "host:port"."""
        return str(self.server)

    @property
    def answer_limit(self) -> float:
        """Seconds that the answer to one submission may take, from its `before_end` on."""
        return self.server.timeouts.message

    @property
    def silence_limit(self) -> float:
        """Seconds that the server may be silent at most before the end of a message."""
        return longest_silence(self.server)

    obeys_recipient_rule = True  # its sessions do

    @property
    def parallel(self) -> int:
        """Submissions carried at once: the number of sessions."""
        return self.limits.size

    async def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message on a free session, or with others on the next one; see SmtpPool.send."""
        given = SendOptions(**options) if options else None  # read once: another session may be tried

        def alone(session: AsyncSmtpSession) -> Awaitable[Receipt]:
            return session.send_with(message, given)

        if not self._state.at_ease or (given is not None and given.on_refused == "abandon"):
            return await self._with_session(alone)
        return await self._send_shared(message, given, alone)

    async def submit(self, submission: Submission) -> Receipt:
        """Send bytes that are ready, unchanged; see Transport.submit."""

        def alone(session: AsyncSmtpSession) -> Awaitable[Receipt]:
            return session.submit(submission)

        if submission.all_or_nothing or not self._state.at_ease:
            return await self._with_session(alone)
        return await self._send_shared(submission, None, alone)

    async def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> AsyncIterator[Result]:
        """Send many submissions on one session of the pool; yields one result for each, in order."""
        async with self.session() as session:
            async for result in session.submit_many(submissions, window=window):
                yield result

    @asynccontextmanager
    async def session(self, *, transcript: Transcript | None = None) -> AsyncGenerator[AsyncSmtpSession]:
        """Context manager: a session for exclusive use; see SmtpPool.session."""
        waiter = self._ask_here()
        session = await self._ready(waiter, look=True, transcript=transcript)
        try:
            yield session
        finally:
            if transcript is not None:
                _ = session.record(self.transcript_of_session())
            self._withdraw(waiter)

    async def close(self) -> None:
        """Take no more messages, close all sessions, and wait for that; see SmtpPool.close."""
        from asyncio import sleep, wait  # noqa: PLC0415

        self._shut()
        self._fail_pending()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        await sleep(0)  # lets the task of the last message return its session
        while self._leaving:
            _ = await wait(list(self._leaving))

    async def hang_up(self) -> None:
        """Close, and interrupt messages being sent: those fail, and may be in doubt."""
        from asyncio import wait  # noqa: PLC0415

        for session in self._state.sessions:
            session.hang_up()
        for carrier in self._sending.values():
            _ = carrier.cancel()
        await self.close()
        if self._sending:
            _ = await wait(list(self._sending.values()))

    async def __aenter__(self) -> Self:
        if self.closed:
            raise errors.UsageError("this pool is closed; make another one")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # The steps.

    def _after_fork(self) -> None:
        """Reset the pool in a child process, for an event loop of its own."""
        forks.keep_for_ever(self._loop, self._alarm)
        super()._after_fork()
        self._loop = self._alarm = None

    def _here(self) -> asyncio.AbstractEventLoop:
        loop = self._running_loop()
        if self._loop is not loop:
            if self._loop is not None:
                raise errors.UsageError("this pool belongs to another event loop; make one for each")
            self._loop = loop
        return loop

    def _ask_here(self) -> Waiter[AsyncSmtpSession]:
        _ = self._here()
        return self._ask()

    async def _with_session(self, act: Act, waiter: Waiter[AsyncSmtpSession] | None = None) -> Receipt:
        waiter = waiter or self._ask_here()
        while True:
            session, begun = await self._ready(waiter), monotonic()
            try:
                receipt = await act(session)
            except BaseException as error:
                if not (isinstance(error, errors.CourrielError) and never_begun(error)):
                    self._withdraw(waiter)
                    raise
                if self._is_final(waiter, error, begun):
                    raise
            else:
                self._withdraw(waiter)
                return receipt

    async def _ready(
        self, waiter: Waiter[AsyncSmtpSession], *, look: bool = False, transcript: Transcript | None = None
    ) -> AsyncSmtpSession:
        """Wait for a slot, and open its session where there is none; `look`: check that the connection is alive."""
        while True:
            if waiter.slot is None:
                await self._wait(waiter)
            assert waiter.slot is not None
            begun = monotonic()
            try:
                return await self._opened_session(waiter.slot, look, transcript)
            except errors.CourrielError as error:
                if self._is_final(waiter, error, begun):
                    raise
            except BaseException:
                self._withdraw(waiter)
                raise

    async def _opened_session(
        self, slot: Slot[AsyncSmtpSession], look: bool, transcript: Transcript | None
    ) -> AsyncSmtpSession:
        session = slot.session
        if session is None:
            slot.session = session = AsyncPooledSession(self, self._credentials, slot)
            if transcript is not None:
                _ = session.record(transcript)
            await session.open()
        elif look:
            assert isinstance(session, AsyncPooledSession)
            if transcript is not None:
                _ = session.record(transcript)
            await session.look()
        elif session.usable:
            return session  # lent before the pool was closed: its message goes on
        if self.closed:
            raise self._closed_meanwhile()
        return session

    async def _wait(self, waiter: Waiter[AsyncSmtpSession]) -> None:
        try:
            while not waiter.decided:
                called = self._running_loop().create_future()
                waiter.call = _caller(called)
                self._set_alarm()
                await called
        except BaseException:
            self._withdraw(waiter)
            raise
        if waiter.refusal is not None:
            raise waiter.refusal

    async def _pause(self, moment: float) -> None:
        """Wait until `moment`, when the next message may be sent."""
        loop = self._running_loop()
        called = loop.create_future()
        call = _caller(called)
        timer = loop.call_later(moment - monotonic(), call)
        self._pausing.add(call)
        try:
            await called
        except BaseException:
            self._unused(moment)
            raise
        finally:
            timer.cancel()
            self._pausing.discard(call)
        if self.closed:
            raise self._closed_meanwhile()

    def _withdraw(self, waiter: Waiter[AsyncSmtpSession]) -> None:
        super()._withdraw(waiter)
        if self._alarm is None:
            self._set_alarm()

    def _set_alarm(self) -> None:
        """Set the pool's one timer to the next moment at which a time limit runs out."""
        if self.closed or self._loop is None or self._loop.is_closed():
            return
        now = monotonic()
        moment = self._state.next_change(now)
        if moment is None:
            return
        at = self._loop.time() + max(0.0, moment - now)
        if self._alarm is not None:
            if self._alarm.when() <= at:
                return
            self._alarm.cancel()
        self._alarm = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._check_limits()
        self._set_alarm()

    def _close_soon(self, sessions: list[AsyncSmtpSession]) -> None:
        for session in sessions:
            assert isinstance(session, AsyncPooledSession)
            if session.usable and self._loop is not None and not self._loop.is_closed():
                leaving = self._loop.create_task(session.close())
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)


def _caller(called: asyncio.Future[None]) -> Callable[[], None]:
    return lambda: None if called.done() else called.set_result(None)
