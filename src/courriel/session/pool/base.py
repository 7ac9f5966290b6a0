"""Base of both SMTP pools: every step that does not wait.

PoolState decides which session is lent, kept or closed, the throttle how fast; one lock guards both, and callers in the
queue are notified.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.model.receipt import Receipt
from courriel.model.servers.credentials import Credentials, check_credentials
from courriel.model.servers.server import Server
from courriel.network import forks
from courriel.network.transcripts.transcript import Transcript
from courriel.session import server_memory
from courriel.session.pool.state import PoolLimits, PoolState, Slot, Waiter
from courriel.session.pool.throttle import Slots, asks_to_slow_down
from courriel.session.smtp import AsyncSmtpSession, SmtpSession

S = TypeVar("S", bound=SmtpSession | AsyncSmtpSession)

OPENING = ("connect", "secure", "greeting", "hello", "authenticate")
"""Stages before the first command of a message."""


class PoolBase(Generic[S]):
    """Base of both pools; see SmtpPool."""

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None,
        limits: PoolLimits,
        transcript: Transcript | None = None,
    ) -> None:
        check_credentials(credentials)
        self.server = _as_server(server)
        self._credentials = credentials
        self.transcript = transcript
        """Records the conversation of every session, without secrets; each line names its session."""
        self._state: PoolState[S] = PoolState(limits, _is_sound, server_memory.of(self.server))
        self._slots = Slots(limits.rate)
        self._pausing: set[Callable[[], None]] = set()  # wake callers that have a session and wait for the rate
        self._lock = allocate_lock()
        forks.renew_in_child(self, type(self)._after_fork)

    @property
    def limits(self) -> PoolLimits:
        """Number of sessions, their lifetime and rate."""
        return self._state.limits

    @property
    def in_use(self) -> int:
        """Number of sessions that are in use or being opened."""
        return self._state.lent

    @property
    def resting(self) -> int:
        """Number of sessions that are open and unused."""
        return self._state.resting

    @property
    def waiting(self) -> int:
        """Number of callers that wait for a session."""
        return self._state.waiting

    @property
    def closed(self) -> bool:
        """Whether the pool is closed: nothing can be sent any more."""
        return self._state.closed

    def __repr__(self) -> str:
        state = "closed" if self.closed else self._usage()
        return f"<{type(self).__name__} {self.server} {self.server.security.name} {state}>"

    def _after_fork(self) -> None:
        """Reset the pool in a child process: sessions, their users and the queue belong to the parent.

        Those sessions close their sockets themselves. What was learnt about the server is kept.
        """
        forks.keep_for_ever(self._state, self._pausing)
        self._lock = allocate_lock()  # a thread of the parent may have held it, and does not exist here
        self._state = self._state.emptied()
        self._pausing = set()

    # What a subclass adds.

    def _close_soon(self, sessions: list[S]) -> None:
        """Close these sessions soon; the lock is not held."""
        raise NotImplementedError

    def transcript_of_session(self) -> Transcript | None:
        """The transcript for one more session."""
        return None if self.transcript is None else self.transcript.of_session()

    # Borrowing and returning.

    def _ask(self) -> Waiter[S]:
        now = monotonic()
        with self._lock:
            waiter = self._state.ask(now, now + self.limits.wait)
            to_close = self._state.discarded()
        self._close_soon(to_close)
        return waiter

    def _check_limits(self) -> None:
        """Apply the time limits: close idle sessions, fail callers that waited too long, serve others."""
        now = monotonic()
        with self._lock:
            for waiter in self._state.overdue(now):
                waiter.refusal = self._too_late(waiter.failed)
                waiter.call()
            self._state.discard_expired(now)
            to_close = self._call(now)
        self._close_soon(to_close)

    def _withdraw(self, waiter: Waiter[S]) -> None:
        """Remove a caller from the queue, or return its session."""
        now = monotonic()
        with self._lock:
            self._state.withdraw(waiter, now)
            to_close = self._call(now)
        self._close_soon(to_close)

    def _is_final(self, waiter: Waiter[S], error: errors.CourrielError, begun: float) -> bool:
        """Handle a failed open: return True when it is the caller's own failure, False when it waits again."""
        crowded, now = asks_to_slow_down(error), monotonic()
        with self._lock:
            if not self._state.knows(waiter):
                return True  # it belongs to the parent process
            for refused in self._state.opening_failed(waiter, error, begun, now, crowded=crowded):
                if refused is not waiter:
                    refused.refusal = _error_for_other(error)
                refused.call()
            to_close = self._call(now)
        self._close_soon(to_close)
        return waiter.refusal is not None

    def _shut(self) -> None:
        with self._lock:
            for waiter in self._state.close():
                waiter.refusal = self._closed_meanwhile()
                waiter.call()
            for call in self._pausing:
                call()
            to_close = self._state.discarded()
        self._close_soon(to_close)

    def _call(self, now: float) -> list[S]:
        """Notify callers that were given a session. Returns the sessions to close; the lock is held."""
        for waiter in self._state.serve(now):
            waiter.call()
        return self._state.discarded()

    # Sending.

    def _moment(self, now: float) -> float:
        """Time at which the next message may be sent."""
        if self._state.at_ease:
            return now
        with self._lock:
            throttle = self._state.throttle(now)
            return self._slots.reserve(max(now, throttle.since + throttle.gap), throttle.gap)

    def _unused(self, moment: float) -> None:
        with self._lock:
            self._slots.release(moment)

    def _hung_up(self, silence: float, now: float) -> None:
        with self._lock:
            self._state.hung_up(silence, now)

    def _slow_down(self, begun: float, now: float, *, broken: bool) -> None:
        with self._lock:
            self._state.slow_down(begun, now, broken=int(broken))
            to_close = self._state.discarded()
        self._close_soon(to_close)

    # Errors.

    def _too_late(self, failed: errors.CourrielError | None) -> errors.CourrielError:
        limit = self.limits.wait
        late = errors.TimedOut(
            f"no session to {self.server} was free within {limit:g} s: {self._usage()}",
            stage="connect",
            server=str(self.server),
            hint_id="POOL-BUSY",
        )
        late.__cause__ = failed
        return late

    def _closed_meanwhile(self) -> errors.CourrielError:
        return errors.ConnectionFailed(
            "the pool was closed before this message was begun", server=str(self.server), hint_id="SESSION-LOST"
        )

    def _usage(self) -> str:
        state = self._state
        return f"{state.lent} of {self.limits.size} in use, {state.resting} at rest, {self.waiting} waiting"


def _as_server(server: Server | str) -> Server:
    """A server by its host name; URLs and profiles are for `courriel.connect`. Raises InvalidServer."""
    if isinstance(server, str) and ("://" in server or "@" in server):
        raise errors.InvalidServer(
            "a pool is made for a Server or a host name; courriel.connect reads URLs and profiles, and gives a pool"
            " where they say ?pool=4 or ?rate=30/m"
        )
    return server if isinstance(server, Server) else Server(server)


class PooledLike:
    """Additions of a pooled session to an ordinary one: its pool, its slot, and the results it reports to them."""

    _owner: PoolBase[SmtpSession] | PoolBase[AsyncSmtpSession]
    _slot: Slot[SmtpSession] | Slot[AsyncSmtpSession]
    _counting: Counting
    _dialogue: SmtpDialogue
    _openings: int
    _filled: int

    def _use_dialogue(self, dialogue: Counting) -> None:
        dialogue.count.facts = dialogue.logins = server_memory.of(dialogue.server)
        self._dialogue = self._counting = dialogue

    def _opened(self) -> None:
        """Record that the session was opened."""
        self._openings, self._filled = self._counting.openings, self._counting.count.filled
        self._slot.opened(monotonic())

    def _found_closed(self) -> None:
        """Record that the server closed the idle connection."""
        now = monotonic()
        self._owner._hung_up(now - self._slot.used, now)

    def _report_results(self, begun: float, *outcomes: Receipt | errors.CourrielError) -> None:
        """Record the results of these messages: time of last use, count, throttling."""
        now, slot = monotonic(), self._slot
        if self._counting.openings != self._openings:
            if self._counting.count.filled == self._filled:
                # The dialogue found the connection closed, and opened another one by itself (hazard H15).
                self._owner._hung_up(begun - slot.used, now)
            self._opened()
        slot.used = now
        slot.messages = self._counting.count.carried
        self._owner._state.meter.count(now, len(outcomes))
        for outcome in outcomes:
            if not (isinstance(outcome, Receipt) and outcome.complete) and asks_to_slow_down(outcome):
                broken = isinstance(outcome, errors.CourrielError) and not outcome.session_usable
                self._owner._slow_down(begun, now, broken=broken)


class Counting(SmtpDialogue):
    """SMTP dialogue that counts how often its connection was opened."""

    openings = 0

    def open(self) -> Flow[None]:
        """See SmtpDialogue.open."""
        self.openings += 1
        yield from super().open()


def _error_for_other(error: errors.CourrielError) -> errors.CourrielError:
    """Copy of an error for another caller: an exception instance is raised in one thread only."""
    from copy import copy

    again = copy(error)
    again.__cause__ = error
    return again


def never_begun(error: errors.CourrielError) -> bool:
    """Whether a call failed while reconnecting, before the first command of its message."""
    return error.stage in OPENING and not error.session_usable and not error.in_doubt


def _is_sound(session: SmtpSession | AsyncSmtpSession) -> bool:
    # Another thread may still be in a call on it.
    return session.usable and not session.busy
