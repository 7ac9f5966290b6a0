"""Batching for AsyncSmtpPool: tasks that find no free session are queued and sent together on the next one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from courriel import errors
from courriel.dialogue.smtp.batch_sender import BatchSender
from courriel.model.receipt import Receipt
from courriel.model.submission import WINDOW, SendOptions
from courriel.network import forks
from courriel.session.encoding import Sendable
from courriel.session.pool.base import PoolBase, PooledLike
from courriel.session.pool.pending_sends import PendingSend, PendingSends
from courriel.session.pool.state import Slot, Waiter
from courriel.session.smtp import AsyncSmtpSession

if TYPE_CHECKING:
    import asyncio

Act: TypeAlias = Callable[[AsyncSmtpSession], "Awaitable[Receipt]"]

_AHEAD = 2  # pipelining runs at most one message ahead of the replies, so the time limits stay those of one message


class SharedSending(PoolBase[AsyncSmtpSession]):
    """The batching part of a pool for asyncio.

    A message is sent alone when a session is free, when the rate or the server demands a gap before it, and with
    `on_refused="abandon"`.
    """

    def _prepare_to_gather(self) -> None:
        self._bag = PendingSends()
        self._carriers: dict[Waiter[AsyncSmtpSession], asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()  # tasks that send QUIT
        self._opening: set[Waiter[AsyncSmtpSession]] = set()  # slots of sending tasks whose session is not open yet

    def _after_fork(self) -> None:
        """Drop the waiting and sending tasks in a child process: they belong to the parent's event loop."""
        forks.keep_for_ever(self._bag, self._carriers, self._leaving, self._opening)
        super()._after_fork()
        self._prepare_to_gather()

    @property
    def waiting(self) -> int:
        """Number of callers that wait for a session."""
        return super().waiting - (self._bag.ticket is not None) + len(self._bag)

    # What a subclass adds.

    def _here(self) -> asyncio.AbstractEventLoop:
        """The event loop of this pool. Raises UsageError when called in another loop."""
        raise NotImplementedError

    async def _ready(self, ticket: Waiter[AsyncSmtpSession]) -> AsyncSmtpSession:
        """An open session for this ticket; see AsyncSmtpPool."""
        raise NotImplementedError

    async def _with_session(self, act: Act, ticket: Waiter[AsyncSmtpSession]) -> Receipt:
        """Run `act` with a session borrowed for it alone; see AsyncSmtpPool."""
        raise NotImplementedError

    def _set_alarm(self) -> None:
        """Schedule the next check of time limits; see AsyncSmtpPool."""
        raise NotImplementedError

    # Sending.

    async def _among_others(self, message: Sendable, options: SendOptions | None, alone: Act) -> Receipt:
        """Send at once when a session is free, otherwise queue the message for the next batch."""
        loop, bag = self._here(), self._bag
        if not bag:
            ticket = self._ask()
            if ticket.decided:
                return await self._with_session(alone, ticket)
            self._wait_together(ticket)
        errand = PendingSend(bag, message, options, monotonic() + self.limits.wait, loop.create_future())
        bag.put(errand)
        if bag.ticket is None:
            self._line_up()
        elif len(bag) == 1:
            self._set_alarm()
        try:
            told = await errand.told
        except BaseException:
            errand.call_off()
            self._leave_if_empty()
            raise
        if isinstance(told, Receipt):
            return told
        if told is None:
            return await self._with_session(alone, self._ask())
        raise told

    def _line_up(self) -> None:
        """Join the queue for a session on behalf of all pending messages."""
        ticket = self._ask()
        self._wait_together(ticket)
        if ticket.decided:
            self._served()
        else:
            self._set_alarm()

    def _wait_together(self, ticket: Waiter[AsyncSmtpSession]) -> None:
        ticket.until = min(ticket.until, self._bag.until)
        ticket.call, self._bag.ticket = self._served, ticket

    def _served(self) -> None:
        """Callback: the pending messages got a session, or never will; the lock may be held."""
        ticket, self._bag.ticket = self._bag.ticket, None
        assert ticket is not None
        ticket.call = _nobody  # from here on the sending task owns it
        if ticket.refusal is not None:
            self._bag.tell_all(ticket.refusal)
            return
        self._here().call_soon(self._send_off, ticket)

    def _send_off(self, ticket: Waiter[AsyncSmtpSession]) -> None:
        carrier = self._here().create_task(self._carry(ticket), name="courriel carrier")
        self._carriers[ticket] = carrier
        carrier.add_done_callback(lambda _: self._carriers.pop(ticket))

    def _leave_if_empty(self) -> None:
        """Leave the queue for a session when no message is pending any more."""
        ticket = self._bag.ticket
        if ticket is not None and not self._bag:
            self._bag.ticket = None
            self._withdraw(ticket)

    def _look(self) -> None:
        now = monotonic()
        for late in self._bag.late(now):
            late.tell(self._too_late(None))
        self._leave_if_empty()
        if self._bag.ticket is not None:
            self._bag.ticket.until = self._bag.until
        super()._look()

    # Sending a batch.

    async def _carry(self, ticket: Waiter[AsyncSmtpSession]) -> None:
        """Send the pending messages on the session of this ticket, then return the session to the pool."""
        try:
            while self._bag:
                session, begun = await self._open_for(ticket), monotonic()
                try:
                    await self._carry_on(session, ticket)
                except errors.CourrielError as failed:
                    # The session broke, and could not be opened again.
                    session._line.hang_up()
                    self._bag.put_back()
                    if self._is_final(ticket, failed, begun):
                        raise
                else:
                    break
        except errors.CourrielError as failed:
            if self._shelf.alive:
                self._bag.tell_first(failed)
            else:
                self._bag.tell_all(failed)
        finally:
            self._withdraw(ticket)
            if self._bag and self._bag.ticket is None and not self.closed:
                self._line_up()

    async def _open_for(self, ticket: Waiter[AsyncSmtpSession]) -> AsyncSmtpSession:
        """Open the session, and meanwhile queue for another one when more messages wait than sessions are opening."""
        self._opening.add(ticket)
        try:
            to_open = ticket.place is not None and ticket.place.session is None
            if to_open and self._bag.ticket is None and len(self._bag) > len(self._opening):
                self._line_up()
            return await self._ready(ticket)
        finally:
            self._opening.discard(ticket)

    async def _carry_on(self, session: AsyncSmtpSession, ticket: Waiter[AsyncSmtpSession]) -> None:
        """Send as many messages as there is room for, repeatedly, until none is left for this session."""
        assert isinstance(session, PooledLike)
        assert ticket.place is not None
        stream = BatchSender(session._dialogue, window=WINDOW, ahead=_AHEAD)
        try:
            with session._line.turn:
                while self._load(stream, session, ticket.place):
                    begun = monotonic()
                    try:
                        await session._line.proceed(stream.advance(last=not self._room(stream, ticket.place)))
                    finally:
                        session._came_back(begun, *stream.results())
                await self._wind_up(stream, session, ticket)
        except errors.CourrielError:
            raise
        except BaseException:
            stream.break_off(
                errors.ConnectionFailed(
                    "the session was cut short", stage="message", server=str(self.server), hint_id="SESSION-LOST"
                )
            )
            raise

    def _load(self, stream: BatchSender, session: AsyncSmtpSession, place: Slot[AsyncSmtpSession]) -> bool:
        """Fill the batch; return whether it holds a message. While the pool is throttled, messages are sent alone."""
        if not self._shelf.at_ease:
            self._bag.tell_all(None)
        for _ in range(min(self._room(stream, place), stream.room)):
            self._bag.take().load(stream, stream.extensions)
        self._leave_if_empty()
        return stream.in_hand > 0

    def _room(self, stream: BatchSender, place: Slot[AsyncSmtpSession]) -> int:
        """Number of messages this session may take now: its share of the pending; 0 when earlier callers wait."""
        shelf, bag = self._shelf, self._bag
        if not bag or shelf.first not in (None, bag.ticket):
            return 0
        share = -(-len(bag) // self.limits.size)
        return max(0, min(share, shelf.room(place, monotonic()) - stream.in_hand))

    async def _wind_up(self, stream: BatchSender, session: AsyncSmtpSession, ticket: Waiter[AsyncSmtpSession]) -> None:
        """Read the replies still due and end the batch. Only closing the pool waits for this."""
        if not session.usable:
            return
        carrier = self._carriers[ticket]
        self._leaving.add(carrier)
        carrier.add_done_callback(self._leaving.discard)
        await session._line.proceed(stream.wind_up())

    def _stop_gathering(self) -> None:
        """Fail the pending messages of a closed pool, and cancel the sessions being opened for them."""
        self._bag.tell_all(self._closed_meanwhile())
        for ticket in self._opening:
            carrier = self._carriers[ticket]
            _ = carrier.cancel()
            self._leaving.add(carrier)
            carrier.add_done_callback(self._leaving.discard)


def _nobody() -> None:
    """Callback that does nothing."""
