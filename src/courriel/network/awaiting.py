"""Runs flows on an asyncio protocol of our own: every wait gives the event loop its turn.

Not asyncio's streams: the buffer that must be empty before TLS is ours here, and a burst costs one wake-up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import iscoroutinefunction
from time import monotonic
from typing import TYPE_CHECKING, TypeVar, cast

from courriel import errors
from courriel.dialogue.flow import (
    Connect,
    Fetch,
    Flow,
    HangUp,
    Overhear,
    Permit,
    Probe,
    Receive,
    Remember,
    Secure,
    Send,
    Want,
)
from courriel.errors import Stage
from courriel.model.server import Security, Server
from courriel.network import resolve
from courriel.network.line import PROBING, Clock, Turn, keep_line, prepared_tls, refuse_if_broken, token_bytes
from courriel.network.race import Race
from courriel.network.transcript import Transcript

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")

_SPACE = 16 * 1024  # octets read at a time; asyncio's own 256 kB cost a system call for memory each
_FULL = 256 * 1024  # octets that wait to be read before the other side has to


class Arrivals(asyncio.BufferedProtocol):
    """What has arrived on one connection and nobody has read yet; shared by clients and servers."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        self.lost: Exception | None = None
        self.transport: asyncio.Transport | None = None
        self._space = memoryview(bytearray(_SPACE))
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._full = False
        self._gone = False  # the transport may not even be asked to abort any more (CPython 3.11: AttributeError)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._space

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self._space[:nbytes]
        if len(self.data) > _FULL and not self._full and self.transport is not None:
            self._full = True
            self.transport.pause_reading()
        self._wake(self._reader)

    def eof_received(self) -> bool | None:
        self.ended = True
        self._wake(self._reader)
        return None  # close our half too

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.lost, self._gone = True, exc, True
        self._wake(self._reader)
        self._wake(self._writer)

    def pause_writing(self) -> None:
        self._writer = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        self._wake(self._writer)
        self._writer = None

    # What a line asks.

    def abort(self) -> None:
        """Cut the connection now; when it is gone already, nothing happens."""
        if self.transport is not None and not self._gone:
            self.transport.abort()

    def take(self) -> bytes:
        """Everything that has arrived; b"" when the other side hung up."""
        if not self.data and self.lost is not None:
            raise self.lost if isinstance(self.lost, OSError) else ConnectionResetError("the connection was lost")
        data = bytes(self.data)
        self.data.clear()
        if self._full and self.transport is not None:
            self._full = False
            self.transport.resume_reading()
        return data

    async def arrival(self, seconds: float) -> None:
        """Wait until something arrives or the other side hangs up. Raises TimeoutError."""
        if not self.data and not self.ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await _within(seconds, self._reader)
            finally:
                self._reader = None

    async def room(self, seconds: float) -> None:
        """Wait until there is room for writing. Raises TimeoutError, and what broke the connection."""
        if self._writer is not None and not self.ended:
            await _within(seconds, self._writer)
        if self.lost is not None:
            raise self.lost if isinstance(self.lost, OSError) else ConnectionResetError("the connection was lost")

    def _wake(self, waiter: asyncio.Future[None] | None) -> None:
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class Line:
    """One line to one server: run flows on it, one at a time."""

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        self.server = server
        self.broken = True  # until a flow connects
        self.tls_version = ""
        self._transcript = transcript
        self.turn = Turn()
        self._arrivals: Arrivals | None = None
        self._clock = Clock(server)

    async def run(self, flow: Flow[T], *, opening: bool = False) -> T:
        """
        Run a flow to its end.

        A refusal leaves the conversation where it was. Anything else that cuts a flow short (a time-out, a
        cancellation) leaves it out of step: the line hangs up, and only a flow that opens it anew may use it again.
        """
        refuse_if_broken(self.broken and not opening, self.server)
        with self.turn:
            return await self.proceed(flow, opening=opening)

    async def proceed(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow as a part of a longer talk: whoever calls this has the `turn` already."""
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
        """Do what the flow wants, hand it the answer, and so on until it returns."""
        try:
            want = next(flow)
            while True:
                try:
                    answer = await self._satisfy(want)
                except errors.CourrielError as ours:
                    want = flow.throw(ours)
                except OSError as broken:
                    # Raised inside the flow, so that the traceback tells the whole story.
                    want = flow.throw(self._clock.explain(broken, want.stage))
                else:
                    want = flow.send(answer)
        except StopIteration as end:
            return cast("T", end.value)

    def follow(self, server: Server) -> None:
        """Bear other silences, from the next wait on: `server` is the same one in all but its time-outs."""
        self.server = server
        self._clock.follow(server)

    @property
    def rested(self) -> bool:
        """Whether nothing was heard for so long that the line may have died unheard."""
        return self._clock.rested()

    def hang_up(self) -> None:
        """Close the line without a word; not `close`, which is a wish and waits for what is still unwritten."""
        self.broken = True
        if self._arrivals is not None:
            self._arrivals.abort()
            self._arrivals = None
            self._note("hung up")

    # Wants.

    async def _satisfy(self, want: Want) -> bytes:
        match want:
            case Send():
                await self._send(want)
            case Receive(stage, more):
                return await self._receive(stage, more)
            case Overhear(_, seconds):
                return await self._overhear(seconds)
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
            case Permit(ask):
                return b"yes" if await _asked(ask) else b""
            case HangUp():
                self.hang_up()
        return b""

    async def _send(self, want: Send) -> None:
        arrivals, transport = self._connection(want.stage)
        if want.stage == "data":
            # A server that will not take the message says so and hangs up: its words must be here before the next write
            # finds the line broken, which would throw them away.
            await _look()
        if transport.is_closing() and (want.stage == "data" or not arrivals.data):
            # asyncio would drop what is written now, without a word.
            raise ConnectionResetError("the server hung up")
        if self._transcript is not None:
            self._transcript.sent(want)
        transport.write(want.data)
        await arrivals.room(self._clock.for_stage(want.stage))

    async def _receive(self, stage: Stage, more: bool) -> bytes:
        arrivals, _ = self._connection(stage)
        await arrivals.arrival(self._clock.for_reply(stage, more))
        data = arrivals.take()
        if self._transcript is not None:
            self._transcript.heard(data, stage)
        return data

    async def _overhear(self, seconds: float) -> bytes:
        arrivals, _ = self._connection("connect")
        if seconds:
            with suppress(TimeoutError):
                await arrivals.arrival(self._clock.at_most(seconds))
        await _look()
        if not arrivals.data:
            if arrivals.ended:
                raise ConnectionResetError("the server hung up")
            return b""
        data = arrivals.take()
        if self._transcript is not None:
            self._transcript.heard(data)
        return data

    async def _probe(self, by_tls: bool, stage: Stage) -> bytes:
        from courriel.network import tls  # noqa: PLC0415

        context = tls.probing_context() if by_tls else None
        seconds = self._clock.at_most(min(PROBING, self.server.timeouts.of(stage)))
        ends = monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                reached = await _reach_one_of(await _places(self.server, ends), ends)
                answer = Arrivals()
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
            prepared_tls(self.server)  # a file that cannot be read is said before anybody is called
        ends = self._clock.for_connecting()
        places = await _places(self.server, ends)
        reached = await _reach_one_of(places, ends)
        loop = asyncio.get_running_loop()
        try:
            _, self._arrivals = await loop.create_connection(Arrivals, sock=reached)
        except BaseException:
            reached.close()
            raise
        self.broken, self.tls_version = False, ""
        self._note(f"connected to {self.server}")
        return resolve.our_name(reached.getsockname())

    async def _secure(self) -> bytes:
        from courriel.network import tls  # noqa: PLC0415 - a line in clear does not pay for it

        arrivals, transport = self._connection("secure")
        if arrivals.data:
            # The flow has looked already; this came since, and is an attack all the same (RFC 3207 4.2).
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage="secure")
        context = prepared_tls(self.server)
        name = tls.name_to_check(self.server.expected_name)
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
        return tls.finish(line, self.server.trust, str(self.server))

    def _remember(self) -> None:
        from courriel.network import tls  # noqa: PLC0415

        _, transport = self._connection("secure")
        tls.remember(transport.get_extra_info("ssl_object"))

    # The steps.

    def _connection(self, stage: Stage) -> tuple[Arrivals, asyncio.Transport]:
        if self._arrivals is None or self._arrivals.transport is None:
            raise errors.ConnectionFailed("the line is closed", stage=stage, hint_id="SESSION-LOST")
        return self._arrivals, self._arrivals.transport

    def _note(self, text: str) -> None:
        if self._transcript is not None:
            self._transcript.noted(text)


async def _look() -> None:
    """Two turns of the loop: in the first it sees what the socket holds, in the second it has handed it over."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def _within(seconds: float, waited_for: asyncio.Future[None]) -> None:
    """Wait for a future of our own, for so long at most; one timer, no task. Raises TimeoutError."""
    if seconds <= 0:
        raise TimeoutError
    loop = asyncio.get_running_loop()

    def ring() -> None:
        if not waited_for.done():
            waited_for.set_exception(TimeoutError())

    timer = loop.call_later(seconds, ring)
    try:
        await waited_for
    finally:
        timer.cancel()


async def _places(server: Server, ends: float) -> list[resolve.Place]:
    known = resolve.places_at_once(server)
    if known is not None:
        return known
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[resolve.Place] | OSError] = loop.create_future()

    def done(found: list[resolve.Place] | OSError) -> None:
        # Nobody may be listening any more, and the loop itself may be gone.
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(found))

    resolve.ask(server, done)
    async with asyncio.timeout(max(0.001, ends - monotonic())):
        found = await answer
    if isinstance(found, OSError):
        raise found
    return found


async def _reach_one_of(places: list[resolve.Place], ends: float) -> socket.socket:
    """The line to the first address that answers; see `network.race`."""
    race = Race(places, ends)
    called: dict[asyncio.Task[socket.socket], resolve.Place] = {}
    try:
        while race.goes_on(len(called)):
            while place := race.starter(len(called)):
                called[asyncio.create_task(_reach(place))] = place
            if not called:
                break
            done, _ = await asyncio.wait(called, timeout=race.patience(), return_when=asyncio.FIRST_COMPLETED)
            for call in done:
                place = called.pop(call)
                try:
                    return call.result()
                except OSError as failed:
                    race.lost(place, failed)
        raise race.failure(list(called.values()))
    finally:
        # Not awaited: a cancellation that came meanwhile would lose the line that won.
        for call in called:
            call.add_done_callback(_close_late)
            call.cancel()


def _close_late(call: asyncio.Task[socket.socket]) -> None:
    if not call.cancelled() and call.exception() is None:
        call.result().close()


async def _reach(place: resolve.Place) -> socket.socket:
    family, address = place
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, address)  # type: ignore[arg-type]
    except BaseException:
        line.close()
        raise
    return line


async def _asked(ask: Callable[[], object]) -> object:
    """What it answers; a plain callable runs in a thread, because it may wait for a web server or a disk."""
    if iscoroutinefunction(ask):
        given: object = await ask()
        return given
    given = await asyncio.to_thread(ask)
    return await given if isinstance(given, Awaitable) else given
