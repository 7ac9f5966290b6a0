"""Asyncio driver: runs flows on a protocol class of our own.

Asyncio's streams are not used: this way the buffer that must be empty before TLS is ours, and a burst of replies is
handled in the loop's own callback (`flow_runner`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import iscoroutinefunction
from typing import Literal, TypeVar, cast

from courriel import errors
from courriel.dialogue.flow import (
    RECEIVE,
    Ask,
    AskEndGuard,
    Compress,
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
)
from courriel.errors import Stage
from courriel.model.servers.server import Security, Server
from courriel.network import forks
from courriel.network.connecting import awaiting as connecting
from courriel.network.connecting import resolve
from courriel.network.flow_runner import FlowRunner, Room, Wait
from courriel.network.line import (
    BusyGuard,
    keep_line,
    prepared_tls,
    refuse_if_broken,
    refuse_if_inherited,
    token_bytes,
)
from courriel.network.receive_buffer import ReceiveBuffer
from courriel.network.transcripts.transcript import Transcript

T = TypeVar("T")


class AsyncLine(FlowRunner):
    """One asyncio connection to one server; runs one flow at a time."""

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        super().__init__(server, transcript)
        self._arrivals: ReceiveBuffer | None = None
        forks.renew_in_child(self, type(self)._after_fork)

    async def run(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow to its end.

        A refusal leaves the dialogue in step. Anything else that interrupts a flow (a time-out, a cancellation) leaves
        it out of step: the connection is closed, and only a flow that reconnects may use it again.
        """
        if not opening:
            refuse_if_broken(self)
        with self.guard:
            return await self.proceed(flow, opening=opening)

    async def proceed(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow as a part of a longer call: the caller holds the `guard` already."""
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

    def hang_up(self) -> None:
        """Abort the connection; `close` of a transport would wait until its buffer is written."""
        self.broken = self._hung_up = True
        self._alarm.cancel()
        if self._arrivals is not None:
            self._arrivals.abort()
            self._arrivals = None
            self._note("hung up")

    def hand_over(self) -> ReceiveBuffer:
        """The open connection, for a caller that reads and writes octets itself; no flow runs on it any more.

        Raises ConnectionFailed when there is none.
        """
        arrivals, _ = self._connection("mailbox")
        self._alarm.cancel()
        self.broken = True
        return arrivals

    def _after_fork(self) -> None:
        """Drop the parent's connection; this object may reconnect, in an event loop of its own."""
        forks.keep_for_ever(self._arrivals, self._alarm, self._flow, self._over)
        self.guard = BusyGuard()
        self._alarm = self._new_alarm()
        self._waits, self._flow, self._over = False, None, None
        arrivals, self._arrivals = self._arrivals, None
        if arrivals is not None:
            self.broken = self.inherited = True
            arrivals.drop()

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
                return await connecting.probe(self.server, self._clock.for_probe(stage), by_tls=by_tls)
            case Connect():
                return await self._connect()
            case Secure():
                return await self._secure()
            case Compress(received, stage):
                self._compress(received, stage)
            case Remember():
                self._remember()
            case Fetch(source, refused):
                refresh = source.refresh
                if refused and refresh is not None:
                    return token_bytes(await _asked(refresh, refused))
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

    async def _connect(self) -> bytes:
        self.hang_up()
        self._hung_up = False
        if self.server.security is not Security.NONE:
            prepared_tls(self.server)  # an unreadable file is reported before connecting
        ends = self._clock.for_connecting()
        reached = await connecting.reach(self.server, ends)
        loop = asyncio.get_running_loop()
        try:
            _, self._arrivals = await loop.create_connection(lambda: ReceiveBuffer(reached), sock=reached)
        except BaseException:
            reached.close()
            raise
        self.broken, self.inherited, self.tls_version = False, False, ""
        self._refuse_if_hung_up()
        self._note_connected()
        return resolve.our_name(reached.getsockname())

    async def _secure(self) -> bytes:
        from courriel.network.tls import contexts  # noqa: PLC0415 - not needed without TLS

        arrivals, _ = self._connection("secure")
        if arrivals.data:
            # The flow has checked already; data that arrived since is an injection attack all the same (RFC 3207 4.2).
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage="secure")
        context = prepared_tls(self.server)
        line = await connecting.secure(arrivals, self.server, context, self._clock.for_stage("secure"))
        self.tls_version = line.version() or ""
        self._note(f"secured by {self.tls_version}")
        return contexts.finish(line, self.server.trust, str(self.server))

    def _compress(self, received: bytes, stage: Stage) -> None:
        from courriel.network.deflated import DeflatedBuffer  # noqa: PLC0415 - by option only

        arrivals, _ = self._connection(stage)
        self._arrivals = DeflatedBuffer(arrivals, received)
        self._note("compressed by DEFLATE")

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


async def _asked(ask: Callable[..., object], *about: str) -> object:
    """Result of a callback; a plain function runs in a thread, because it may block on network or disk."""
    if iscoroutinefunction(ask):
        given: object = await ask(*about)
        return given
    given = await asyncio.to_thread(ask, *about)
    return await given if isinstance(given, Awaitable) else given
