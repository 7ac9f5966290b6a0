"""
State of a pool: which sessions are lent or idle, which callers wait, which sessions are to be closed.

Nothing here waits, opens or closes; whoever does (`courriel.session.pool.blocking`) tells what happened and when, and
is told what follows. A place is the right to one session. It is on the shelf (open, and resting), lent, or gone.

    ask ─────▶ waiting ── served, in order ──▶ lent ── give_back ──▶ on the shelf ──▶ lent …
                  │                              │                        │
              withdraw                     opening_failed            discarded
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from courriel import errors
from courriel._dataclass import dataclass
from courriel.model.checks.shown import safely_shown
from courriel.session.pool.throttle import Meter, Rate, Throttle
from courriel.session.server_memory import RememberedFacts

S = TypeVar("S")

_WARY = 1.0  # seconds without another connection attempt beside working sessions, after one failed
_SHORTEST_SILENCE = 1.0  # a connection closed sooner was closed for another reason than idleness
_MEMORY = 3600.0  # seconds for which the server's idle limit is remembered


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Number of sessions and their lifetime; every limit is finite. Raises UsageError.

    The defaults suit the strictest of the common providers: one closes a connection after ten idle seconds, some end a
    session after a hundred messages.
    """

    size: int = 4
    idle: float = 8.0  # seconds
    age: float = 300.0  # seconds
    messages: int = 100  # for each session
    wait: float = 30.0  # seconds, until a session is free
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


class Slot(Generic[S]):
    """A slot for one session; `session` is set from the first attempt to open it."""

    __slots__ = ("born", "messages", "session", "used")

    def __init__(self) -> None:
        self.session: S | None = None
        self.born: float | None = None  # time of opening; None: never opened
        self.used = 0.0  # time of last use
        self.messages = 0

    def opened(self, now: float, messages: int = 0) -> None:
        """Record that its session was opened, or reopened."""
        self.born = self.used = now
        self.messages = messages


class Waiter(Generic[S]):
    """One caller that wants a slot; ends with a `slot` or a `refusal`, and `call` wakes the caller."""

    __slots__ = ("call", "failed", "refusal", "slot", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.failed: errors.CourrielError | None = None  # why it was requeued
        self.slot: Slot[S] | None = None
        self.refusal: errors.CourrielError | None = None
        self.call: Callable[[], None] = _no_wakeup

    @property
    def decided(self) -> bool:
        """Whether the waiter has a slot or a refusal."""
        return self.slot is not None or self.refusal is not None


class PoolState(Generic[S]):
    """The slots of one pool; times are seconds of a monotonic clock."""

    def __init__(self, limits: PoolLimits, sound: Callable[[S], bool], facts: RememberedFacts | None = None) -> None:
        self.limits = limits
        self.meter = Meter()
        self._facts = facts or RememberedFacts()
        self.closed = False
        self._is_sound = sound  # whether a session is usable, as far as is known without asking the server
        self.resting_slots: list[Slot[S]] = []  # last used at the end, so that surplus sessions reach the idle limit
        self._lent: set[Slot[S]] = set()
        self._waiting: deque[Waiter[S]] = deque()
        self._discarded: list[S] = []
        self._throttle = Throttle(limits.size)
        self._wary_until = float("-inf")
        self._hung_up_after = float("inf")
        self._hung_up_at = float("-inf")

    def emptied(self) -> PoolState[S]:
        """A pool state without sessions and callers, with the same knowledge of the server."""
        other: PoolState[S] = PoolState(self.limits, self._is_sound, self._facts)
        other.closed = self.closed
        other._throttle = self._throttle
        other._hung_up_after, other._hung_up_at = self._hung_up_after, self._hung_up_at
        return other

    # Counts and limits.

    @property
    def lent(self) -> int:
        """Number of slots in use, including those being opened."""
        return len(self._lent)

    @property
    def resting(self) -> int:
        """Number of sessions that are open and unused."""
        return len(self.resting_slots)

    @property
    def waiting(self) -> int:
        """Number of callers that wait."""
        return len(self._waiting)

    @property
    def first(self) -> Waiter[S] | None:
        """The next caller in the queue."""
        return self._waiting[0] if self._waiting else None

    @property
    def alive(self) -> bool:
        """Whether a session is open, as far as is known."""
        return bool(self.resting_slots) or any(slot.born is not None for slot in self._lent)

    @property
    def sessions(self) -> list[S]:
        """All sessions that are in use or being opened."""
        return [slot.session for slot in self._lent if slot.session is not None]

    def throttle(self, now: float) -> Throttle:
        """Number of sessions and send rate that the server accepts now."""
        throttle = self._throttle.now(now, self.limits.size)
        if throttle.recovered:
            self._throttle = throttle
        return throttle

    @property
    def at_ease(self) -> bool:
        """Whether neither a rate nor throttling applies."""
        return self.limits.rate is None and self._throttle.recovered

    def idle_limit(self, now: float) -> float:
        """Idle seconds after which a session is not reused: as configured, or half of what this server allowed."""
        if now - self._hung_up_at > _MEMORY:
            return self.limits.idle
        return min(self.limits.idle, self._hung_up_after / 2)

    def room(self, slot: Slot[S], now: float) -> int:
        """Number of messages its session may still send."""
        return self.messages - slot.messages if now < self._end(slot) else 0

    @property
    def messages(self) -> int:
        """Messages per session: as configured, or fewer where this server takes fewer."""
        known = self._facts.max_messages
        return self.limits.messages if known is None else min(self.limits.messages, known)

    def next_change(self, now: float) -> float | None:
        """Time of the next change without a call: a session at its limit, a caller out of time; None: never."""
        moments = [min(slot.used + self.idle_limit(now), self._end(slot)) for slot in self.resting_slots]
        if self._waiting:
            moments += [min(waiter.until for waiter in self._waiting), now + _WARY]
        return min(moments, default=None)

    # Borrowing.

    def ask(self, now: float, until: float) -> Waiter[S]:
        """Join the queue; with an empty queue and a free slot, be served at once. Raises UsageError when closed."""
        if self.closed:
            raise errors.UsageError("this pool is closed; make another one")
        waiter: Waiter[S] = Waiter(until)
        if not self._waiting:
            waiter.slot = self._free_slot(now)
        if waiter.slot is None:
            self._waiting.append(waiter)
        return waiter

    def serve(self, now: float) -> list[Waiter[S]]:
        """Give free slots to waiting callers in order; returns those served."""
        served: list[Waiter[S]] = []
        while self._waiting and (slot := self._free_slot(now)) is not None:
            waiter = self._waiting.popleft()
            waiter.slot = slot
            served.append(waiter)
        return served

    def overdue(self, now: float) -> list[Waiter[S]]:
        """Remove and return the callers whose waiting time is over."""
        late = [waiter for waiter in self._waiting if waiter.until <= now]
        for waiter in late:
            self._waiting.remove(waiter)
        return late

    def withdraw(self, waiter: Waiter[S], now: float) -> None:
        """Remove a caller from the queue, or return the slot it was given."""
        if waiter.slot is not None:
            self.give_back(waiter.slot, now)
            waiter.slot = None
        elif waiter in self._waiting:
            self._waiting.remove(waiter)

    def knows(self, waiter: Waiter[S]) -> bool:
        """Whether this caller waits here, or holds a slot of this pool."""
        return waiter in self._waiting if waiter.slot is None else waiter.slot in self._lent

    # Returning.

    def give_back(self, slot: Slot[S], now: float) -> None:
        """Return a slot; a session that broke, or is at one of its limits, is not reused.

        Ignores a slot lent before a fork: it belongs to the parent.
        """
        if slot not in self._lent:
            return
        self._lent.remove(slot)
        if slot.session is None:
            return
        if self._is_usable(slot, now) and len(self._lent) + len(self.resting_slots) < self.throttle(now).sessions:
            self.resting_slots.append(slot)
        else:
            self._discarded.append(slot.session)

    def opening_failed(
        self, waiter: Waiter[S], error: errors.CourrielError, begun: float, now: float, *, crowded: bool
    ) -> list[Waiter[S]]:
        """Handle a session that could not be opened; returns the callers whose `refusal` is now set.

        On a temporary failure, while other sessions are open or being opened, this server takes no more now: the caller
        is put back at the head of the queue. With no session alive all callers in the queue would fail alike, one after
        the other: they fail now. Nor does each of them retry a permanent failure (a wrong password), which might lock
        the account. `crowded`: the server asked for fewer connections.
        """
        slot, waiter.slot = waiter.slot, None
        assert slot is not None
        self._lent.remove(slot)
        if slot.session is not None and self._is_sound(slot.session):
            self._discarded.append(slot.session)  # the pool gave it up while it was being opened
        self._wary_until = now + _WARY
        if crowded:
            self.slow_down(begun, now)
        alive = self.alive
        if error.retryable and not self.closed and now < waiter.until and (alive or self._lent):
            waiter.failed = error
            self._waiting.appendleft(waiter)
            return []
        refused = [waiter]
        if not alive:
            refused.extend(self._waiting)
            self._waiting.clear()
        for each in refused:
            each.refusal = error
        return refused

    # PoolLimits learnt from the server.

    def slow_down(self, begun: float, now: float, *, broken: int = 0) -> None:
        """Halve the sessions and widen the gap, after throttling of a message begun at `begun`.

        `broken`: number of lent sessions the server has closed already, so that no working one is closed in their
        place.
        """
        self._throttle = self._throttle.slowed(begun, now, self.limits.size, self.meter.gap(now))
        too_many = len(self._lent) - broken + len(self.resting_slots) - self.throttle(now).sessions
        while too_many > 0 and self.resting_slots:
            self._discard(self.resting_slots[0])
            too_many -= 1

    def hung_up(self, silence: float, now: float) -> None:
        """Record that the server closed a session after `silence` idle seconds (hazard H16)."""
        if silence >= _SHORTEST_SILENCE:
            known = self._hung_up_after if now - self._hung_up_at <= _MEMORY else float("inf")
            self._hung_up_after, self._hung_up_at = min(known, silence), now

    # Closing.

    def discard_expired(self, now: float) -> None:
        """Discard sessions that reached a limit."""
        for slot in [slot for slot in self.resting_slots if not self._is_usable(slot, now)]:
            self._discard(slot)

    def discard_all(self) -> None:
        """Discard all idle sessions."""
        for slot in list(self.resting_slots):
            self._discard(slot)

    def discarded(self) -> list[S]:
        """The sessions to close now; each is returned once."""
        taken, self._discarded = self._discarded, []
        return taken

    def close(self) -> list[Waiter[S]]:
        """Close: idle sessions are discarded, lent ones on return; returns the callers that waited."""
        self.closed = True
        self.discard_all()
        waiting, self._waiting = list(self._waiting), deque()
        return waiting

    # The steps.

    def _free_slot(self, now: float) -> Slot[S] | None:
        if len(self._lent) >= self.throttle(now).sessions:
            return None
        while self.resting_slots:
            slot = self.resting_slots[-1]
            if self._is_usable(slot, now):
                self.resting_slots.pop()
                self._lent.add(slot)
                return slot
            self._discard(slot)
        if self._lent and now < self._wary_until:
            return None
        slot = Slot()
        self._lent.add(slot)
        return slot

    def _discard(self, slot: Slot[S]) -> None:
        self.resting_slots.remove(slot)
        if slot.session is not None:
            self._discarded.append(slot.session)

    def _is_usable(self, slot: Slot[S], now: float) -> bool:
        return (
            not self.closed
            and slot.session is not None
            and self._is_sound(slot.session)
            and slot.messages < self.messages
            and now < slot.used + self.idle_limit(now)
            and now < self._end(slot)
        )

    def _end(self, slot: Slot[S]) -> float:
        return float("-inf") if slot.born is None else slot.born + self.limits.age


def _no_wakeup() -> None:
    """Callback for a caller that does not wait."""
