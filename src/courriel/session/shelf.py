"""
Who has which session, who waits for one, which ones are to be closed: the bookkeeping of a pool.

Nothing here waits, opens or closes; whoever does (`courriel.session.pool`) tells what happened and when, and is told
what follows. A place is the right to one session. It is on the shelf (open, and resting), lent, or gone.

    ask ─────▶ waiting ── served, in order ──▶ lent ── give_back ──▶ on the shelf ──▶ lent …
                  │                              │                        │
              withdraw                     opening_failed            discarded
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from courriel import errors
from courriel.model.shown import safely_shown
from courriel.session.pace import Meter, Rate, Throttle
from courriel.session.server_memory import ServerFacts
from courriel.values import dataclass

S = TypeVar("S")

_WARY = 1.0  # seconds before another session is tried beside those that work, after one could not be opened
_SHORTEST_SILENCE = 1.0  # a server that hung up sooner did so for another reason
_MEMORY = 3600.0  # seconds for which we remember that it did


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sessions, and how long each is good for; every one is finite. Raises UsageError.

    The defaults are what the strictest of the common providers bear: one hangs up after ten seconds of silence, some
    end a session after a hundred messages.
    """

    size: int = 4
    idle: float = 8.0  # seconds of silence
    age: float = 300.0  # seconds
    messages: int = 100  # for each session
    wait: float = 30.0  # seconds for a free session
    rate: Rate | None = None

    def __post_init__(self) -> None:
        for name in ("size", "messages"):
            count = getattr(self, name)
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                raise errors.UsageError(f"{name}: {safely_shown(count)} is not a number from 1 on")
        for name in ("idle", "age", "wait"):
            seconds = getattr(self, name)
            if not (isinstance(seconds, int | float) and 0 < seconds < float("inf")):
                raise errors.UsageError(f"{name}: {safely_shown(seconds)} is not a finite number of seconds above zero")
        Rate.of(self.rate)


class Place(Generic[S]):
    """The right to one session; `session` is there from the first attempt to open it."""

    __slots__ = ("born", "messages", "session", "used")

    def __init__(self) -> None:
        self.session: S | None = None
        self.born: float | None = None  # since when the session is open; None: it never was
        self.used = 0.0  # when its server last heard from us
        self.messages = 0

    def opened(self, now: float, messages: int = 0) -> None:
        """Its session is open, for the first time or anew."""
        self.born = self.used = now
        self.messages = messages


class Ticket(Generic[S]):
    """One caller who wants a place; in the end there is a `place` or a `refusal`, and whoever waits is called."""

    __slots__ = ("call", "failed", "place", "refusal", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.failed: errors.CourrielError | None = None  # why it came back to the queue
        self.place: Place[S] | None = None
        self.refusal: errors.CourrielError | None = None
        self.call: Callable[[], None] = _nobody

    @property
    def decided(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.place is not None or self.refusal is not None


class Shelf(Generic[S]):
    """The places of one pool; moments are seconds on a clock that never goes back."""

    def __init__(self, limits: Limits, sound: Callable[[S], bool], facts: ServerFacts | None = None) -> None:
        self.limits = limits
        self.meter = Meter()
        self._facts = facts or ServerFacts()
        self.closed = False
        self._sound = sound  # whether a session is still good, as far as is known without asking the server
        self._resting: list[Place[S]] = []  # the last one used at the end: what is not needed grows old and goes
        self._lent: set[Place[S]] = set()
        self._waiting: deque[Ticket[S]] = deque()
        self._discarded: list[S] = []
        self._throttle = Throttle(limits.size)
        self._wary_until = float("-inf")
        self._hung_up_after = float("inf")
        self._hung_up_at = float("-inf")

    def emptied(self) -> Shelf[S]:
        """A shelf with nothing on it and nobody before it, which knows the same of the server."""
        other: Shelf[S] = Shelf(self.limits, self._sound, self._facts)
        other.closed = self.closed
        other._throttle = self._throttle
        other._hung_up_after, other._hung_up_at = self._hung_up_after, self._hung_up_at
        return other

    # How it stands.

    @property
    def lent(self) -> int:
        """How many places are in use, those that are being opened included."""
        return len(self._lent)

    @property
    def resting(self) -> int:
        """How many sessions are open and unused."""
        return len(self._resting)

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._waiting)

    @property
    def first(self) -> Ticket[S] | None:
        """Whose turn is next."""
        return self._waiting[0] if self._waiting else None

    @property
    def alive(self) -> bool:
        """Whether a session is open, as far as is known."""
        return bool(self._resting) or any(place.born is not None for place in self._lent)

    @property
    def sessions(self) -> list[S]:
        """Every session that somebody uses or opens."""
        return [place.session for place in self._lent if place.session is not None]

    def throttle(self, now: float) -> Throttle:
        """How many sessions at once and how fast, as the server bears it at this moment."""
        throttle = self._throttle.now(now, self.limits.size)
        if throttle.recovered:
            self._throttle = throttle
        return throttle

    @property
    def at_ease(self) -> bool:
        """Whether nothing slows us down."""
        return self.limits.rate is None and self._throttle.recovered

    def idle_limit(self, now: float) -> float:
        """Seconds of silence after which a session is not used again: as told, or less where this server hung up."""
        if now - self._hung_up_at > _MEMORY:
            return self.limits.idle
        return min(self.limits.idle, self._hung_up_after / 2)

    def room(self, place: Place[S], now: float) -> int:
        """How many more messages its session may carry."""
        return self.messages - place.messages if now < self._end(place) else 0

    @property
    def messages(self) -> int:
        """How many messages one session carries: as told, or fewer where this server takes fewer."""
        known = self._facts.max_messages
        return self.limits.messages if known is None else min(self.limits.messages, known)

    def next_change(self, now: float) -> float | None:
        """When something has to be done although nobody calls: a session grows too old, somebody has waited too long,
        or we may walk faster again. None: never."""
        moments = [min(place.used + self.idle_limit(now), self._end(place)) for place in self._resting]
        if self._waiting:
            moments += [min(ticket.until for ticket in self._waiting), now + _WARY]
        return min(moments, default=None)

    # Asking.

    def ask(self, now: float, until: float) -> Ticket[S]:
        """Join the queue; who is alone in it and finds a place is served at once. Raises UsageError when closed."""
        if self.closed:
            raise errors.UsageError("this pool is closed; make another one")
        ticket: Ticket[S] = Ticket(until)
        if not self._waiting:
            ticket.place = self._free_place(now)
        if ticket.place is None:
            self._waiting.append(ticket)
        return ticket

    def serve(self, now: float) -> list[Ticket[S]]:
        """Give what is free to those who wait, in the order in which they came; these can be called."""
        served: list[Ticket[S]] = []
        while self._waiting and (place := self._free_place(now)) is not None:
            ticket = self._waiting.popleft()
            ticket.place = place
            served.append(ticket)
        return served

    def overdue(self, now: float) -> list[Ticket[S]]:
        """Those who have waited as long as they wanted; they wait no more."""
        late = [ticket for ticket in self._waiting if ticket.until <= now]
        for ticket in late:
            self._waiting.remove(ticket)
        return late

    def withdraw(self, ticket: Ticket[S], now: float) -> None:
        """This caller is gone: it waits no more, and what it was given meanwhile is free again."""
        if ticket.place is not None:
            self.give_back(ticket.place, now)
            ticket.place = None
        elif ticket in self._waiting:
            self._waiting.remove(ticket)

    def knows(self, ticket: Ticket[S]) -> bool:
        """Whether this ticket waits here, or holds a place that was lent here."""
        return ticket in self._waiting if ticket.place is None else ticket.place in self._lent

    # Coming back.

    def give_back(self, place: Place[S], now: float) -> None:
        """The caller is done with it; a session that broke, or is at one of its limits, is not used again.

        Nothing happens to a place that was lent before a fork: it is on the shelf of the parent.
        """
        if place not in self._lent:
            return
        self._lent.remove(place)
        if place.session is None:
            return
        if self._is_good(place, now) and len(self._lent) + len(self._resting) < self.throttle(now).sessions:
            self._resting.append(place)
        else:
            self._discarded.append(place.session)

    def opening_failed(
        self, ticket: Ticket[S], error: errors.CourrielError, begun: float, now: float, *, crowded: bool
    ) -> list[Ticket[S]]:
        """The caller's session could not be opened (again): its place is free, and this is what it means for others.

        For a passing reason, while other sessions are open or being opened: this server does not want so many now.
        The caller goes back to the head of the queue. With nobody else alive everybody who waits would find out the
        same, one after the other: they are told now. A reason that will not pass (a wrong password) is not tried again
        by everybody either, lest the account be locked. Returned are those whose `refusal` is decided, the caller
        included. `crowded`: the server said that we are too many.
        """
        place, ticket.place = ticket.place, None
        assert place is not None
        self._lent.remove(place)
        if place.session is not None and self._sound(place.session):
            self._discarded.append(place.session)  # it was closed to us while it was being opened
        self._wary_until = now + _WARY
        if crowded:
            self.slow_down(begun, now)
        alive = self.alive
        if error.retryable and not self.closed and now < ticket.until and (alive or self._lent):
            ticket.failed = error
            self._waiting.appendleft(ticket)
            return []
        told = [ticket]
        if not alive:
            told.extend(self._waiting)
            self._waiting.clear()
        for each in told:
            each.refusal = error
        return told

    # What was learnt.

    def slow_down(self, begun: float, now: float, *, broken: int = 0) -> None:
        """The server complained about what was begun then: halve the sessions, and widen the gap between messages.

        `broken`: how many of those that are lent it has closed already, so that none that works goes in their stead.
        """
        self._throttle = self._throttle.slowed(begun, now, self.limits.size, self.meter.gap(now))
        too_many = len(self._lent) - broken + len(self._resting) - self.throttle(now).sessions
        while too_many > 0 and self._resting:
            self._discard(self._resting[0])
            too_many -= 1

    def hung_up(self, silence: float, now: float) -> None:
        """The server hung up on a session that had been silent for so long (scar 16)."""
        if silence >= _SHORTEST_SILENCE:
            known = self._hung_up_after if now - self._hung_up_at <= _MEMORY else float("inf")
            self._hung_up_after, self._hung_up_at = min(known, silence), now

    # Leaving.

    def put_away(self, now: float) -> None:
        """Let go of what has rested too long."""
        for place in [place for place in self._resting if not self._is_good(place, now)]:
            self._discard(place)

    def put_all_away(self) -> None:
        """Let go of everything that rests."""
        for place in list(self._resting):
            self._discard(place)

    def discarded(self) -> list[S]:
        """The sessions that are to be closed now; each is named once."""
        taken, self._discarded = self._discarded, []
        return taken

    def close(self) -> list[Ticket[S]]:
        """No more: what rests is discarded, what is lent will be when it comes back, and these have waited in vain."""
        self.closed = True
        self.put_all_away()
        waiting, self._waiting = list(self._waiting), deque()
        return waiting

    # The steps.

    def _free_place(self, now: float) -> Place[S] | None:
        if len(self._lent) >= self.throttle(now).sessions:
            return None
        while self._resting:
            place = self._resting[-1]
            if self._is_good(place, now):
                self._resting.pop()
                self._lent.add(place)
                return place
            self._discard(place)
        if self._lent and now < self._wary_until:
            return None
        place = Place()
        self._lent.add(place)
        return place

    def _discard(self, place: Place[S]) -> None:
        self._resting.remove(place)
        if place.session is not None:
            self._discarded.append(place.session)

    def _is_good(self, place: Place[S], now: float) -> bool:
        return (
            not self.closed
            and place.session is not None
            and self._sound(place.session)
            and place.messages < self.messages
            and now < place.used + self.idle_limit(now)
            and now < self._end(place)
        )

    def _end(self, place: Place[S]) -> float:
        return float("-inf") if place.born is None else place.born + self.limits.age


def _nobody() -> None:
    """Nobody waits who could be called."""
