"""Carries leased mails out by the way of their lane, and says of each what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from threading import Semaphore
from time import monotonic
from typing import TypeAlias

from courriel import errors
from courriel.delivery.connect import forget_shared_pool, shared_pool
from courriel.delivery.keep import LocalTransport, transport_of
from courriel.delivery.route import Route
from courriel.delivery.transport import Transport
from courriel.network.transcript import Transcript
from courriel.outbox.ahead import MOST, Ahead
from courriel.outbox.batch import Batch
from courriel.outbox.policy import Result
from courriel.outbox.store import Job
from courriel.outbox.ways import Way
from courriel.session.pool import SmtpPool
from courriel.session.smtp import SmtpSession
from courriel.values import replace

_IDLE = 8.0  # seconds after which a session of ours is not trusted any more: servers hang up after ten
_JUST_NOW = 0.5  # seconds since when nobody hangs up
_AGE = 300.0  # seconds that a session is used for

Results: TypeAlias = "Iterator[tuple[Job, Result]]"


class Warm:
    """A session of ours, kept for the next mails of its lane."""

    def __init__(self, route: Route, session: SmtpSession) -> None:
        self.route, self.session = route, session
        self.opened = self.used = monotonic()

    @property
    def fresh(self) -> bool:
        """Whether it may be used again."""
        now = monotonic()
        return self.session.usable and now - self.used < _IDLE and now - self.opened < _AGE


class Carrier:
    """The sessions of one worker thread: one for each lane that it has sent on lately."""

    def __init__(self, transcript: Transcript | None = None, most_ahead: int = MOST) -> None:
        self._transcript = transcript
        self._most_ahead = most_ahead
        self._ahead: dict[str, Ahead] = {}
        self._warm: dict[str, Warm] = {}
        self._pools: set[SmtpPool] = set()

    def carry(self, lane: str, way: Way, batch: Batch) -> Results:
        """Send them, and give the result of each as it comes; what is raised ends it, and the rest has no result."""
        if not isinstance(way, Route):
            if self._transcript is not None and isinstance(way, SmtpPool):
                return self._by_pool(way, batch)
            if not getattr(way, "usable", True):
                way.open()  # type: ignore[attr-defined]  # a session that was lost; other transports open what they need
            return _by_transport(way, batch)
        if (local := transport_of(way)) is not None:
            return _by_transport(local, batch)
        if way.pool:
            return self._by_shared_pool(way, batch)
        return self._by_route(lane, way, batch)

    def ahead(self, lane: str) -> Ahead:
        """How many mails of this lane are marked at a time: what its server was measured to serve."""
        return self._ahead.setdefault(lane, Ahead(self._most_ahead))

    def flows(self, lane: str, way: Way) -> bool:
        """Whether a session of this lane is open, and has answered a moment ago."""
        if not isinstance(way, Route):
            return getattr(way, "usable", False) and not getattr(way, "rested", True)
        warm = self._warm.get(lane)
        return warm is not None and warm.route == way and warm.fresh and monotonic() - warm.used < _JUST_NOW

    def tidy(self) -> None:
        """Say goodbye where nothing has been sent for a while."""
        for lane, warm in list(self._warm.items()):
            if not warm.fresh:
                self._drop(lane)

    def close(self) -> None:
        """Say goodbye to everybody."""
        for lane in list(self._warm):
            self._drop(lane)
        for pool in self._pools:
            pool.close_idle()
        self._pools.clear()

    # The steps.

    def _by_route(self, lane: str, route: Route, batch: Batch) -> Results:
        warm = self._warm.get(lane)
        if warm is None or warm.route != route or not warm.fresh:
            self._drop(lane)
            assert route.server is not None
            transcript = self._transcript.of_session() if self._transcript is not None else None
            most = route.max_messages or None
            session = SmtpSession(route.server, route.credentials(), max_messages=most, transcript=transcript)
            warm = self._warm[lane] = Warm(route, session)
            batch.cut = session.hang_up
            session.open()
        try:
            yield from _by_transport(warm.session, batch)
        finally:
            warm.used = monotonic()

    def _by_pool(self, pool: SmtpPool, batch: Batch) -> Results:
        transcript = self._transcript.of_session() if self._transcript is not None else None
        with pool.session(transcript=transcript) as session:
            yield from _by_transport(session, batch)

    def _by_shared_pool(self, route: Route, batch: Batch) -> Results:
        """By the sessions that this process shares for a route; its rate is kept by the store, for all processes."""
        pool = shared_pool(replace(route, rate=""))
        self._pools.add(pool)
        try:
            yield from self._by_pool(pool, batch)
        except errors.AuthenticationRefused:
            forget_shared_pool(replace(route, rate=""))  # the password may be another one by now
            raise

    def _drop(self, lane: str) -> None:
        warm = self._warm.pop(lane, None)
        if warm is not None:
            with suppress(errors.CourrielError):
                warm.session.close()


def answer_limit(way: Way) -> float:
    """Seconds that the answer to one mail may take on this way."""
    if isinstance(way, Route):
        return LocalTransport.answer_limit if way.server is None else way.server.timeouts.message
    return way.answer_limit


def sessions_at_once(lane: str, way: Way, locks: dict[object, Semaphore]) -> Semaphore:
    """How many threads may carry by this way at a time: one by a session, as many as it says by a route or a pool."""
    if not isinstance(way, Route):
        return locks.setdefault(id(way), Semaphore(way.parallel))
    return locks.setdefault((lane, way.pool), Semaphore(way.pool)) if way.pool else Semaphore()


# The steps.


def _by_transport(transport: Transport, batch: Batch) -> Results:
    batch.cut = transport.hang_up
    try:
        window = lambda: batch.ahead.number  # noqa: E731 - it changes as the server is measured
        for result in transport.submit_many(batch.supply(together=False), window=window if batch.ahead.most > 1 else 1):
            yield batch.next_supplied(), result
        if any(job.options.get("together") for job in batch.jobs):
            for result in transport.submit_many(batch.supply(together=True)):
                yield batch.next_supplied(), result
    finally:
        batch.cut = None
