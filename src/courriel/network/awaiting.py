"""Asyncio driver: runs flows on a protocol class of our own.

Asyncio's streams are not used: this way the buffer that must be empty before TLS is ours, and a burst of replies is
handled in the loop's own callback. The task is woken only when the flow ends or wants something that has to be awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import iscoroutinefunction
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, cast

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import (
    RECEIVE,
    Ask,
    AskEndGuard,
    Connect,
    Fetch,
    Flow,
    HangUp,
    Probe,
    Receive,
    ReceivePending,
    Remember,
    Secure,
    Send,
    Want,
)
from courriel.errors import Stage
from courriel.model.server import Security, Server
from courriel.network import forks, resolve
from courriel.network.connect import reach
from courriel.network.line import (
    BusyGuard,
    Deadlines,
    keep_line,
    prepared_tls,
    refuse_if_broken,
    refuse_if_inherited,
    token_bytes,
)
from courriel.network.receive_buffer import Alarm, ReceiveBuffer
from courriel.network.transcripts.transcript import Transcript

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Room:
    """Want of this driver itself: room in the write buffer; after an Ask (`asked`) its reply is read next."""

    stage: Stage
    asked: bool


Wait: TypeAlias = "Want | Room"


class Line:
    """One asyncio connection to one server; runs one flow at a time."""

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        self.server = server
        self.broken = True  # until a flow connects
        self.inherited = False  # from the parent process, by a fork
        self.tls_version = ""
        self._transcript = transcript
        self.turn = BusyGuard()
        self._arrivals: ReceiveBuffer | None = None
        self._clock = Deadlines(server)
        self._alarm = self._new_alarm()
        self._waits = False  # for a reply, with its time limit running
        # While a flow reads replies: its current want, and the task's wait for what the callback cannot do.
        self._flow: Flow[object] | None = None
        self._want = Receive("connect")
        self._over: asyncio.Future[Wait | BaseException] | None = None
        forks.renew_in_child(self, type(self)._after_fork)

    async def run(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow to its end.

        A refusal leaves the dialogue in step. Anything else that interrupts a flow (a time-out, a cancellation) leaves
        it out of step: the connection is closed, and only a flow that reconnects may use it again.
        """
        if not opening:
            refuse_if_broken(self)
        with self.turn:
            return await self.proceed(flow, opening=opening)

    async def proceed(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow as a part of a longer call: the caller holds the `turn` lock already."""
        if self.inherited and not opening:
            refuse_if_inherited(self)
        self._clock.start_call()
        try:
            return await self._converse(flow)
        except BaseException as error:
            if not keep_line(error, self.server, opening=opening):
                self.hang_up()
            raise
        finally:
            flow.close()

    async def _converse(self, flow: Flow[T]) -> T:
        """Carry out the wants of the flow until it returns."""
        try:
            want = self._advance(flow, next(flow))
            while True:
                if type(want) is Receive:
                    outcome = await self._hear(cast("Flow[object]", flow), want)
                    if isinstance(outcome, BaseException):
                        raise outcome
                    want = outcome
                    continue
                try:
                    answer = await self._satisfy(want)
                except errors.CourrielError as ours:
                    want = flow.throw(ours)
                except OSError as broken:
                    # Raised inside the flow, so that the traceback is complete.
                    want = flow.throw(self._clock.explain(broken, want.stage))
                else:
                    want = RECEIVE[want.stage] if type(want) is Room and want.asked else flow.send(answer)
                want = self._advance(flow, want)
        except StopIteration as end:
            return cast("T", end.value)

    def _advance(self, flow: Flow[T], want: Wait) -> Wait:
        """Run the flow until it wants something that has to be awaited. Raises StopIteration at its end."""
        while True:
            try:
                answer = self._at_once(want)
            except errors.CourrielError as ours:
                want = flow.throw(ours)
            except OSError as broken:
                want = flow.throw(self._clock.explain(broken, want.stage))
            else:
                if not isinstance(answer, bytes):
                    return answer
                want = flow.send(answer)

    async def _hear(self, flow: Flow[object], want: Receive) -> Wait | BaseException:
        """Run the flow from the loop's callback as replies arrive, until it wants anything but write and read.

        Its end is returned as an exception object: a coroutine cannot raise StopIteration.
        """
        arrivals, _ = self._connection(want.stage)
        self._flow, self._want = flow, want
        self._over = asyncio.get_running_loop().create_future()
        arrivals.tell = self._go_on
        try:
            return await self._over
        finally:
            arrivals.tell = self._flow = self._over = None
            self._waits = False

    def _go_on(self, late: TimeoutError | None = None) -> None:
        """Callback for data that arrived, or for a time-out: continue the flow."""
        flow, want, over = self._flow, self._want, self._over
        if flow is None or over is None or over.done():
            return
        outcome: Wait | BaseException
        try:
            if late is not None:
                self._waits = False
                outcome = self._advance(flow, flow.throw(self._clock.explain(late, want.stage)))
            else:
                outcome = self._advance(flow, want)
        except BaseException as error:  # noqa: BLE001 - raised where the flow is awaited; includes StopIteration
            outcome = error
        if type(outcome) is Receive:
            self._want = outcome
        else:
            over.set_result(outcome)

    def count_as_one_call(self) -> None:
        """Put all calls from the next one on under one total deadline."""
        self._clock.count_as_one_call()

    def follow(self, server: Server) -> None:
        """Replace the time limits, from the next wait on; `server` differs in its time-outs only."""
        self.server = server
        self._clock.follow(server)

    def hang_up(self) -> None:
        """Abort the connection; `close` of a transport would wait until its buffer is written."""
        self.broken = True
        self._alarm.cancel()
        if self._arrivals is not None:
            self._arrivals.abort()
            self._arrivals = None
            self._note("hung up")

    @property
    def maybe_stale(self) -> bool:
        """Whether the last reply is so long ago that the connection may be dead."""
        return self._clock.maybe_stale()

    def listen(self, transcript: Transcript | None) -> Transcript | None:
        """Set the transcript; returns the previous one."""
        before, self._transcript = self._transcript, transcript
        return before

    def _after_fork(self) -> None:
        """Drop the parent's connection; this object may reconnect, in an event loop of its own."""
        forks.keep_for_ever(self._arrivals, self._alarm, self._flow, self._over)
        self.turn = BusyGuard()
        self._alarm = self._new_alarm()
        self._waits, self._flow, self._over = False, None, None
        arrivals, self._arrivals = self._arrivals, None
        if arrivals is not None:
            self.broken = self.inherited = True
            arrivals.drop()

    def _new_alarm(self) -> Alarm:
        return Alarm(lambda: self._go_on(TimeoutError()))

    # Wants.

    def _at_once(self, want: Wait) -> bytes | Wait:
        """The answer to a want that needs no waiting; otherwise the want itself."""
        kind = type(want)
        if kind is Ask:
            return self._write(cast("Ask", want)) or self._receive(want.stage, more=False)
        if kind is Receive:
            return self._receive(want.stage, cast("Receive", want).more)
        if kind is Send:
            return self._send(cast("Send", want))
        if kind is ReceivePending:
            return self._receive_pending(cast("ReceivePending", want))
        if kind is HangUp:
            self.hang_up()
            return b""
        return want

    async def _satisfy(self, want: Wait) -> bytes:
        match want:
            case Send(_, stage):
                await self._connection(stage)[0].settle()
                if isinstance(room := self._write(want), Room):
                    await self._wait_for_room(room)
            case Room():
                await self._wait_for_room(want)
            case ReceivePending(stage, seconds):
                return await self._listen(stage, seconds)
            case Probe(by_tls, stage):
                return await self._probe(by_tls, stage)
            case Connect():
                return await self._connect()
            case Secure():
                return await self._secure()
            case Remember():
                self._remember()
            case Fetch(source):
                return token_bytes(await _asked(source.fetch))
            case AskEndGuard(ask):
                return b"yes" if await _asked(ask) else b""
            case Ask() | Receive() | HangUp():
                raise AssertionError("this is done at once")
        return b""

    def _send(self, want: Send) -> bytes | Wait:
        arrivals, _ = self._connection(want.stage)
        # A server that refuses the message replies and closes: read its reply before the next write, which fails with
        # a reset and discards the reply.
        if want.stage == "data" and arrivals.may_hold_more():
            return want
        return self._write(want)

    def _write(self, want: Send | Ask) -> Literal[b""] | Room:
        arrivals, transport = self._connection(want.stage)
        if transport.is_closing() and (want.stage == "data" or not arrivals.data):
            # asyncio would silently drop data written now.
            raise ConnectionResetError("the server hung up")
        if self._transcript is not None:
            self._transcript.sent(want)
        transport.write(want.data)
        return Room(want.stage, type(want) is Ask) if arrivals.crowded or want.stage == "data" else b""

    async def _wait_for_room(self, want: Room) -> None:
        arrivals, _ = self._connection(want.stage)
        await arrivals.room(self._clock.for_stage(want.stage))

    def _receive(self, stage: Stage, more: bool) -> bytes | Receive:
        arrivals, _ = self._connection(stage)
        if arrivals.data or arrivals.ended:
            if not self._waits:
                _ = self._clock.for_reply(stage, more)  # starts the limit of a slow reply that never has to be awaited
            self._waits = False
            return self._taken(arrivals, stage)
        if not self._waits:
            self._alarm.set(self._clock.for_reply(stage, more))
            self._waits = True
        return Receive(stage, more) if more else RECEIVE[stage]

    def _receive_pending(self, want: ReceivePending) -> bytes | ReceivePending:
        arrivals, _ = self._connection("connect")
        if want.seconds or arrivals.data or arrivals.ended or arrivals.may_hold_more():
            return want
        return b""

    async def _listen(self, stage: Stage, seconds: float) -> bytes:
        arrivals, _ = self._connection(stage)
        if seconds:
            with suppress(TimeoutError):
                clock = self._clock
                await arrivals.arrival(clock.for_greeting(seconds) if stage == "greeting" else clock.at_most(seconds))
        await arrivals.settle()
        if arrivals.data:
            return self._taken(arrivals)
        if arrivals.ended:
            raise ConnectionResetError("the server hung up")
        return b""

    def _taken(self, arrivals: ReceiveBuffer, stage: Stage = "connect") -> bytes:
        data = arrivals.take()
        if self._transcript is not None:
            self._transcript.heard(data, stage)
        return data

    async def _probe(self, by_tls: bool, stage: Stage) -> bytes:
        from courriel.network.tls import contexts  # noqa: PLC0415

        context = contexts.probing_context() if by_tls else None
        seconds = self._clock.for_probe(stage)
        ends = monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                reached = await reach(self.server, ends)
                answer = ReceiveBuffer()
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: answer, sock=reached, ssl=context, server_hostname="" if by_tls else None
                )
                try:
                    if by_tls:
                        return (transport.get_extra_info("ssl_object").version() or "").encode()
                    heard = b""
                    while b"\n" not in heard and len(heard) < 512 and not answer.ended:
                        await answer.arrival(seconds)
                        heard += answer.take()
                    return heard[:512].split(b"\n")[0].rstrip()
                finally:
                    transport.abort()
        except OSError:
            return b""

    async def _connect(self) -> bytes:
        self.hang_up()
        if self.server.security is not Security.NONE:
            prepared_tls(self.server)  # an unreadable file is reported before connecting
        ends = self._clock.for_connecting()
        reached = await reach(self.server, ends)
        loop = asyncio.get_running_loop()
        try:
            _, self._arrivals = await loop.create_connection(lambda: ReceiveBuffer(reached), sock=reached)
        except BaseException:
            reached.close()
            raise
        self.broken, self.inherited, self.tls_version = False, False, ""
        self._note(f"connected to {self.server}")
        return resolve.our_name(reached.getsockname())

    async def _secure(self) -> bytes:
        from courriel.network.tls import contexts  # noqa: PLC0415 - not needed without TLS

        arrivals, transport = self._connection("secure")
        if arrivals.data:
            # The flow has checked already; data that arrived since is an injection attack all the same (RFC 3207 4.2).
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage="secure")
        context = prepared_tls(self.server)
        name = contexts.name_to_check(self.server.expected_name)
        try:
            async with asyncio.timeout(self._clock.for_stage("secure")):
                secured = await asyncio.get_running_loop().start_tls(transport, arrivals, context, server_hostname=name)
        except ConnectionAbortedError as broken:
            raise TimeoutError("the handshake took too long") from broken
        if secured is None:
            raise ConnectionResetError("the server hung up during the handshake")
        arrivals.transport = secured
        line = cast("ssl.SSLObject", secured.get_extra_info("ssl_object"))
        self.tls_version = line.version() or ""
        self._note(f"secured by {self.tls_version}")
        return contexts.finish(line, self.server.trust, str(self.server))

    def _remember(self) -> None:
        from courriel.network.tls import contexts  # noqa: PLC0415

        _, transport = self._connection("secure")
        contexts.remember(transport.get_extra_info("ssl_object"))

    # The steps.

    def _connection(self, stage: Stage) -> tuple[ReceiveBuffer, asyncio.Transport]:
        if self._arrivals is None or self._arrivals.transport is None:
            refuse_if_inherited(self)
            raise errors.ConnectionFailed("the line is closed", stage=stage, hint_id="SESSION-LOST")
        return self._arrivals, self._arrivals.transport

    def _note(self, text: str) -> None:
        if self._transcript is not None:
            self._transcript.noted(text)


async def _asked(ask: Callable[[], object]) -> object:
    """Result of a callback; a plain function runs in a thread, because it may block on network or disk."""
    if iscoroutinefunction(ask):
        given: object = await ask()
        return given
    given = await asyncio.to_thread(ask)
    return await given if isinstance(given, Awaitable) else given
