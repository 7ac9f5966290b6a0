"""
Failover and RoundRobin: several ways out as one Transport.

    way = Failover("smtps://ada@smtp.example.org?password=env:MAIL_PASSWORD", "smtp+starttls://relay.example.net")
    courriel.send(message, via=way)
    outbox = Outbox("outbox.db", ways={"billing": way})

Another way takes a mail only while nothing of it is decided (`decided`); a way that failed rests (`health`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.delivery.routing import decided
from courriel.delivery.routing.course import Course
from courriel.delivery.routing.group import WayGroup
from courriel.delivery.routing.health import REST, WayHealth
from courriel.delivery.routing.tries import Choice, WayTries
from courriel.delivery.routing.ways import WAIT, Way, parallel_of, ways_of
from courriel.delivery.transport import Transport, lent
from courriel.model.submission import WINDOW, Submission
from courriel.network import forks

if TYPE_CHECKING:
    from typing import Self, Unpack

    from courriel.delivery.urls.route import Route, Via
    from courriel.model.receipt import Receipt, Result
    from courriel.model.typed import SendArguments
    from courriel.network.transcripts.transcript import Transcript
    from courriel.session.encoding import Sendable


class _Sending:
    """Sending by the first way that takes a mail; `_lent` gives the transport of a way."""

    def __init__(self, ways: tuple[Way, ...], choice: Choice) -> None:
        self._ways, self._choice = ways, choice
        self._after_fork()
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        self._lock = Lock()
        self._active: set[WayTries | Course] = set()  # calls under way
        self._in_use: list[Transport] = []  # lent to them

    def submit(self, submission: Submission) -> Receipt:
        """Send one submission by the first way that takes it; see Transport.submit.

        Raises AllWaysFailed when every way failed before it had decided on the mail. A refusal, and an error in doubt,
        are those of the way that gave them.
        """
        tries = WayTries(self._choice, submission)
        with self._acting(tries):
            while True:
                way = tries.next_way()
                try:
                    with self._lent(way) as transport:
                        receipt = transport.submit(tries.for_way(way))
                except errors.CourrielError as failed:
                    self._note(way, failed)
                    final = tries.failed(way, failed)
                    if final is not None:
                        raise
                else:
                    return tries.accepted(way, receipt)

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Send many submissions, in a stream by one way at a time; see Transport.submit_many.

        When no way works, the mails that were read have AllWaysFailed as their results, and it is raised for the rest.
        """
        course = Course(self._choice, submissions, window)
        return self._stream(course, iter(submissions), window)

    # The steps.

    def _stream(
        self, course: Course, source: Iterator[Submission], window: int | Callable[[], int]
    ) -> Iterator[Result]:
        with self._acting(course):
            while (way := course.next_way()) is not None:
                yield from course.ready()
                try:
                    with (
                        self._lent(way) as transport,
                        _closed(transport.submit_many(_Feed(course, source), window=window)) as results,
                    ):
                        for result in results:
                            course.took(result)
                            yield from course.ready()
                except errors.CourrielError as failed:
                    self._ways[way].renew_after(failed)
                    course.broke(failed)
                yield from course.ready()
            yield from course.ready()
        course.finish()

    @contextmanager
    def _acting(self, call: WayTries | Course) -> Generator[None]:
        with self._lock:
            self._active.add(call)
        try:
            yield
        finally:
            with self._lock:
                self._active.discard(call)

    @contextmanager
    def _lent(self, way: int) -> Generator[Transport]:
        """The transport of a way for one submission, or one stream; waits for room in it."""
        self._ways[way].enter()
        try:
            with self._part(self._ways[way].transport()) as transport:
                with self._lock:
                    self._in_use.append(transport)
                try:
                    yield transport
                finally:
                    with self._lock:
                        self._in_use.remove(transport)
        finally:
            self._ways[way].leave()

    def _part(self, transport: Transport) -> AbstractContextManager[Transport]:
        return nullcontext(transport)

    def _note(self, way: int, failed: errors.CourrielError) -> None:
        if decided.is_of_the_way(failed):
            self._choice.health.failed(way, failed)
            self._ways[way].renew_after(failed)

    def _cut(self) -> tuple[Transport, ...]:
        """Have no call begin anything more; returns the transports that are in use."""
        with self._lock:
            for call in self._active:
                call.cut = True
            return tuple(self._in_use)


class _Group(_Sending, WayGroup[Way]):
    """Several ways out as one Transport; see Failover and RoundRobin."""

    def __init__(
        self,
        *ways: Via | Transport,
        retry: float = REST,
        health: WayHealth | None = None,
    ) -> None:
        found = ways_of(ways, type(self).__name__, _Sessions())
        super().__init__(found, self._choice_among(found, retry, health))

    @property
    def silence_limit(self) -> float:
        """Seconds without progress before the end of a mail: one way after the other, and the wait for room in each."""
        return sum(way.silence_limit + WAIT for way in self._ways)

    @property
    def parallel(self) -> int:
        """Submissions carried at once."""
        raise NotImplementedError

    def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message, in seven bits, which every way takes; returns a receipt, see SmtpSession.send."""
        from courriel.model.submission import SendOptions
        from courriel.session.encoding import IN_SEVEN_BITS, submission_of

        return self.submit(submission_of(message, IN_SEVEN_BITS, SendOptions(**options) if options else None))

    @contextmanager
    def session(self, *, transcript: Transcript | None = None) -> Generator[Transport]:
        """Context manager: a part for one caller, with sessions of its own out of pools; `hang_up` ends it alone."""
        yield _Part(self, self._ways, self._choice, transcript)

    def hang_up(self) -> None:
        """Abort the submissions in flight, of all ways; none is given to another."""
        _ = self._cut()
        for way in self._ways:
            way.hang_up()

    def close_idle(self) -> None:
        """Close connections that nobody uses."""
        for way in self._ways:
            way.close_idle()

    def close(self) -> None:
        """Close the connections of all ways."""
        for way in self._ways:
            way.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self._choice.names)}>"


class Failover(_Group):
    """Several ways out, of which the first that works takes all mail; each is a setting or a Transport.

        ways = "smtps://ada@smtp.example.org?password=env:MAIL_PASSWORD", "smtp+starttls://relay.example.net"
        with Failover(*ways) as way:
            receipt = way.send(message)
        print(receipt.server)  # smtp.example.org:465

    The next one takes a mail when a way fails before it has decided on anything of it: no connection, no login, a
    server without time at its greeting or at MAIL, a session that was lost before the end of the mail left. A mail that
    was refused, and one that may have left, never go by another way. A way that failed rests, `retry` seconds at first,
    and is then tried by one mail. Raises UsageError, InvalidUrl. `close` closes all ways.
    """

    _word = "failover"

    @property
    def parallel(self) -> int:
        """Submissions carried at once: as many as the smallest of its ways, since any may have to carry all."""
        return min(way.parallel for way in self._ways)


class RoundRobin(_Group):
    """Several ways out that take turns: one mail each, and some ten each of a stream of mails.

    Ways that rest after a failure are passed by; a mail whose way fails goes to another by the rules of Failover.
    """

    _word, _rotating = "roundrobin", True

    @property
    def parallel(self) -> int:
        """Submissions carried at once: those of all its ways together."""
        return sum(way.parallel for way in self._ways)


# The steps.


class _Part(_Sending):
    """Part of a group for one caller: `hang_up` breaks off what this one has under way, and nothing else."""

    parallel = 1

    def __init__(self, group: _Group, ways: tuple[Way, ...], choice: Choice, transcript: Transcript | None) -> None:
        super().__init__(ways, choice)
        self._transcript = transcript
        self.name, self.answer_limit, self.silence_limit = group.name, group.answer_limit, group.silence_limit

    def _part(self, transport: Transport) -> AbstractContextManager[Transport]:
        return lent(transport, self._transcript)

    def hang_up(self) -> None:
        """Abort what this part has in flight."""
        for transport in self._cut():
            transport.hang_up()

    def close(self) -> None:
        """Leave the connections open: the group closes them."""


class _Feed:
    """Mails of one stream for `submit_many`; not a generator, so that it goes on after one that raises."""

    def __init__(self, course: Course, source: Iterator[Submission]) -> None:
        self._course, self._source = course, source

    def __iter__(self) -> Iterator[Submission]:
        return self

    def __next__(self) -> Submission:
        course = self._course
        if (again := course.again()) is not None:
            return again
        if not course.reads:
            raise StopIteration
        try:
            submission = next(self._source)
        except StopIteration:
            course.end()
            raise
        except Exception as failure:
            if course.keeps_place(failure):
                raise
            raise StopIteration from None
        handed = course.begin(submission)
        if handed is None:
            raise StopIteration
        return handed


@contextmanager
def _closed(results: Iterator[Result]) -> Generator[Iterator[Result]]:
    """Results that are closed when nobody reads on, where they can be."""
    if hasattr(results, "close"):
        with closing(results):  # type: ignore[type-var]  # a generator, mostly
            yield results
    else:
        yield results


class _Sessions:
    """Maker of transports that belong to one group, as `courriel.connect` makes them."""

    def make(self, route: Route) -> Transport:
        """The transport of a setting."""
        from courriel.delivery.connect import connect

        return connect(route)

    def parallel(self, route: Route) -> int:
        """One for a session, the size of a pool."""
        from courriel.delivery.connect import SIZE

        return parallel_of(route, SIZE)
