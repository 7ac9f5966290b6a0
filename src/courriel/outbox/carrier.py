"""Carries leased mails out by the way of their lane, and says of each what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from threading import Semaphore
from time import monotonic
from typing import TypeAlias

from courriel import errors
from courriel.delivery.connect import forget_shared_pool, shared_pool
from courriel.delivery.keep import transport_of
from courriel.delivery.route import Route
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
_PLACE = 60.0  # seconds that a folder or a list in memory may take for one mail

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
        if isinstance(way, Route) and way.server is None:
            return self._keep(way, batch)
        if isinstance(way, SmtpPool):
            return self._by_pool(way, batch)
        if isinstance(way, SmtpSession):
            return _by_session(way if way.usable else way.open(), batch)
        if way.pool:
            return self._by_shared_pool(way, batch)
        return self._by_route(lane, way, batch)

    def ahead(self, lane: str) -> Ahead:
        """How many mails of this lane are marked at a time: what its server was measured to serve."""
        return self._ahead.setdefault(lane, Ahead(self._most_ahead))

    def flows(self, lane: str, way: Way) -> bool:
        """Whether a session of this lane is open, and has answered a moment ago."""
        if isinstance(way, SmtpSession):
            return way.usable and not way._line.rested
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
            batch.cut = session._line.hang_up
            session.open()
        try:
            yield from _by_session(warm.session, batch)
        finally:
            warm.used = monotonic()

    def _by_pool(self, pool: SmtpPool, batch: Batch) -> Results:
        transcript = self._transcript.of_session() if self._transcript is not None else None
        with pool.session(transcript=transcript) as session:
            yield from _by_session(session, batch)

    def _by_shared_pool(self, route: Route, batch: Batch) -> Results:
        """By the sessions that this process shares for a route; its rate is kept by the store, for all processes."""
        pool = shared_pool(replace(route, rate=""))
        self._pools.add(pool)
        try:
            yield from self._by_pool(pool, batch)
        except errors.AuthenticationRefused:
            forget_shared_pool(replace(route, rate=""))  # the password may be another one by now
            raise

    def _keep(self, route: Route, batch: Batch) -> Results:
        transport = transport_of(route)
        assert transport is not None
        supply = batch.supply()
        while True:
            try:
                out = next(supply)
            except StopIteration:
                return
            except errors.UsageError as broken:
                yield batch.next_supplied(), broken
                continue
            job = batch.next_supplied()
            result: Result = errors.NotPermitted("this mail is somebody else's by now")
            if batch.permit(job):
                try:
                    result = transport.send(out.envelope, out.content)
                except errors.CourrielError as failed:
                    result = failed
            yield job, result

    def _drop(self, lane: str) -> None:
        warm = self._warm.pop(lane, None)
        if warm is not None:
            with suppress(errors.CourrielError):
                warm.session.close()


def answer_limit(way: Way) -> float:
    """Seconds that the answer to one mail may take on this way."""
    server = way.server
    return _PLACE if server is None else server.timeouts.message


def sessions_at_once(lane: str, way: Way, locks: dict[object, Semaphore]) -> Semaphore:
    """How many threads may carry by this way at a time: one by a session, as many as it says by a route or a pool."""
    if isinstance(way, SmtpSession):
        return locks.setdefault(id(way), Semaphore())
    if isinstance(way, SmtpPool):
        return locks.setdefault(id(way), Semaphore(way.limits.size))
    return locks.setdefault((lane, way.pool), Semaphore(way.pool)) if way.pool else Semaphore()


# The steps.


def _by_session(session: SmtpSession, batch: Batch) -> Results:
    batch.cut = session._line.hang_up
    try:
        window = lambda: batch.ahead.number  # noqa: E731 - it changes as the server is measured
        for result in session.send_many(batch.supply(together=False), window=window if batch.ahead.most > 1 else 1):
            yield batch.next_supplied(), result
        if any(job.options.get("together") for job in batch.jobs):
            for result in session.send_many(batch.supply(together=True), on_refused="abandon"):
                yield batch.next_supplied(), result
    finally:
        batch.cut = None
