"""
IdleSessions: open sessions that a worker keeps for the next mails of their lanes, limited in all and by host.

An outbox may have thousands of lanes, and a process a thousand file descriptors. The session that has been idle for the
longest is closed first; one in use is never closed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel.network import forks
from courriel.network.careful_log import CarefulLogger
from courriel.outbox import checks

if TYPE_CHECKING:
    from courriel.delivery.urls.route import Route
    from courriel.session.smtp import SmtpSession

logger = CarefulLogger("courriel.outbox")

SESSIONS = 100
"""Open sessions of a worker: as many as Postfix makes deliveries at a time (its default_process_limit), or a quarter of
the file descriptors of the process when that is less."""

PER_HOST = 20
"""Simultaneous connections to one host, whatever the number of its lanes: as in Postfix
(default_destination_concurrency_limit)."""

_IDLE = 8.0  # seconds after which an idle session is not used any more: some servers hang up after ten
_AGE = 300.0  # seconds: maximum age of a session
_NEEDED = 4  # file descriptors: to open one connection


class IdleSession:
    """Slot of one connection: in use, or an open session that waits for the next mails of its lane."""

    def __init__(self, route: Route, host: str) -> None:
        self.route, self.host = route, host
        self.session: SmtpSession | None = None
        self.busy = True
        self.opened = self.used = monotonic()

    @property
    def fresh(self) -> bool:
        """Whether the session may be used again."""
        now = monotonic()
        usable = self.session is not None and self.session.usable
        return usable and now - self.used < _IDLE and now - self.opened < _AGE


class IdleSessions:
    """Sessions of all threads of a worker; each thread has its own for a lane, by its `owner`.

    At most `most` sessions are kept open, with at most `per_host` connections to one host. `freed` is called when a
    thread was refused for that, and there is room again.
    """

    def __init__(
        self, most: int | None = None, per_host: int = PER_HOST, freed: Callable[[], object] = lambda: None
    ) -> None:
        self.most = usual_number() if most is None else most
        self._per_host = per_host
        self._freed = freed
        self._refused = False
        self._warned = False
        self._places: dict[tuple[object, str], IdleSession] = {}  # in order of last use
        self._lock = Lock()
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """Forget the sessions, which belong to the parent process."""
        forks.keep_for_ever(self._places)
        self._lock, self._places = Lock(), {}

    def hold(self, owner: object, lane: str, route: Route, host: str) -> bool:
        """Take the session of a lane, or a slot for a new one; False with too many connections to its host."""
        with self._lock:
            place = self._places.get((owner, lane))
            if place is not None and place.route == route and place.fresh:
                place.busy = True
                return True
            gone = [self._places.pop((owner, lane))] if place is not None else []
            held = self._make_place(host, gone)
            if held:
                self._places[owner, lane] = IdleSession(route, host)
        _say_goodbye(gone)
        return held

    def release(self, owner: object, lane: str) -> None:
        """Release the session, which is kept for the next mails of its lane if it is open."""
        with self._lock:
            place = self._places.pop((owner, lane), None)
            gone = []
            if place is not None and place.session is not None:
                if place.session.usable:
                    place.busy, place.used = False, monotonic()
                    self._places[owner, lane] = place
                    gone = self._too_many()
                else:
                    gone.append(place)
            wanted, self._refused = self._refused, False
        _say_goodbye(gone)
        if wanted:
            self._freed()

    def of(self, owner: object, lane: str) -> IdleSession | None:
        """Slot of an owner for a lane."""
        return self._places.get((owner, lane))

    def tidy(self, owner: object) -> None:
        """Close sessions that have been idle for a while."""
        self._close(lambda key, place: key[0] is owner and not place.fresh)

    def close(self, owner: object) -> None:
        """Close all sessions of an owner."""
        self._close(lambda key, place: key[0] is owner)

    def make_room(self) -> None:
        """Close idle sessions for want of file descriptors, and keep fewer from now on."""
        with self._lock:
            self.most = max(1, min(self.most, len(self._places) * 3 // 4))
            warned, self._warned = self._warned, True
        if not warned:
            logger.warning("No file descriptors are left (ulimit -n): no more than %d sessions are kept open now",
                           self.most, extra={"action": "descriptors_short"})  # fmt: skip
        self._close(lambda key, place: True)

    # The steps.

    def _make_place(self, host: str, gone: list[IdleSession]) -> bool:
        """Whether there is room for another connection; sessions to be closed for it are appended to `gone`."""
        at_host = sum(place.host == host for place in self._places.values())
        if at_host >= self._per_host:
            oldest = next(self._idle(host), None)
            if oldest is None:
                self._refused = True
                return False
            gone.append(self._places.pop(oldest))
        gone += self._too_many(1)
        return True

    def _too_many(self, more: int = 0) -> list[IdleSession]:
        """Idle sessions to be closed to make room for `more` connections; those in use stay."""
        gone = []
        while len(self._places) + more > self.most and (oldest := next(self._idle(), None)) is not None:
            gone.append(self._places.pop(oldest))
        return gone

    def _idle(self, host: str | None = None) -> Iterator[tuple[object, str]]:
        return (key for key, place in self._places.items() if not place.busy and host in (None, place.host))

    def _close(self, which: Callable[[tuple[object, str], IdleSession], bool]) -> None:
        with self._lock:
            keys = [key for key, place in self._places.items() if not place.busy and which(key, place)]
            gone = [self._places.pop(key) for key in keys]
        _say_goodbye(gone)


def limited_sessions(most: int | None, per_host: int, freed: Callable[[], object]) -> IdleSessions:
    """IdleSessions with the limits of the caller. Raises UsageError."""
    for name, number in (("sessions", most), ("per_host", per_host)):
        if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
            raise errors.UsageError(f"{name}: a number from 1, not {checks.shown(number)}")
    return IdleSessions(most, per_host, freed)


def usual_number() -> int:
    """Default number of open sessions of a worker."""
    limit = descriptors()
    return SESSIONS if limit is None else max(1, min(SESSIONS, limit // 4))


def descriptors() -> int | None:
    """Limit of file descriptors of this process; None when there is none."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def is_shortage(error: BaseException) -> bool:
    """Whether an error was caused by a want of file descriptors; also for libraries whose errors do not say so."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return True
        cause = cause.__cause__ or cause.__context__
    return not _are_some_left()


# The steps.


def _are_some_left() -> bool:
    tried: list[int] = []
    try:
        for _ in range(_NEEDED):  # one by one: those that were opened before one fails are closed again
            tried.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401 - see above
    except OSError:
        return False
    finally:
        for each in tried:
            os.close(each)
    return True


def _say_goodbye(places: list[IdleSession]) -> None:
    for place in places:
        if place.session is not None:
            with suppress(errors.CourrielError):
                place.session.close()
