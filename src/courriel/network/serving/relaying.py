"""Asyncio server of relays: one task for each client, and behind it a connection to a provider, with limits on all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from time import monotonic

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import HangUp, Receive, ReceivePending, Send
from courriel.dialogue.relay.session import RelaySession
from courriel.dialogue.relay.wants import Admit, Dial, Join, Pause, RelayFlow, RelayWant, Upstream
from courriel.model.servers.server import Dialect
from courriel.network.awaiting import AsyncLine
from courriel.network.receive_buffer import ReceiveBuffer
from courriel.network.transcripts.transcript import Transcript
from courriel.network.translate import lost_client

_LINGER = 1  # seconds for the client to read our last reply before the connection is aborted
_LAST_ANSWERS = 5  # seconds of silence from a provider whose client has closed its half: most have gone altogether
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """Limits of a bridge: counts, octets, and seconds, all finite."""

    sessions: int = 50  # clients at a time, for each protocol; further ones are sent away
    login: float = 60  # seconds from the connection to the end of the login
    silence: float = 600  # seconds between two commands, and within a mail
    idle: float = 2400  # seconds of silence from both sides in IMAP; IDLE is renewed after 29 minutes (RFC 2177)
    session: float = 86400 * 7  # seconds of a whole session: IMAP clients stay for days
    message: int = 1 << 30  # octets of a mail; it is never held whole
    attempts: int = 3  # wrong passwords, before the session ends
    slowness: float = 1  # seconds before the answer to a wrong password; each further one takes twice the time
    mistakes: int = 20  # commands that are none, before the session ends
    grace: float = 30  # seconds that a stopping bridge waits for answers to mails that are at the provider

    def __post_init__(self) -> None:
        for name in self.__slots__:
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < float("inf"):
                raise errors.UsageError(f"limit {name}: a finite number above zero is needed")


@dataclass(frozen=True, slots=True)
class RelayedSession:
    """A session that has ended: its facts, its duration, and what was said on both lines where that is recorded."""

    protocol: Dialect
    session: RelaySession
    seconds: float
    client: Transcript | None = None
    provider: Transcript | None = None


class RelayListener:
    """Server of one protocol on one port of this machine; `serve` makes the conversation of each client.

    `busy` is what one client too many is told; `on_end` is called with each session when it has ended.
    """

    def __init__(
        self,
        protocol: Dialect,
        serve: Callable[[RelaySession], RelayFlow[None]],
        limits: RelayLimits,
        *,
        busy: bytes,
        on_end: Callable[[RelayedSession], object],
        record: bool = False,
    ) -> None:
        self.port = 0
        self.protocol = protocol
        self.limits = limits
        self.connections: set[RelayedConnection] = set()
        self.serve = serve
        self.busy = busy
        self.on_end = on_end
        self.record = record
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> None:
        """Listen on a port. Raises OSError, as when it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: RelayedConnection(self), host, port, backlog=_BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and end every session.

        One whose mail is at the provider waits for the answer first, and hands it to its client; `grace` seconds at
        most.
        """
        if self._server is None:
            return
        self._server.close()
        connections = tuple(self.connections)
        for connection in connections:
            connection.end()
        waiting = [connection.closed for connection in connections]
        if waiting:
            await asyncio.wait(waiting, timeout=self.limits.grace)
        for connection in connections:
            connection.drop()
        await asyncio.gather(*waiting)
        await asyncio.sleep(0)  # sockets are closed one loop iteration later
        await self._server.wait_closed()
        self._server = None


class RelayedConnection(ReceiveBuffer):
    """One client, the task that serves it, and the connection to its provider."""

    reads_on = True  # a client that has said everything still reads our answers

    def __init__(self, listener: RelayListener) -> None:
        super().__init__()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listener = listener
        self._task: asyncio.Task[None] | None = None
        self._cut = False  # the connection is lost
        self._ending = False
        self._began = monotonic()
        self._deadline = self._began + listener.limits.login
        self._patience = float("inf")
        self._upstream: AsyncLine | None = None
        self._said = Transcript() if listener.record else None
        self._said_upstream = Transcript() if listener.record else None
        self._session = RelaySession(note=self._said.write if self._said is not None else None)

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        crowded = len(self._listener.connections) >= self._listener.limits.sessions
        self._listener.connections.add(self)
        if crowded:
            self.transport.write(self._listener.busy)
            self.transport.close()
            return
        host, port, *_ = transport.get_extra_info("peername")
        self._session.peer = f"{host}:{port}"
        self._task = asyncio.get_running_loop().create_task(self._serve(), name="courriel bridge")
        self._task.add_done_callback(self._leave)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._cut = True
        self._leave()

    def eof_received(self) -> bool:
        super().eof_received()
        return True

    # The session.

    def end(self) -> None:
        """End the session: at once, or when the provider has answered the mail that it has."""
        self._ending = True
        if not self._session.committing:
            self.drop()

    def drop(self) -> None:
        """Cancel the task and abort both connections at once."""
        if self._task is not None:
            self._task.cancel()
        self._hang_up()

    async def _serve(self) -> None:
        """Serve one client to the end."""
        try:
            await self._converse(self._listener.serve(self._session))
            self._hang_up_upstream()
            await self._linger()
        except OSError as broken:
            self._session.note("*", f"the line broke: {broken}")
        except Exception as failure:  # noqa: BLE001 - the edge: one client must not end a server
            self._session.failures.append(failure)
        finally:
            self._hang_up()
            self._hang_up_upstream()

    def _leave(self, task: asyncio.Task[None] | None = None) -> None:
        """Finish once both connection and task have ended."""
        if self._cut and (self._task is None or self._task.done()) and not self.closed.done():
            self._listener.connections.discard(self)
            self.closed.set_result(None)
            if self._task is not None:
                self._note_doubt()
                seconds = monotonic() - self._began
                ended = RelayedSession(self._listener.protocol, self._session, seconds, self._said, self._said_upstream)
                self._listener.on_end(ended)

    def _note_doubt(self) -> None:
        """A session that was cut while the provider decided about a mail: its fate is unknown."""
        session = self._session
        if session.committing and session.error is None:
            session.error = errors.ConnectionFailed(
                "the bridge was stopped before the provider had answered", stage="message", in_doubt=True
            )

    async def _converse(self, flow: Generator[RelayWant, bytes, None]) -> None:
        try:
            want = next(flow)
            while not (self._ending and not self._session.committing):
                try:
                    answer = await self._satisfy(want)
                except errors.CourrielError as ours:
                    want = flow.throw(ours)
                except OSError as broken:
                    want = flow.throw(lost_client(broken, want.stage))
                else:
                    want = flow.send(answer)
        except StopIteration:
            return
        finally:
            flow.close()

    # Wants.

    async def _satisfy(self, want: RelayWant) -> bytes:
        match want:
            case Send(data):
                assert self.transport is not None
                self.transport.write(data)
                await self.room(self._seconds())
            case Receive(_, more):
                if not more:
                    self._patience = monotonic() + self._listener.limits.silence
                left = min(self._patience, self._deadline) - monotonic()
                if left <= 0:
                    raise TimeoutError  # also for a client that sends without pause
                await self.arrival(left)
                return self.take()
            case ReceivePending():
                await asyncio.sleep(0)
                return self.take()
            case Upstream(flow, _, opening):
                assert self._upstream is not None
                return await self._upstream.run(flow, opening=opening)
            case Dial(server):
                self._hang_up_upstream()
                self._upstream = AsyncLine(server, self._said_upstream)
            case Pause(seconds):
                await asyncio.sleep(max(0, min(seconds, self._deadline - monotonic())))
            case Admit():
                self._deadline = monotonic() + self._listener.limits.session
            case Join(down, up):
                await self._join(down, up)
            case HangUp():
                self._hang_up()
            case _:
                raise errors.LocalProtocolError(f"a relay does not {type(want).__name__.lower()}")
        return b""

    async def _join(self, down: bytes, up: bytes) -> None:
        """Pass octets both ways until one side hangs up, both are silent for too long, or the session has lasted."""
        assert self._upstream is not None
        provider = self._upstream.hand_over()
        pipe = _Pipe(self, provider, self._listener.limits.idle, self._deadline)
        try:
            await pipe.run(down, up)
        finally:
            self._session.up, self._session.down = pipe.up, pipe.down
            self._session.note("*", f"{pipe.up:,} octets went to the provider, {pipe.down:,} came from it")

    # The steps.

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _hang_up_upstream(self) -> None:
        if self._upstream is not None:
            self._upstream.hang_up()

    def _seconds(self) -> float:
        return max(0.001, min(self._listener.limits.silence, self._deadline - monotonic()))

    async def _linger(self) -> None:
        """Wait until the client has read our last reply: aborting with unread data would discard it."""
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write_eof()
        ends = monotonic() + _LINGER
        with contextlib.suppress(OSError):
            while not self.ended:
                await self.arrival(ends - monotonic())
                self.take()


class _Pipe:
    """Octets that pass both ways between a client and a provider."""

    def __init__(self, client: ReceiveBuffer, provider: ReceiveBuffer, idle: float, deadline: float) -> None:
        self.up = 0
        self.down = 0
        self._client = client
        self._provider = provider
        self._idle = idle
        self._deadline = deadline
        self._moved = monotonic()

    async def run(self, down: bytes, up: bytes) -> None:
        """Pass on what is here, then what arrives, until one side ends."""
        tasks = [
            asyncio.create_task(self._pump(self._client, self._provider, up, self._count_up)),
            asyncio.create_task(self._pump(self._provider, self._client, down, self._count_down)),
        ]
        upwards, downwards = tasks
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if upwards in done and not downwards.done():
                await self._pass_last_answers(downwards)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # The steps.

    async def _pass_last_answers(self, downwards: asyncio.Task[None]) -> None:
        """Pass on what a client has asked for that says no more, until the provider is silent for some seconds."""
        downwards.cancel()
        _ = await asyncio.gather(downwards, return_exceptions=True)
        self._idle, self._moved = _LAST_ANSWERS, monotonic()
        with contextlib.suppress(TimeoutError):
            await self._pump(self._provider, self._client, b"", self._count_down)

    async def _pump(
        self, source: ReceiveBuffer, sink: ReceiveBuffer, first: bytes, count: Callable[[int], None]
    ) -> None:
        octets = first
        while True:
            if octets:
                assert sink.transport is not None
                sink.transport.write(octets)
                count(len(octets))
                self._moved = monotonic()
                await sink.room(self._left())
            octets = b""
            try:
                await source.arrival(self._left())
            except TimeoutError:
                if self._left() > 0:
                    continue  # the other direction was busy meanwhile
                raise
            octets = source.take()
            if not octets:
                return

    def _left(self) -> float:
        return min(self._moved + self._idle, self._deadline) - monotonic()

    def _count_up(self, octets: int) -> None:
        self.up += octets

    def _count_down(self, octets: int) -> None:
        self.down += octets
