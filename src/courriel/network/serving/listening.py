"""Asyncio server: runs server flows, one task for each connection, with a limit on every resource."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import (
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
    Want,
)
from courriel.dialogue.server.handler import LineFault, ServerConfig, ServerHandler, ServerSession
from courriel.dialogue.server.smtp import SmtpServerDialogue
from courriel.errors import Stage
from courriel.model.servers.server import Dialect
from courriel.network.receive_buffer import ReceiveBuffer
from courriel.network.transcripts.transcript import Transcript
from courriel.network.translate import lost_client

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")

_HANDSHAKE = 30  # seconds
_DRIP = 0.1  # seconds between two octets of a server that drips
_LINGER = 1  # seconds for the client to read our last reply before the connection is aborted
_BACKLOG = 4096  # connections waiting to be accepted; the system may allow fewer
_BUSY = {
    Dialect.SMTP: b"421 4.7.0 Too many connections, try again later\r\n",
    Dialect.POP3: b"-ERR [SYS/TEMP] Too many connections, try again later\r\n",
    Dialect.IMAP: b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n",
}


@dataclass(frozen=True, slots=True)
class ServedSession:
    """One connection of a client and its transcript."""

    session: ServerSession
    transcript: Transcript

    def __str__(self) -> str:
        return "\n".join(map(str, self.transcript))

    def __repr__(self) -> str:
        # What was said is what one wants to see of a list of sessions; secrets are not in it.
        return f"<{type(self).__name__} {self.session.peer}\n{self}\n>"


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """One listening address; `tls`: TLS from the first byte."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False


class Listener:
    """SMTP, LMTP, POP3 or IMAP server on several ports, by the dialect of its configuration, on one event loop.

    `on_session` is called with each session when it begins. `context` makes the TLS context, for the first TLS client.
    After `close` no task and no socket is left.
    """

    def __init__(
        self,
        handler: ServerHandler,
        config: ServerConfig,
        *addresses: ListenAddress,
        context: Callable[[], ssl.SSLContext] | None = None,
        on_session: Callable[[ServedSession], None] | None = None,
    ) -> None:
        self.ports: tuple[int, ...] = ()
        """The port of each listening address, in order, once open."""
        self.handler = handler
        self.config = config
        self.context = context
        self.connections: set[ServedConnection] = set()
        self._addresses = addresses
        self._met = on_session
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        """Listen on every address, or on none. Raises OSError, as when a port is taken."""
        loop = asyncio.get_running_loop()
        try:
            for address in self._addresses:
                server = await loop.create_server(
                    partial(ServedConnection, self, tls=address.tls), address.host, address.port, backlog=_BACKLOG
                )
                self._servers.append(server)
        except BaseException:
            await self.close()
            raise
        self.ports = tuple(server.sockets[0].getsockname()[1] for server in self._servers)

    async def close(self) -> None:
        """Stop listening, abort every connection, and wait until all tasks have ended."""
        for server in self._servers:
            server.close()
        connections = tuple(self.connections)
        for connection in connections:
            connection.drop()
        await asyncio.gather(*(connection.closed for connection in connections))
        await asyncio.sleep(0)  # sockets are closed one loop iteration later
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    def add_session(self, session: ServedSession) -> None:
        """Report a session that begins."""
        if self._met is not None:
            self._met(session)


class ServedConnection(ReceiveBuffer):
    """One accepted connection, and the task that serves it."""

    reads_on = True  # a client that has said everything still reads our answers, or is timed out

    def __init__(self, listener: Listener, *, tls: bool) -> None:
        super().__init__()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listener = listener
        self._tls = tls
        self._task: asyncio.Task[None] | None = None
        self._cut = False  # the connection is lost
        self._session = ServerSession()
        self._deadline = monotonic() + listener.config.limits.session
        self._silent_since = 0.0  # on the monotonic clock
        self._fault: LineFault | None = None
        self._arrived = 0  # octets, in the clear part and in TLS
        self._flow: Flow[None] | None = None
        self._want: Want | None = None  # what the flow waits for; None when it has ended
        self._due = 0.0  # when the timer of the task's wait rings
        self._woken = False  # since the flow looked for news last
        self._failure: Exception | None = None  # of a step made in a callback

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        crowded = len(self._listener.connections) >= self._listener.config.limits.sessions
        self._listener.connections.add(self)
        if crowded:
            if not self._tls:
                self.transport.write(_BUSY.get(self._listener.config.dialect, _BUSY[Dialect.SMTP]))
            self.transport.close()
            return
        transcript = Transcript()
        host, port, *_ = transport.get_extra_info("peername")
        self._session = ServerSession(peer=f"{host}:{port}", note=transcript.write, noted=transcript)
        self._session.wake = partial(_wake, asyncio.get_running_loop(), self.wake)
        self._session.note("*", f"{self._session.peer} came")
        self._listener.add_session(ServedSession(self._session, transcript))
        self._task = asyncio.get_running_loop().create_task(self._serve(), name="courriel guest")
        self._task.add_done_callback(self._leave)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._cut = True
        self._leave()

    def eof_received(self) -> bool:
        super().eof_received()
        # A half-closed connection is kept: earlier commands are still answered. TLS has no half-close.
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is None

    # The session.

    def wake(self) -> None:
        """End the wait for data, or the next one: the task may not have come to it yet."""
        self._woken = True
        super().wake()

    def drop(self) -> None:
        """Cancel the task and abort the connection at once."""
        if self._task is not None:
            self._task.cancel()
        self._hang_up()

    async def _serve(self) -> None:
        """Serve one client to the end."""
        self._fault = self._listener.handler.line(self._session)
        try:
            if self._tls:
                await self._secure()
            await self._converse(self._serving())
            await self._linger()
        except OSError as broken:
            self._session.note("*", f"the line broke: {broken}")
        finally:
            self._hang_up()

    def _serving(self) -> Flow[None]:
        handler, config = self._listener.handler, self._listener.config
        if config.dialect is Dialect.POP3:
            from courriel.dialogue.server.pop3 import Pop3ServerDialogue  # noqa: PLC0415 - only for POP3 servers

            return Pop3ServerDialogue(handler, config, self._session).serve()
        if config.dialect is Dialect.IMAP:
            from courriel.dialogue.server.imap.dialogue import ImapServerDialogue  # noqa: PLC0415 - only for IMAP servers

            return ImapServerDialogue(handler, config, self._session).serve()
        return SmtpServerDialogue(handler, config, self._session).serve()

    def _leave(self, task: asyncio.Task[None] | None = None) -> None:
        """Finish once both connection and task have ended."""
        if task is not None and not task.cancelled() and isinstance(failure := task.exception(), Exception):
            self._session.failures.append(failure)
        if self._cut and (self._task is None or self._task.done()) and not self.closed.done():
            self._listener.connections.discard(self)
            self.closed.set_result(None)

    async def _converse(self, flow: Flow[None]) -> None:
        """Run a flow to its end: the most of it in the callbacks that bring data (`_step`), the rest here."""
        self._flow = flow
        try:
            self._want = next(flow, None)
            while (want := self._want) is not None:
                try:
                    answer = await self._satisfy(want)
                except OSError as broken:
                    self._go_on(flow.throw, lost_client(broken, (self._want or want).stage))
                else:
                    if answer is not None:
                        self._go_on(flow.send, answer)
            if self._failure is not None:
                raise self._failure
        finally:
            flow.close()

    def _go_on(self, step: Callable[[T], Want], value: T) -> None:
        """Step the flow, up to its next want."""
        try:
            self._want = step(value)
        except StopIteration:
            self._want = None

    def _step(self) -> None:
        """Step the flow with the data that has just come, as long as it answers and reads.

        The task goes on waiting, under the timer that it has, and is woken for anything else.
        """
        assert self._flow is not None
        if isinstance(self._want, Receive) and self.data and self._fault is None:
            try:
                self._go_on(self._flow.send, self.take())
                while isinstance(self._want, Send) and self._want.data and self._writer is None and self.lost is None:
                    assert self.transport is not None
                    self.transport.write(self._want.data)
                    if self._writer is not None:
                        self._want = Send(b"", self._want.stage)  # the task waits for room
                    else:
                        self._go_on(self._flow.send, b"")
            except Exception as failure:  # noqa: BLE001 - raised in the task, which waits
                self._want, self._failure = None, failure
            if isinstance(self._want, Receive):
                if not self._want.more:
                    self._silent_since = monotonic()
                if self._silent_since + self._listener.config.limits.seconds(self._want.stage) >= self._due:
                    return
                # Within a message the client has less time than between commands: the timer rings too late.
        self._wake(self._reader)

    # Wants.

    async def _satisfy(self, want: Want) -> bytes | None:
        """Answer of a want; None when the flow has been stepped meanwhile."""
        match want:
            case Send(data):
                assert self.transport is not None
                if not data:
                    await asyncio.sleep(0)  # the other sessions have their turn
                if self._fault is not None and self._fault.drip:
                    await self._drip(data)
                else:
                    self.transport.write(data)
                await self.room(min(self._seconds(want.stage), self._listener.config.limits.patience))
            case Receive():
                return await self._receive(want)
            case ReceivePending(_, seconds) if seconds:
                # What has happened since the flow looked, while its want was handed over, ends the wait.
                left = min(seconds, self._deadline - monotonic())
                if left <= 0:
                    raise TimeoutError  # also for a mailbox in which something happens without pause
                if not self._woken:
                    await self.arrival(left)
                self._woken = False
                if self.ended and not self.data:
                    raise ConnectionResetError("the client hung up")
                return self._counted(self.take())
            case ReceivePending():
                # One loop iteration, so that data already in the socket is read.
                await asyncio.sleep(0)
                return self._counted(self.take())
            case Secure():
                await self._secure()
            case HangUp():
                self._hang_up()
            case Ask() | Compress() | Connect() | Fetch() | Probe() | AskEndGuard() | Remember():
                raise errors.LocalProtocolError(f"a server does not {type(want).__name__.lower()}")
        return b""

    async def _secure(self) -> None:
        assert self.transport is not None
        assert self._listener.context is not None
        # Plaintext commands pipelined behind STARTTLS are discarded (hazard H77).
        self.data.clear()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self.transport,
                self,
                self._listener.context(),
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE,
                ssl_shutdown_timeout=_LINGER,
            )
        except BaseException as broken:
            self.transport.abort()
            self._cut = True  # asyncio does not call connection_lost
            if isinstance(broken, OSError):
                self._session.note("*", f"no TLS: {broken}")
            raise
        if secured is None:
            self._cut = True
            raise ConnectionResetError("the client hung up during the handshake")
        self.transport = secured
        self._session.secured = True
        self._session.tls_version = secured.get_extra_info("ssl_object").version() or ""

    async def _receive(self, want: Receive) -> bytes | None:
        """Data of the client, as soon as there is some; None when `_step` came to another want meanwhile."""
        self._cut_if_due()
        if not want.more:
            self._silent_since = monotonic()
        self.tell = self._step
        try:
            while isinstance(self._want, Receive):
                patience = self._silent_since + self._listener.config.limits.seconds(self._want.stage)
                left = min(patience, self._deadline) - monotonic()
                if left <= 0:
                    raise TimeoutError  # also for a client that sends without pause
                if self.data or self.ended:
                    return self._counted(self.take())
                # What ends the wait may be a wake, or a limit that the flow has moved meanwhile.
                self._due = monotonic() + left
                with contextlib.suppress(TimeoutError):
                    await self.arrival(left)
        finally:
            self.tell = None
        return None

    # The steps.

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    async def _drip(self, data: bytes) -> None:
        """Send octet by octet, slowly."""
        for place in range(len(data)):
            assert self.transport is not None
            if self._cut:
                raise ConnectionResetError("the client hung up")
            self.transport.write(data[place : place + 1])
            await asyncio.sleep(_DRIP)

    def _counted(self, data: bytes) -> bytes:
        """Octets that arrived, up to the octet at which the fault of this connection cuts it."""
        if self._fault is None or self._fault.cut_at is None:
            return data
        kept = data[: self._fault.cut_at - self._arrived]
        self._arrived += len(kept)
        return kept

    def _cut_if_due(self) -> None:
        """Cut the connection where its fault says so; everything before was answered."""
        if self._fault is not None and self._fault.cut_at is not None and self._arrived >= self._fault.cut_at:
            self._session.note("*", f"cut the line when {self._fault.cut_at:,} octets had arrived")
            self._hang_up()
            raise ConnectionResetError("cut, as the fault of this connection says")

    def _seconds(self, stage: Stage) -> float:
        return max(0.001, min(self._listener.config.limits.seconds(stage), self._deadline - monotonic()))

    async def _linger(self) -> None:
        """Wait until the client has read our last reply: aborting with unread data would discard it."""
        if self.transport is None or self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
        ends = monotonic() + _LINGER
        with contextlib.suppress(OSError):
            while not self.ended:
                await self.arrival(ends - monotonic())
                self.data.clear()


def _wake(loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
    """Call `wake` in its loop, from any thread; when the loop is closed nobody waits."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(wake)
