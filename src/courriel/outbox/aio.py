"""Async face of the outbox: storage blocks, so each call runs in a thread pool of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from inspect import iscoroutinefunction
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from courriel import errors
from courriel.network import forks
from courriel.network.transcripts.transcript import Transcript
from courriel.outbox.bounces.awaited import AsyncAfterSending
from courriel.outbox.listeners import Event
from courriel.outbox.outbox import MAX_SIZE, Outbox
from courriel.outbox.putting.encoding import Moment
from courriel.outbox.putting.terms import IfKnown
from courriel.outbox.questions import Confirm
from courriel.outbox.store.base import Store
from courriel.outbox.store.facts import Count, IntegrityFinding, LaneInfo, MailInfo
from courriel.outbox.store.states import State
from courriel.outbox.ticket import Ticket
from courriel.outbox.work.health import Health
from courriel.outbox.work.liveness import InHand
from courriel.outbox.work.sending.ahead import MOST
from courriel.outbox.work.sending.idle_sessions import PER_HOST
from courriel.outbox.work.worker import BATCH, GRACE, Worker
from courriel.session.encoding import Sendable

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self, Unpack

    from courriel.delivery.transport import Transport
    from courriel.delivery.urls.route import Via
    from courriel.outbox.attempts import Attempt
    from courriel.outbox.metrics import Metrics
    from courriel.outbox.putting.arguments import PutArguments
    from courriel.outbox.store.reports import HistoryEntry

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 64  # callers that share one commit: with fewer, commits of a slow disk would be too small
_SOONEST, _LATEST = 0.02, 1.0  # seconds between two reads
_TOLD_WITHIN = 60.0  # seconds that a listener of the event loop may take


class AsyncTicket:
    """Handle of one mail in an outbox; the methods of Ticket, awaited."""

    def __init__(self, ticket: Ticket, ask: Callable[..., Awaitable[object]]) -> None:
        self.id = ticket.id
        self.existed = ticket.existed
        """Whether `put` found the key in the outbox, and stored no new mail."""
        self._ticket, self._ask = ticket, ask

    async def info(self) -> MailInfo:
        """Stored facts of the mail. Raises TicketNotFound when it was pruned."""
        found = await self._ask(lambda: self._ticket.info)
        assert isinstance(found, MailInfo)
        return found

    async def status(self) -> State:
        """State of the mail; see Ticket.status."""
        return (await self.info()).state

    async def wait(self, timeout: float = 60.0) -> MailInfo:  # noqa: ASYNC109 - the parameter of Ticket.wait
        """Wait for an end state, for `timeout` seconds at most. Raises NotYet."""
        ends, pause = monotonic() + timeout, _SOONEST
        while True:
            info = await self.info()
            left = ends - monotonic()
            if info.state.final:
                return info
            if left <= 0:
                raise errors.NotYet(f"mail {self.id} is {info.state.name} after {timeout:g} s")
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, _LATEST)

    async def cancel(self) -> bool:
        """Take the mail back; False when it is too late."""
        return bool(await self._ask(self._ticket.cancel))

    async def hold(self) -> bool:
        """Hold the mail until `release`; False when it is too late."""
        return bool(await self._ask(self._ticket.hold))

    async def release(self) -> bool:
        """Release a HELD mail; see Ticket.release."""
        return bool(await self._ask(self._ticket.release))

    async def retry_now(self) -> bool:
        """Make a mail that waits for its next attempt due at once."""
        return bool(await self._ask(self._ticket.retry_now))

    async def retry_failed(self) -> bool:
        """Send one that FAILED again to those who were not accepted; see Ticket.retry_failed."""
        return bool(await self._ask(self._ticket.retry_failed))

    async def history(self) -> Sequence[HistoryEntry]:
        """History of the mail; see Ticket.history."""
        found: Sequence[HistoryEntry] = await self._ask(lambda: self._ticket.history)  # type: ignore[assignment]
        return found

    async def apply_report(self, recipient: str) -> bool:
        """Believe the last report about this recipient; see Ticket.apply_report."""
        return bool(await self._ask(self._ticket.apply_report, recipient))

    async def content(self) -> bytes:
        """Content of the mail as it is sent, octet by octet, whole in memory; see `blocks` for a large one."""
        content = await self._ask(self._ticket.content)
        assert isinstance(content, bytes)
        return content

    async def blocks(self) -> AsyncIterator[bytes]:
        """Content of the mail in blocks; see Ticket.blocks."""
        blocks = self._ticket.blocks()
        while (block := await self._ask(next, blocks, None)) is not None:
            assert isinstance(block, bytes)
            yield block

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncTicket) and self._ticket == other._ticket

    def __hash__(self) -> int:
        return hash(self._ticket)

    def __repr__(self) -> str:
        return f"<AsyncTicket {self.id}>"


class AsyncOutbox(AsyncAfterSending):
    """Durable queue of mails: the methods of Outbox, awaited. Open it with `async with`, or `await open()`.

        async with AsyncOutbox("mail.db") as outbox, outbox.worker():
            ticket = await outbox.put(message, key="order-42")
            await ticket.wait(timeout=30)

    Workers are threads here too: a cancelled task never interrupts a mail between its end and its answer.
    """

    def __init__(
        self,
        place: str | os.PathLike[str] | Store,
        *,
        ways: Mapping[str, Via | Transport] | None = None,
        elsewhere: bool = False,
        max_size: int = MAX_SIZE,
        allow_secret_references: bool = False,
        create: bool = True,
        shared: bool = False,
    ) -> None:
        self._make = partial(
            Outbox,
            place,
            ways=ways,
            elsewhere=elsewhere,
            max_size=max_size,
            create=create,
            shared=shared,
            allow_secret_references=allow_secret_references,
        )
        self._threads = ThreadPoolExecutor(_THREADS, "courriel outbox")
        self._opened: Outbox | None = None
        forks.renew_in_child(self, type(self)._after_fork)

    def _after_fork(self) -> None:
        """Replace the thread pool, whose threads exist only in the parent process."""
        forks.keep_for_ever(self._threads)
        self._threads = ThreadPoolExecutor(_THREADS, "courriel outbox")

    async def open(self) -> Self:
        """Open the database; raises what Outbox raises."""
        self._opened = await self._ask(self._make)
        return self

    @property
    def place(self) -> str:
        """Path or URL of the outbox, without a secret."""
        return self._outbox.place

    async def put(
        self,
        message: Sendable,
        *,
        via: Via | Transport = None,
        key: str | None = None,
        if_known: IfKnown = "refuse",
        conn: object = None,
        **wanted: Unpack[PutArguments],
    ) -> AsyncTicket:
        """Store one mail, and return when it is on stable storage; see Outbox.put.

        A cancelled call may have stored it; with a key the call can be repeated.
        """
        act = partial(self._outbox.put, message, via=via, key=key, if_known=if_known, conn=conn, **wanted)
        return self._ticket(await self._ask(act))

    async def put_many(
        self,
        messages: Iterable[Sendable],
        *,
        via: Via | Transport = None,
        keys: Iterable[str] | None = None,
        if_known: IfKnown = "refuse",
        conn: object = None,
        **wanted: Unpack[PutArguments],
    ) -> Sequence[AsyncTicket]:
        """Store many mails, some hundreds in one commit; see Outbox.put_many."""
        act = partial(self._outbox.put_many, messages, via=via, keys=keys, if_known=if_known, conn=conn, **wanted)
        return [self._ticket(ticket) for ticket in await self._ask(act)]

    async def get(self, id: str | None = None, *, key: str | None = None) -> AsyncTicket:  # noqa: A002
        """The ticket of a mail, by its id or your key. Raises TicketNotFound."""
        return self._ticket(await self._ask(self._outbox.get, id, key=key))

    async def list(
        self,
        state: State | None = None,
        *,
        lane: str | None = None,
        since: datetime | None = None,
        unsure: bool | None = None,
        most: int | None = None,
    ) -> AsyncIterator[MailInfo]:
        """Iterate over mails in the order of their put; see Outbox.list."""
        infos = self._outbox.list(state, lane=lane, since=since, unsure=unsure, most=most)
        while (info := await self._ask(next, infos, None)) is not None:
            yield info

    async def stats(self) -> Sequence[Count]:
        """Number of mails by lane and state; see Outbox.stats."""
        return await self._ask(self._outbox.stats)

    async def metrics(self) -> Metrics:
        """Metrics of the outbox for monitoring; see Outbox.metrics."""
        return await self._ask(self._outbox.metrics)

    async def in_hand(self, id: str = "") -> Sequence[InHand]:  # noqa: A002
        """Mails held by workers; with `id`, the holder of one mail; see Outbox.in_hand."""
        return await self._ask(self._outbox.in_hand, id)

    async def lanes(self) -> Sequence[LaneInfo]:
        """Every lane: whether it is paused or stopped, why, and its limits."""
        return await self._ask(self._outbox.lanes)

    async def export(self, id: str, path: str | os.PathLike[str]) -> None:  # noqa: A002
        """Write a mail to a file (.eml)."""
        await self._ask(self._outbox.export, id, path)

    async def pause(self, lane: str) -> LaneInfo:
        """Stop sending on this lane until `resume`."""
        return await self._ask(self._outbox.pause, lane)

    async def resume(self, lane: str) -> LaneInfo:
        """Resume sending on this lane, also when it is paused after a failure."""
        return await self._ask(self._outbox.resume, lane)

    async def limit(self, lane: str, *, cap: int | None = None, rate: str | None = None) -> LaneInfo:
        """Limit a lane to `cap` mails in hand, and to `rate`; see Outbox.limit."""
        return await self._ask(partial(self._outbox.limit, lane, cap=cap, rate=rate))

    def use(self, lane: str, way: Via | Transport) -> None:
        """Set the transport of a lane in this process; a session or pool must be a blocking one."""
        self._outbox.use(lane, way)

    async def prune(self, *, sent: Moment = None, failed: Moment = None) -> int:
        """Delete old mails; see Outbox.prune."""
        return await self._ask(partial(self._outbox.prune, sent=sent, failed=failed))

    @staticmethod
    def schema(engine: Literal["sqlite", "postgresql"], version: int = 100) -> Sequence[str]:
        """SQL statements that make the tables, for migrations; see Outbox.schema."""
        return Outbox.schema(engine, version)

    async def check(self) -> Sequence[IntegrityFinding]:
        """Search the outbox for damage; see Outbox.check."""
        return await self._ask(self._outbox.check)

    async def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a copy of the committed state into a new file; see Outbox.backup."""
        await self._ask(self._outbox.backup, path)

    @staticmethod
    async def restore(
        backup: str | os.PathLike[str], place: str | os.PathLike[str], *, nothing_sent_since: bool = False
    ) -> int:
        """Create an outbox file from a backup; see Outbox.restore."""
        return await asyncio.to_thread(Outbox.restore, backup, place, nothing_sent_since=nothing_sent_since)

    async def compact(self) -> tuple[int, int]:
        """Return free pages of the file to the disk; see Outbox.compact."""
        return await self._ask(self._outbox.compact)

    def on(self, event: Event, listener: Callable[[AsyncTicket], object]) -> None:
        """Call this function with the ticket of each event, a coroutine function on this event loop; see Outbox.on."""
        loop = asyncio.get_running_loop()

        def tell(ticket: Ticket) -> None:
            if iscoroutinefunction(listener):
                asyncio.run_coroutine_threadsafe(listener(self._ticket(ticket)), loop).result(_TOLD_WITHIN)
            else:
                listener(self._ticket(ticket))

        self._outbox.on(event, tell)

    def on_attempt(self, listener: Callable[[Attempt], object]) -> None:
        """Call this function after each attempt, in the sending thread; see Outbox.on_attempt."""
        self._outbox.on_attempt(listener)

    def worker(
        self,
        *,
        workers: int = 1,
        lanes: Iterable[str] | None = None,
        confirm: Confirm | None = None,
        batch: int = BATCH,
        ahead: int = MOST,
        sessions: int | None = None,
        per_host: int = PER_HOST,
        transcript: Transcript | None = None,
    ) -> AsyncWorker:
        """A worker that sends during an `async with` block; see Outbox.worker."""
        worker = self._outbox.worker(
            workers=workers,
            lanes=lanes,
            confirm=confirm,
            batch=batch,
            ahead=ahead,
            sessions=sessions,
            per_host=per_host,
            transcript=transcript,
        )
        return AsyncWorker(worker, self._ask)

    async def run_once(
        self,
        *,
        lanes: Iterable[str] | None = None,
        confirm: Confirm | None = None,
        for_seconds: float | None = None,
        sessions: int | None = None,
        per_host: int = PER_HOST,
        transcript: Transcript | None = None,
    ) -> int:
        """Send due mails, and return how many were tried; see Outbox.run_once."""
        return await self._ask(
            partial(
                self._outbox.run_once,
                lanes=lanes,
                confirm=confirm,
                for_seconds=for_seconds,
                sessions=sessions,
                per_host=per_host,
                transcript=transcript,
            )
        )

    async def reopen(self) -> None:
        """Open new connections after OutboxUncertain."""
        await self._ask(self._outbox.reopen)

    async def close(self) -> None:
        """Close the database; may be called twice."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await self._ask(opened.close)
            self._threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # The steps.

    @property
    def _outbox(self) -> Outbox:
        if self._opened is None:
            raise errors.UsageError("this outbox is not open; use it with `async with`, or call open()")
        return self._opened

    def _ticket(self, ticket: Ticket) -> AsyncTicket:
        return AsyncTicket(ticket, self._ask)

    async def _ask(self, act: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(act, *arguments, **named))


class AsyncWorker:
    """Worker threads beside the event loop; see Worker."""

    def __init__(self, worker: Worker, ask: Callable[..., Awaitable[object]]) -> None:
        self._worker, self._ask = worker, ask

    def start(self) -> Self:
        """Start the worker threads."""
        self._worker.start()
        return self

    def health(self) -> Health:
        """Health of the worker; see Worker.health."""
        return self._worker.health()

    async def stop(self, grace: float = GRACE) -> int:
        """Stop the worker, after the pending answers; see Worker.stop."""
        left = await self._ask(self._worker.stop, grace)
        assert isinstance(left, int)
        return left

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A cancelled task waits all the same: mails in hand must be answered, or given back.
        await asyncio.shield(asyncio.ensure_future(self.stop()))
