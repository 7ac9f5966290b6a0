"""AsyncFailover and AsyncRoundRobin: several ways out as one AsyncTransport; see `blocking`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.delivery.routing import decided
from courriel.delivery.routing.course import Course
from courriel.delivery.routing.group import WayGroup
from courriel.delivery.routing.health import REST, WayHealth
from courriel.delivery.routing.tries import WayTries
from courriel.delivery.routing.ways import WAIT, limits_of, no_way, parallel_of
from courriel.delivery.transport import AsyncTransport, check_async_transport, is_transport
from courriel.delivery.urls.route import Route
from courriel.model.servers.server import Server
from courriel.model.submission import WINDOW, Submission

if TYPE_CHECKING:
    from typing import Self, Unpack

    from courriel.delivery.urls.route import Via
    from courriel.model.receipt import Receipt, Result
    from courriel.model.typed import SendArguments
    from courriel.session.encoding import Sendable


class _AsyncWay:
    """One way of several: an AsyncTransport, or a setting whose transport is made on first use."""

    def __init__(self, given: Via | AsyncTransport, word: str) -> None:
        self._route: Route | None = None
        self._transport: AsyncTransport | None = None
        if isinstance(given, str | Route | Server):
            from courriel.delivery.settings import profiles

            self._route = profiles.resolve(Route.of(given) if isinstance(given, Server) else given)
            if self._route.reads:
                raise errors.UsageError(f"{word}: {self._route.name} is for reading mail, and none leaves by it")
            if self._route.table:
                raise errors.UsageError(f"{word}: {self._route.name} is a table of ways by domain, and no way")
        elif given is None or not (is_transport(given) or isinstance(given, type)):
            raise no_way(given, word)
        else:
            self._transport = check_async_transport(given, word)
        self._room: asyncio.Semaphore | None = None
        self._making: asyncio.Lock | None = None

    @property
    def name(self) -> str:
        """Name of the server, or of the place of delivery."""
        if self._route is not None:
            return self._route.name
        assert self._transport is not None
        return self._transport.name

    @property
    def route(self) -> Route | None:
        """Its setting; None for a transport of the program."""
        return self._route

    @property
    def answer_limit(self) -> float:
        """Seconds from the yes of `before_end` to the last answer, at most."""
        if self._transport is not None:
            return self._transport.answer_limit
        from courriel.delivery.local import LocalTransport

        assert self._route is not None
        return LocalTransport.answer_limit if self._route.server is None else limits_of(self._route)[0]

    @property
    def obeys_recipient_rule(self) -> bool:
        """Whether the rules for recipients are obeyed by it, as servers of ours do."""
        return self._route is not None or bool(getattr(self._transport, "obeys_recipient_rule", False))

    @property
    def parallel(self) -> int:
        """Submissions carried at once."""
        from courriel.delivery.connect import SIZE

        if self._transport is not None:
            return self._transport.parallel
        assert self._route is not None
        return parallel_of(self._route, SIZE)

    async def transport(self) -> AsyncTransport:
        """Its transport. Raises ConnectionFailed when it cannot be made."""
        from courriel.delivery.connect import aconnect

        self._making = self._making or asyncio.Lock()
        async with self._making:
            made = self._transport
            if made is None:
                try:
                    self._transport = made = await aconnect(self._route)
                except errors.UsageError as wrong:  # of this way's setting, and no fault of the mail
                    raise errors.ConnectionFailed(str(wrong), stage="connect", hint_id=wrong.hint_id) from wrong
            return made

    @asynccontextmanager
    async def lent(self) -> AsyncGenerator[AsyncTransport]:
        """Its transport for one submission, or one stream; waits for room. Raises TimedOut after half a minute."""
        self._room = self._room or asyncio.Semaphore(self.parallel)
        try:
            await asyncio.wait_for(self._room.acquire(), WAIT)
        except TimeoutError:
            raise errors.TimedOut(
                f"{self.name} was busy for {WAIT:g} s", stage="connect", hint_id="POOL-BUSY"
            ) from None
        try:
            yield await self.transport()
        finally:
            self._room.release()

    async def renew_after(self, error: errors.CourrielError) -> None:
        """After a refused login have the transport of a setting made anew: the password may have changed."""
        if self._route is not None and (decided.is_of_login(error) or isinstance(error, errors.ProxyError)):
            await self.close()
            self._transport = None

    async def close(self) -> None:
        """Close its connections."""
        if self._transport is not None:
            await self._transport.close()


class _AsyncGroup(WayGroup[_AsyncWay]):
    """Several ways out as one AsyncTransport; see AsyncFailover and AsyncRoundRobin."""

    def __init__(self, *ways: Via | AsyncTransport, retry: float = REST, health: WayHealth | None = None) -> None:
        word = type(self).__name__
        if not ways:
            raise errors.UsageError(f"{word}: one way at least, and none was given", stage="compose")
        for place, each in enumerate(ways):
            if not isinstance(each, str | Route | Server) and any(each is other for other in ways[:place]):
                raise errors.UsageError(f"{word}: the same transport stands twice", stage="compose")
        self._ways = tuple(_AsyncWay(each, word) for each in ways)
        self._choice = self._choice_among(self._ways, retry, health)

    @property
    def parallel(self) -> int:
        """Submissions carried at once."""
        raise NotImplementedError

    async def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message, in seven bits, which every way takes; returns a receipt, see SmtpSession.send."""
        from courriel.model.submission import SendOptions
        from courriel.session.encoding import IN_SEVEN_BITS, submission_of

        return await self.submit(submission_of(message, IN_SEVEN_BITS, SendOptions(**options) if options else None))

    async def submit(self, submission: Submission) -> Receipt:
        """Send one submission by the first way that takes it; see Failover.submit. A cancelled call tries no other."""
        tries = WayTries(self._choice, submission)
        while True:
            way = tries.next_way()
            try:
                async with self._ways[way].lent() as transport:
                    receipt = await transport.submit(tries.for_way(way))
            except errors.CourrielError as failed:
                await self._note(way, failed)
                final = tries.failed(way, failed)
                if final is not None:
                    raise
            else:
                return tries.accepted(way, receipt)

    async def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> AsyncIterator[Result]:
        """Send many submissions, in a stream by one way at a time; see Failover.submit_many."""
        course = Course(self._choice, submissions, window)
        source = aiter(submissions) if isinstance(submissions, AsyncIterable) else _Awaited(iter(submissions))
        while (way := course.next_way()) is not None:
            for result in course.ready():
                yield result
            try:
                async with self._ways[way].lent() as transport:
                    async for result in transport.submit_many(_AsyncFeed(course, source), window=window):
                        course.took(result)
                        for each in course.ready():
                            yield each
            except errors.CourrielError as failed:
                await self._ways[way].renew_after(failed)
                course.broke(failed)
            for result in course.ready():
                yield result
        for result in course.ready():
            yield result
        course.finish()

    async def close(self) -> None:
        """Close the connections of all ways."""
        for way in self._ways:
            await way.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self._choice.names)}>"

    # The steps.

    async def _note(self, way: int, failed: errors.CourrielError) -> None:
        if decided.is_of_the_way(failed):
            self._choice.health.failed(way, failed)
            await self._ways[way].renew_after(failed)


class AsyncFailover(_AsyncGroup):
    """Several ways out, of which the first that works takes all mail: Failover for asyncio.

    Each way is a setting or an AsyncTransport.
    """

    _word = "failover"

    @property
    def parallel(self) -> int:
        """Submissions carried at once: as many as the smallest of its ways."""
        return min(way.parallel for way in self._ways)


class AsyncRoundRobin(_AsyncGroup):
    """Several ways out that take turns: RoundRobin for asyncio."""

    _word, _rotating = "roundrobin", True

    @property
    def parallel(self) -> int:
        """Submissions carried at once: those of all its ways together."""
        return sum(way.parallel for way in self._ways)


# The steps.


class _Awaited:
    """An ordinary iterator for `anext`; not a generator, so that it goes on after one that raises."""

    def __init__(self, submissions: Iterator[Submission]) -> None:
        self._submissions = submissions

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Submission:
        try:
            return next(self._submissions)
        except StopIteration:
            raise StopAsyncIteration from None


class _AsyncFeed:
    """Mails of one stream for `submit_many`; not a generator, so that it goes on after one that raises."""

    def __init__(self, course: Course, source: AsyncIterator[Submission]) -> None:
        self._course, self._source = course, source

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Submission:
        course = self._course
        if (again := course.again()) is not None:
            return again
        if not course.reads:
            raise StopAsyncIteration
        try:
            submission = await anext(self._source)
        except StopAsyncIteration:
            course.end()
            raise
        except Exception as failure:
            if course.keeps_place(failure):
                raise
            raise StopAsyncIteration from None
        handed = course.begin(submission)
        if handed is None:
            raise StopAsyncIteration
        return handed
