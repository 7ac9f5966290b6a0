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

    def _reset_shared_sending(self) -> None:
        self._pending = PendingSends()
        self._sending: dict[Waiter[AsyncSmtpSession], asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()  # tasks that send QUIT
        self._opening: set[Waiter[AsyncSmtpSession]] = set()  # slots of sending tasks whose session is not open yet

    def _after_fork(self) -> None:
        """Drop the waiting and sending tasks in a child process: they belong to the parent's event loop."""
        forks.keep_for_ever(self._pending, self._sending, self._leaving, self._opening)
        super()._after_fork()
        self._reset_shared_sending()

    @property
    def waiting(self) -> int:
        """Number of callers that wait for a session."""
        return super().waiting - (self._pending.waiter is not None) + len(self._pending)

    # What a subclass adds.

    def _here(self) -> asyncio.AbstractEventLoop:
        """The event loop of this pool. Raises UsageError when called in another loop."""
        raise NotImplementedError

    async def _ready(self, waiter: Waiter[AsyncSmtpSession]) -> AsyncSmtpSession:
        """An open session for this ticket; see AsyncSmtpPool."""
        raise NotImplementedError

    async def _with_session(self, act: Act, waiter: Waiter[AsyncSmtpSession]) -> Receipt:
        """Run `act` with a session borrowed for it alone; see AsyncSmtpPool."""
        raise NotImplementedError

    def _set_alarm(self) -> None:
        """Schedule the next check of time limits; see AsyncSmtpPool."""
        raise NotImplementedError

    # Sending.

    async def _send_shared(self, message: Sendable, options: SendOptions | None, alone: Act) -> Receipt:
        """Send at once when a session is free, otherwise queue the message for the next batch."""
        loop, pending = self._here(), self._pending
        if not pending:
            waiter = self._ask()
            if waiter.decided:
                return await self._with_session(alone, waiter)
            self._wait_for_all(waiter)
        pending_send = PendingSend(pending, message, options, monotonic() + self.limits.wait, loop.create_future())
        pending.put(pending_send)
        if pending.waiter is None:
            self._join_queue()
        elif len(pending) == 1:
            self._set_alarm()
        try:
            outcome = await pending_send.future
        except BaseException:
            pending_send.cancel()
            self._leave_if_empty()
            raise
        if isinstance(outcome, Receipt):
            return outcome
        if outcome is None:
            return await self._with_session(alone, self._ask())
        raise outcome

    def _join_queue(self) -> None:
        """Join the queue for a session on behalf of all pending messages."""
        waiter = self._ask()
        self._wait_for_all(waiter)
        if waiter.decided:
            self._waiter_decided()
        else:
            self._set_alarm()

    def _wait_for_all(self, waiter: Waiter[AsyncSmtpSession]) -> None:
        waiter.until = min(waiter.until, self._pending.until)
        waiter.call, self._pending.waiter = self._waiter_decided, waiter

    def _waiter_decided(self) -> None:
        """Callback: the pending messages got a session, or never will; the lock may be held."""
        waiter, self._pending.waiter = self._pending.waiter, None
        assert waiter is not None
        waiter.call = _nobody  # from here on the sending task owns it
        if waiter.refusal is not None:
            self._pending.resolve_all(waiter.refusal)
            return
        self._here().call_soon(self._start_sending, waiter)

    def _start_sending(self, waiter: Waiter[AsyncSmtpSession]) -> None:
        task = self._here().create_task(self._send_pending(waiter), name="courriel carrier")
        self._sending[waiter] = task
        task.add_done_callback(lambda _: self._sending.pop(waiter))

    def _leave_if_empty(self) -> None:
        """Leave the queue for a session when no message is pending any more."""
        waiter = self._pending.waiter
        if waiter is not None and not self._pending:
            self._pending.waiter = None
            self._withdraw(waiter)

    def _check_limits(self) -> None:
        now = monotonic()
        for late in self._pending.late(now):
            late.resolve(self._too_late(None))
        self._leave_if_empty()
        if self._pending.waiter is not None:
            self._pending.waiter.until = self._pending.until
        super()._check_limits()

    # Sending a batch.

    async def _send_pending(self, waiter: Waiter[AsyncSmtpSession]) -> None:
        """Send the pending messages on the session of this ticket, then return the session to the pool."""
        try:
            while self._pending:
                session, begun = await self._open_for(waiter), monotonic()
                try:
                    await self._send_on_session(session, waiter)
                except errors.CourrielError as failed:
                    # The session broke, and could not be opened again.
                    session.hang_up()
                    self._pending.put_back()
                    if self._is_final(waiter, failed, begun):
                        raise
                else:
                    break
        except errors.CourrielError as failed:
            if self._state.alive:
                self._pending.fail_first(failed)
            else:
                self._pending.resolve_all(failed)
        finally:
            self._withdraw(waiter)
            if self._pending and self._pending.waiter is None and not self.closed:
                self._join_queue()

    async def _open_for(self, waiter: Waiter[AsyncSmtpSession]) -> AsyncSmtpSession:
        """Open the session, and meanwhile queue for another one when more messages wait than sessions are opening."""
        self._opening.add(waiter)
        try:
            to_open = waiter.slot is not None and waiter.slot.session is None
            if to_open and self._pending.waiter is None and len(self._pending) > len(self._opening):
                self._join_queue()
            return await self._ready(waiter)
        finally:
            self._opening.discard(waiter)

    async def _send_on_session(self, session: AsyncSmtpSession, waiter: Waiter[AsyncSmtpSession]) -> None:
        """Send as many messages as there is room for, repeatedly, until none is left for this session."""
        assert isinstance(session, PooledLike)
        assert waiter.slot is not None
        sender = BatchSender(session._dialogue, window=WINDOW, ahead=_AHEAD)
        try:
            with session._line.guard:
                while self._fill_batch(sender, session, waiter.slot):
                    begun = monotonic()
                    try:
                        await session._line.proceed(sender.advance(last=not self._room(sender, waiter.slot)))
                    finally:
                        session._report_results(begun, *sender.results())
                await self._wind_up(sender, session, waiter)
        except errors.CourrielError:
            raise
        except BaseException:
            sender.break_off(
                errors.ConnectionFailed(
                    "the session was cut short", stage="message", server=str(self.server), hint_id="SESSION-LOST"
                )
            )
            raise

    def _fill_batch(self, sender: BatchSender, session: AsyncSmtpSession, slot: Slot[AsyncSmtpSession]) -> bool:
        """Fill the batch; return whether it holds a message. While the pool is throttled, messages are sent alone."""
        if not self._state.at_ease:
            self._pending.resolve_all(None)
        for _ in range(min(self._room(sender, slot), sender.room)):
            self._pending.take().load(sender, sender.extensions)
        self._leave_if_empty()
        return sender.in_hand > 0

    def _room(self, sender: BatchSender, slot: Slot[AsyncSmtpSession]) -> int:
        """Number of messages this session may take now: its share of the pending; 0 when earlier callers wait."""
        state, pending = self._state, self._pending
        if not pending or state.first not in (None, pending.waiter):
            return 0
        share = -(-len(pending) // self.limits.size)
        return max(0, min(share, state.room(slot, monotonic()) - sender.in_hand))

    async def _wind_up(self, sender: BatchSender, session: AsyncSmtpSession, waiter: Waiter[AsyncSmtpSession]) -> None:
        """Read the replies still due and end the batch. Only closing the pool waits for this."""
        if not session.usable:
            return
        task = self._sending[waiter]
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        await session._line.proceed(sender.wind_up())

    def _fail_pending(self) -> None:
        """Fail the pending messages of a closed pool, and cancel the sessions being opened for them."""
        self._pending.resolve_all(self._closed_meanwhile())
        for waiter in self._opening:
            task = self._sending[waiter]
            _ = task.cancel()
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


def _nobody() -> None:
    """Callback that does nothing."""
