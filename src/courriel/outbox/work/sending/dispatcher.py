"""Dispatcher: sends leased mails by the transport of their lane, and returns the result of each."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from threading import Semaphore
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.connect import forget_shared_pool, shared_pool
from courriel.delivery.local import LocalTransport, transport_of
from courriel.delivery.signing_routes import signed_by, signed_or_passed
from courriel.delivery.transport import Transport, answers_now, lent, silence_limit_of
from courriel.delivery.urls import schemes
from courriel.delivery.urls.providers import by_server
from courriel.delivery.urls.route import Route
from courriel.network.transcripts.transcript import Transcript
from courriel.outbox.lanes import Way
from courriel.outbox.policy import Result
from courriel.outbox.store.jobs import Job
from courriel.outbox.work.sending.ahead import MOST, Ahead
from courriel.outbox.work.sending.batch import Batch
from courriel.outbox.work.sending.idle_sessions import IdleSessions, is_shortage
from courriel.session.pool.blocking import SmtpPool
from courriel.session.smtp import SmtpSession, longest_silence

if TYPE_CHECKING:
    from courriel.delivery.http_providers.transport import HttpTransport

_CONNECTING = ("", "connect", "secure")
_JUST_NOW = 0.5  # seconds within which no server hangs up

Results: TypeAlias = "Iterator[tuple[Job, Result]]"


class Dispatcher:
    """Sender of one worker thread, which keeps one open session for each lane that it has served lately."""

    def __init__(self, sessions: IdleSessions, transcript: Transcript | None = None, most_ahead: int = MOST) -> None:
        self._sessions = sessions
        self._transcript = transcript
        self._most_ahead = most_ahead
        self._ahead: dict[str, Ahead] = {}
        self._pools: set[SmtpPool] = set()
        self._by_requests: dict[str, tuple[Route, HttpTransport]] = {}
        self.short = False
        """Whether the last batch failed for want of file descriptors, and not because of its lane."""

    def carry(self, lane: str, way: Way, batch: Batch) -> Results:
        """Send a batch, and yield each result as it comes; an exception ends it, and the rest has no result."""
        self.short = False
        if not isinstance(way, Route):
            return self._by_live(way, batch)
        if (local := transport_of(way)) is not None:
            return _by_transport(_signing(way, local, batch), batch)
        if way.by_http:
            return self._by_http(lane, way, batch)
        if way.pool:
            return self._by_shared_pool(way, batch)
        return self._by_route(lane, way, batch)

    @contextmanager
    def held(self, lane: str, way: Way) -> Generator[bool]:
        """Context in which a session or connection slot of this lane is in use; False when there is none."""
        if not isinstance(way, Route) or way.server is None or way.by_http:
            yield True
            return
        if not self._sessions.hold(self, lane, way, way.server.host.lower()):
            yield False
            return
        try:
            yield True
        finally:
            self._sessions.release(self, lane)

    def ahead(self, lane: str) -> Ahead:
        """Marks ahead for this lane, by the measured speed of its server."""
        return self._ahead.setdefault(lane, Ahead(self._most_ahead))

    def flows(self, lane: str, way: Way) -> bool:
        """Whether a session of this lane is open, and has just answered."""
        if not isinstance(way, Route):
            return answers_now(way)
        warm = self._sessions.of(self, lane)
        return warm is not None and warm.route == way and warm.fresh and monotonic() - warm.used < _JUST_NOW

    def tidy(self) -> None:
        """Close sessions that have been idle for a while."""
        self._sessions.tidy(self)
        for _, transport in self._by_requests.values():
            transport.close()  # they are kept for seconds

    def close(self) -> None:
        """Close all sessions."""
        self._sessions.close(self)
        for pool in self._pools:
            pool.close_idle()
        self._pools.clear()
        for _, transport in self._by_requests.values():
            transport.close()
        self._by_requests.clear()

    def make_room_if_short(self, failed: errors.CourrielError) -> None:
        """Close idle sessions after an error for want of file descriptors."""
        if is_shortage(failed):
            self._make_room()

    # The steps.

    def _by_route(self, lane: str, route: Route, batch: Batch) -> Results:
        warm = self._sessions.of(self, lane)
        assert warm is not None
        if warm.session is None:
            transcript = self._transcript.of_session() if self._transcript is not None else None
            most = route.max_messages or None
            server, credentials = route.server_to_reach(), route.credentials()
            session = SmtpSession(server, credentials, max_messages=most, transcript=transcript)
            warm.session = session
            batch.cut = session.hang_up
            self._open(session)
            batch.touch()
        yield from _by_transport(_signing(route, warm.session, batch), batch)

    def _open(self, session: SmtpSession) -> None:
        """Open a session; without a free file descriptor, again after closing idle ones."""
        try:
            session.open()
        except errors.CourrielError as failed:
            if not is_shortage(failed):
                raise
            self._make_room()
            with self._opening():
                session.open()

    @contextmanager
    def _opening(self) -> Generator[None]:
        """Context that detects a want of file descriptors, and then closes idle sessions."""
        try:
            yield
        except errors.CourrielError as failed:
            if failed.stage in _CONNECTING and is_shortage(failed):
                self.short = True
                self._make_room()
            raise

    def _make_room(self) -> None:
        self._sessions.make_room()
        for pool in self._pools:
            pool.close_idle()
        for _, transport in self._by_requests.values():
            transport.close()

    def _by_live(self, transport: Transport, batch: Batch) -> Results:
        """By a transport of this program; of a pool by one session, so that a batch is cut alone."""
        transcript = self._transcript.of_session() if self._transcript is not None else None
        with self._opening(), lent(transport, transcript) as part:
            yield from _by_transport(part, batch)

    def _by_http(self, lane: str, route: Route, batch: Batch) -> Results:
        """By requests to a provider; its key is read again once it was refused."""
        known, transport = self._by_requests.get(lane, (None, None))
        if transport is None or known != route:
            from courriel.delivery.http_providers.transport import http_transport

            if transport is not None:
                transport.close()
            transport = http_transport(route)
            self._by_requests[lane] = route, transport
        with self._opening():
            for job, result in _by_transport(transport, batch):
                if isinstance(result, errors.AuthenticationRefused):
                    transport.close()
                    _ = self._by_requests.pop(lane, (route, transport))
                yield job, result

    def _by_shared_pool(self, route: Route, batch: Batch) -> Results:
        """Send by the process's shared pool of a route; its rate is enforced by the store, for all processes."""
        pool = shared_pool(replace(route, rate=""))
        self._pools.add(pool)
        try:
            yield from self._by_live(_signing(route, pool, batch), batch)
        except (errors.AuthenticationRefused, errors.ProxyError):
            forget_shared_pool(replace(route, rate=""))  # the password may have changed
            raise


def answer_limit(way: Way) -> float:
    """Seconds that the answer to one mail may take by this transport."""
    if isinstance(way, Route):
        return LocalTransport.answer_limit if way.server is None else way.server.timeouts.message
    return way.answer_limit


def takes_any_sender(way: Way) -> bool:
    """Whether a mail may leave with a return address of its own: not by a provider where the sender is fixed."""
    if not isinstance(way, Route) or way.server is None:
        return True
    known = by_server(way.server.host)
    return known is None or not known.fixed_sender


def may_be_way(way: Way, name: str) -> bool:
    """True where the way of a lane, or one of its group, may have this name; a program's own group checks itself."""
    from courriel.delivery.http_providers.transport import HttpTransport
    from courriel.delivery.routing.ways import names_in_groups

    if isinstance(way, Route):
        return name in names_in_groups(way)
    return name == way.name or not isinstance(way, SmtpSession | SmtpPool | HttpTransport)


def silence_limit(way: Way) -> float:
    """Seconds for which a server may be silent before any mail has left: the longest of the stage limits."""
    if isinstance(way, Route):
        return answer_limit(way) if way.server is None else longest_silence(way.server)
    return silence_limit_of(way)


def sessions_at_once(lane: str, way: Way, locks: dict[object, Semaphore]) -> Semaphore:
    """Semaphore for the number of threads that may send by this transport: one for a session, more for a pool."""
    if not isinstance(way, Route):
        return locks.setdefault(id(way), Semaphore(way.parallel))
    at_once = schemes.HTTP_AT_ONCE if way.by_http else way.pool
    return locks.setdefault((lane, at_once), Semaphore(at_once)) if at_once else Semaphore()


# The steps.


def _signing(route: Route, transport: Transport, batch: Batch) -> Transport:
    """The transport with the signer of its setting, which mails that were signed when they were put need not have."""
    if all(job.options.get("signed") for job in batch.jobs):
        return signed_or_passed(route, transport)
    return signed_by(route, transport)


def _by_transport(transport: Transport, batch: Batch) -> Results:
    batch.cut = transport.hang_up
    try:
        window = lambda: batch.ahead.number  # noqa: E731 - it changes with the measured speed
        for result in transport.submit_many(batch.supply(together=False), window=window if batch.ahead.most > 1 else 1):
            yield batch.next_supplied(), result
        if any(job.options.get("together") for job in batch.jobs):
            for result in transport.submit_many(batch.supply(together=True)):
                yield batch.next_supplied(), result
    finally:
        batch.cut = None
