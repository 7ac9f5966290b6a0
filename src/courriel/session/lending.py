"""What the pools of both colours have in common: every step that waits for nothing.

What is lent, kept and let go is decided by the shelf, how fast by the pace; here one lock keeps them whole, and those
who wait are called.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.smtp import SmtpDialogue
from courriel.model.credentials import Credentials, check_credentials
from courriel.model.receipt import Receipt
from courriel.model.server import Server
from courriel.network import forks
from courriel.network.transcript import Transcript
from courriel.session import server_memory
from courriel.session.pace import Slots, asks_to_slow_down
from courriel.session.shelf import Limits, Place, Shelf, Ticket
from courriel.session.smtp import AsyncSmtpSession, SmtpSession

S = TypeVar("S", bound=SmtpSession | AsyncSmtpSession)

OPENING = ("connect", "secure", "greeting", "hello", "authenticate")
"""Stages at which nothing of any message has been said yet."""


class Lending(Generic[S]):
    """A pool without its waiting."""

    def __init__(
        self,
        server: Server | str,
        credentials: Credentials | None,
        limits: Limits,
        transcript: Transcript | None = None,
    ) -> None:
        check_credentials(credentials)
        self.server = _as_server(server)
        self._credentials = credentials
        self.transcript = transcript
        """Told all that is said in every session, secrets left out; each line names its session."""
        self._shelf: Shelf[S] = Shelf(limits, _sound, server_memory.of(self.server))
        self._slots = Slots(limits.rate)
        self._pausing: set[Callable[[], None]] = set()  # calls those who have a session, and wait for their moment
        self._lock = allocate_lock()
        forks.renew_in_child(self, type(self)._after_fork)

    @property
    def limits(self) -> Limits:
        """How many sessions, and how long each is good for."""
        return self._shelf.limits

    @property
    def in_use(self) -> int:
        """How many sessions somebody uses or opens."""
        return self._shelf.lent

    @property
    def resting(self) -> int:
        """How many sessions are open and unused."""
        return self._shelf.resting

    @property
    def waiting(self) -> int:
        """How many callers wait for a session."""
        return self._shelf.waiting

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._shelf.closed

    def __repr__(self) -> str:
        state = "closed" if self.closed else self._standing()
        return f"<{type(self).__name__} {self.server} {self.server.security.name} {state}>"

    def _after_fork(self) -> None:
        """Begin anew in a child process: sessions, those who use them and those who wait are our parent's.

        Those sessions drop their connections themselves. What the server was found to bear is still known.
        """
        forks.keep_for_ever(self._shelf, self._pausing)
        self._lock = allocate_lock()  # another thread may have had it, and is not here
        self._shelf = self._shelf.emptied()
        self._pausing = set()

    # What a subclass adds.

    def _let_go(self, sessions: list[S]) -> None:
        """Say goodbye to these, soon; the lock is not held."""
        raise NotImplementedError

    def transcript_of_session(self) -> Transcript | None:
        """The transcript for one more session."""
        return None if self.transcript is None else self.transcript.of_session()

    # Asking and coming back.

    def _ask(self) -> Ticket[S]:
        now = monotonic()
        with self._lock:
            ticket = self._shelf.ask(now, now + self.limits.wait)
            gone = self._shelf.discarded()
        self._let_go(gone)
        return ticket

    def _look(self) -> None:
        """Time has passed: what rested too long goes, who waited too long is told, and we may be faster again."""
        now = monotonic()
        with self._lock:
            for ticket in self._shelf.overdue(now):
                ticket.refusal = self._too_late(ticket.failed)
                ticket.call()
            self._shelf.put_away(now)
            gone = self._call(now)
        self._let_go(gone)

    def _withdraw(self, ticket: Ticket[S]) -> None:
        """The caller has stopped waiting, or is done with what it was given."""
        now = monotonic()
        with self._lock:
            self._shelf.withdraw(ticket, now)
            gone = self._call(now)
        self._let_go(gone)

    def _is_final(self, ticket: Ticket[S], error: errors.CourrielError, begun: float) -> bool:
        """A session could not be opened: whether that is the caller's own end, or it waits for another one."""
        crowded, now = asks_to_slow_down(error), monotonic()
        with self._lock:
            if not self._shelf.knows(ticket):
                return True  # it was our parent's
            for told in self._shelf.opening_failed(ticket, error, begun, now, crowded=crowded):
                if told is not ticket:
                    told.refusal = _told_again(error)
                told.call()
            gone = self._call(now)
        self._let_go(gone)
        return ticket.refusal is not None

    def _shut(self) -> None:
        with self._lock:
            for ticket in self._shelf.close():
                ticket.refusal = self._closed_meanwhile()
                ticket.call()
            for call in self._pausing:
                call()
            gone = self._shelf.discarded()
        self._let_go(gone)

    def _call(self, now: float) -> list[S]:
        """Something has changed: call those whose turn it is. Returns the sessions to let go of; the lock is held."""
        for ticket in self._shelf.serve(now):
            ticket.call()
        return self._shelf.discarded()

    # Sending.

    def _moment(self, now: float) -> float:
        """When one more message may leave."""
        if self._shelf.at_ease:
            return now
        with self._lock:
            throttle = self._shelf.throttle(now)
            return self._slots.reserve(max(now, throttle.since + throttle.gap), throttle.gap)

    def _unused(self, moment: float) -> None:
        with self._lock:
            self._slots.release(moment)

    def _hung_up(self, silence: float, now: float) -> None:
        with self._lock:
            self._shelf.hung_up(silence, now)

    def _slow_down(self, begun: float, now: float, *, broken: bool) -> None:
        with self._lock:
            self._shelf.slow_down(begun, now, broken=int(broken))
            gone = self._shelf.discarded()
        self._let_go(gone)

    # What callers are told.

    def _too_late(self, failed: errors.CourrielError | None) -> errors.CourrielError:
        limit = self.limits.wait
        late = errors.TimedOut(
            f"no session to {self.server} was free within {limit:g} s: {self._standing()}",
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

    def _standing(self) -> str:
        shelf = self._shelf
        return f"{shelf.lent} of {self.limits.size} in use, {shelf.resting} at rest, {self.waiting} waiting"


def _as_server(server: Server | str) -> Server:
    """A string is a host here; what reads URLs and profiles is `courriel.connect`. Raises InvalidServer."""
    if isinstance(server, str) and ("://" in server or "@" in server):
        raise errors.InvalidServer(
            "a pool is made for a Server or a host name; courriel.connect reads URLs and profiles, and gives a pool"
            " where they say ?pool=4 or ?rate=30/m"
        )
    return server if isinstance(server, Server) else Server(server)


class Warm:
    """What a session of a pool knows beyond an ordinary one: whose it is, and what its server has made of it."""

    _lender: Lending[SmtpSession] | Lending[AsyncSmtpSession]
    _place: Place[SmtpSession] | Place[AsyncSmtpSession]
    _counting: Counting
    _dialogue: SmtpDialogue
    _openings: int
    _filled: int

    def _converse_by(self, dialogue: Counting) -> None:
        dialogue.count.facts = dialogue.logins = server_memory.of(dialogue.server)
        self._dialogue = self._counting = dialogue

    def _opened(self) -> None:
        """It has been opened by us."""
        self._openings, self._filled = self._counting.openings, self._counting.count.filled
        self._place.opened(monotonic())

    def _found_dead(self) -> None:
        """The server has hung up meanwhile."""
        now = monotonic()
        self._lender._hung_up(now - self._place.used, now)

    def _came_back(self, begun: float, *outcomes: Receipt | errors.CourrielError) -> None:
        """These messages were handed over, or were not."""
        now, place = monotonic(), self._place
        if self._counting.openings != self._openings:
            if self._counting.count.filled == self._filled:
                # The dialogue found the line dead, and opened another one by itself (hazard H15).
                self._lender._hung_up(begun - place.used, now)
            self._opened()
        place.used = now
        place.messages = self._counting.count.carried
        self._lender._shelf.meter.count(now, len(outcomes))
        for outcome in outcomes:
            if not (isinstance(outcome, Receipt) and outcome.complete) and asks_to_slow_down(outcome):
                broken = isinstance(outcome, errors.CourrielError) and not outcome.session_usable
                self._lender._slow_down(begun, now, broken=broken)


class Counting(SmtpDialogue):
    """A conversation that counts how often its line was opened."""

    openings = 0

    def open(self) -> Flow[None]:
        """See SmtpDialogue.open."""
        self.openings += 1
        yield from super().open()


def _told_again(error: errors.CourrielError) -> errors.CourrielError:
    """The same error for somebody else: an exception is raised by one thread only."""
    from copy import copy

    again = copy(error)
    again.__cause__ = error
    return again


def never_begun(error: errors.CourrielError) -> bool:
    """Whether a call failed while the session was opened again, before anything of the message was said."""
    return error.stage in OPENING and not error.session_usable and not error.in_doubt


def _sound(session: SmtpSession | AsyncSmtpSession) -> bool:
    # Somebody may have left a conversation going on in another thread.
    return session.usable and not session._line.turn.taken
