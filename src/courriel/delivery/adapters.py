"""
Transports as `connect` and `aconnect` hand them out: with `send`, and for `with`.

    ProvidedTransport         a Transport of a program
    AsyncProvidedTransport    an AsyncTransport of a program
    ThreadTransport           an AsyncTransport out of a Transport, which runs in threads
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.transport import AsyncTransport, Transport, asend_by, send_by
from courriel.model.submission import WINDOW, Submission

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    from courriel.model.receipt import Receipt, Result
    from courriel.model.submission import EndGuard
    from courriel.model.typed import SendArguments
    from courriel.session.encoding import Sendable


class ProvidedTransport:
    """A Transport of a program, with `send` and for `with`. The process shares it, so that `close` leaves it open."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def name(self) -> str:
        """Name of the program's transport."""
        return self._transport.name

    @property
    def answer_limit(self) -> float:
        """Seconds from the yes of `before_end` to the last answer, at most."""
        return self._transport.answer_limit

    @property
    def parallel(self) -> int:
        """Submissions carried at once."""
        return self._transport.parallel

    def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message; returns a receipt with a result for each recipient, see SmtpSession.send."""
        return send_by(self._transport, message, options)

    def submit(self, submission: Submission) -> Receipt:
        """Send one submission; see Transport.submit."""
        return self._transport.submit(submission)

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Send many submissions; see Transport.submit_many."""
        return self._transport.submit_many(submissions, window=window)

    def hang_up(self) -> None:
        """Abort the submissions in flight, from any thread, also those of other callers."""
        self._transport.hang_up()

    def close(self) -> None:
        """Do nothing: the process shares the transport, and closes it when it ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class AsyncProvidedTransport:
    """An AsyncTransport with `send` and for `async with`; `close` closes it where it was made for this caller."""

    def __init__(self, transport: AsyncTransport, *, own: bool) -> None:
        self._transport, self._own = transport, own

    @property
    def name(self) -> str:
        """Name of the transport inside."""
        return self._transport.name

    @property
    def answer_limit(self) -> float:
        """Seconds from the yes of `before_end` to the last answer, at most."""
        return self._transport.answer_limit

    @property
    def parallel(self) -> int:
        """Submissions carried at once."""
        return self._transport.parallel

    async def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message; returns a receipt with a result for each recipient, see SmtpSession.send."""
        return await asend_by(self._transport, message, options)

    async def submit(self, submission: Submission) -> Receipt:
        """Send one submission; see Transport.submit."""
        return await self._transport.submit(submission)

    def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> AsyncIterator[Result]:
        """Send many submissions; see Transport.submit_many."""
        return self._transport.submit_many(submissions, window=window)

    async def close(self) -> None:
        """Close the transport, where it was made for this caller."""
        if self._own:
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class ThreadTransport:
    """AsyncTransport that hands each submission to a blocking Transport, in a thread.

    Submissions go one after the other. A cancelled call does not stop its thread: the submission may still leave.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.name = transport.name
        self.answer_limit = transport.answer_limit
        self.parallel = transport.parallel

    async def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message, encoded as the blocking transport has it."""
        from asyncio import to_thread

        if isinstance(message, Submission) and not options:
            return await self.submit(message)
        return await to_thread(send_by, self._transport, message, options)

    async def submit(self, submission: Submission) -> Receipt:
        """Send one submission; its `before_end` is asked in this event loop, and may be awaited."""
        from asyncio import get_running_loop, to_thread

        if submission.before_end is not None:
            submission = replace(submission, before_end=_guard_in_loop(get_running_loop(), submission.before_end))
        return await to_thread(self._transport.submit, submission)

    async def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> AsyncIterator[Result]:
        """Send many submissions, one after the other; see Transport.submit_many."""
        async for result in awaited_one_by_one(self.submit, submissions):
            yield result

    async def close(self) -> None:
        """Close the blocking transport."""
        from asyncio import to_thread

        await to_thread(self._transport.close)


async def awaited_one_by_one(
    submit: Callable[[Submission], Awaitable[Receipt]], submissions: Iterable[Submission] | AsyncIterable[Submission]
) -> AsyncIterator[Result]:
    """`submit_many` for an AsyncTransport that carries one submission after the other; see `one_after_the_other`."""
    waiting = aiter(submissions) if isinstance(submissions, AsyncIterable) else _awaited(iter(submissions))
    while True:
        try:
            submission = await anext(waiting)
        except StopAsyncIteration:
            return
        except errors.UsageError as broken:
            yield broken
            continue
        result: Result
        try:
            result = await submit(submission)
        except errors.CourrielError as failed:
            result = failed
        yield result


# The steps.


class _awaited:  # noqa: N801 - read as a participle: an awaited iterator
    """Iterator for `anext`, and not a generator: one that raises goes on with the next submission."""

    def __init__(self, submissions: Iterator[Submission]) -> None:
        self._submissions = submissions

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Submission:
        try:
            return next(self._submissions)
        except StopIteration:
            raise StopAsyncIteration from None


def _guard_in_loop(loop: object, guard: EndGuard) -> EndGuard:
    """The same guard for another thread: called, and awaited where it has to be, in the event loop."""
    from asyncio import AbstractEventLoop, run_coroutine_threadsafe
    from inspect import isawaitable

    assert isinstance(loop, AbstractEventLoop)

    async def ask() -> object:
        answer = guard()
        return await answer if isawaitable(answer) else answer

    return lambda: run_coroutine_threadsafe(ask(), loop).result()
