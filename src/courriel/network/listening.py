"""Asyncio server: runs server flows, one task for each connection, with a limit on every resource."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import (
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
from courriel.dialogue.server.handler import ServerConfig, ServerHandler, ServerSession
from courriel.dialogue.server.smtp import SmtpServerDialogue
from courriel.errors import Stage
from courriel.model.server import Dialect
from courriel.network.receive_buffer import ReceiveBuffer
from courriel.network.transcripts.transcript import Transcript

if TYPE_CHECKING:
    import ssl

_HANDSHAKE = 30  # seconds
_LINGER = 1  # seconds for the client to read our last reply before the connection is aborted
_BACKLOG = 4096  # connections waiting to be accepted; the system may allow fewer
_BUSY = b"421 4.7.0 Too many connections, try again later\r\n"
_BUSY_POP = b"-ERR [SYS/TEMP] Too many connections, try again later\r\n"


@dataclass(frozen=True, slots=True)
class ServedSession:
    """One connection of a client and its transcript."""

    visit: ServerSession
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """One listening address; `tls`: TLS from the first byte."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False


class Listener:
    """SMTP, LMTP or POP3 server on several ports, by the dialect of its terms; opened and closed on one event loop.

    `met` is called with each session when it begins. `context` makes the TLS context, when a client starts TLS. After
    `close` no task and no socket is left.
    """

    def __init__(
        self,
        desk: ServerHandler,
        terms: ServerConfig,
        *doors: ConnectionLimits,
        context: Callable[[], ssl.SSLContext] | None = None,
        met: Callable[[ServedSession], None] | None = None,
    ) -> None:
        self.ports: tuple[int, ...] = ()
        """The port of each listening address, in order, once open."""
        self.desk = desk
        self.terms = terms
        self.context = context
        self.guests: set[ServedConnection] = set()
        self._doors = doors
        self._met = met
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        """Listen on every address, or on none. Raises OSError, as when a port is taken."""
        loop = asyncio.get_running_loop()
        try:
            for door in self._doors:
                server = await loop.create_server(
                    partial(ServedConnection, self, tls=door.tls), door.host, door.port, backlog=_BACKLOG
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
        guests = tuple(self.guests)
        for guest in guests:
            guest.throw_out()
        await asyncio.gather(*(guest.gone for guest in guests))
        await asyncio.sleep(0)  # sockets are closed one loop iteration later
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    def meet(self, session: ServedSession) -> None:
        """Report a session that begins."""
        if self._met is not None:
            self._met(session)


class ServedConnection(ReceiveBuffer):
    """One accepted connection, and the task that serves it."""

    def __init__(self, listener: Listener, *, tls: bool) -> None:
        super().__init__()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listener = listener
        self._tls = tls
        self._task: asyncio.Task[None] | None = None
        self._cut = False  # the connection is lost
        self._visit = ServerSession()
        self._deadline = monotonic() + listener.terms.limits.session
        self._patience = float("inf")

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        crowded = len(self._listener.guests) >= self._listener.terms.limits.sessions
        self._listener.guests.add(self)
        if crowded:
            if not self._tls:
                self.transport.write(_BUSY_POP if self._listener.terms.dialect is Dialect.POP3 else _BUSY)
            self.transport.close()
            return
        transcript = Transcript()
        host, port, *_ = transport.get_extra_info("peername")
        self._visit = ServerSession(peer=f"{host}:{port}", note=transcript.write)
        self._visit.note("*", f"{self._visit.peer} came")
        self._listener.meet(ServedSession(self._visit, transcript))
        self._task = asyncio.get_running_loop().create_task(self._attend(), name="courriel guest")
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

    def throw_out(self) -> None:
        """Cancel the task and abort the connection at once."""
        if self._task is not None:
            self._task.cancel()
        self._hang_up()

    async def _attend(self) -> None:
        """Serve one client to the end."""
        try:
            if self._tls:
                await self._secure()
            await self._converse(self._serving())
            await self._linger()
        except OSError as broken:
            self._visit.note("*", f"the line broke: {broken}")
        finally:
            self._hang_up()

    def _serving(self) -> Flow[None]:
        desk, terms = self._listener.desk, self._listener.terms
        if terms.dialect is Dialect.POP3:
            from courriel.dialogue.server.pop3 import Pop3ServerDialogue  # noqa: PLC0415 - only for POP3 servers

            return Pop3ServerDialogue(desk, terms, self._visit).serve()
        return SmtpServerDialogue(desk, terms, self._visit).serve()

    def _leave(self, task: asyncio.Task[None] | None = None) -> None:
        """Finish once both connection and task have ended."""
        if task is not None and not task.cancelled() and isinstance(mishap := task.exception(), Exception):
            self._visit.mishaps.append(mishap)
        if self._cut and (self._task is None or self._task.done()) and not self.gone.done():
            self._listener.guests.discard(self)
            self.gone.set_result(None)

    async def _converse(self, flow: Flow[None]) -> None:
        try:
            want = next(flow)
            while True:
                try:
                    answer = await self._satisfy(want)
                except TimeoutError as late:
                    want = flow.throw(_because(late, errors.TimedOut("silent for too long", stage=want.stage)))
                except OSError as broken:
                    want = flow.throw(
                        _because(broken, errors.ConnectionFailed(f"the line broke: {broken}", stage=want.stage))
                    )
                else:
                    want = flow.send(answer)
        except StopIteration:
            return
        finally:
            flow.close()

    # Wants.

    async def _satisfy(self, want: Want) -> bytes:
        match want:
            case Send(data):
                assert self.transport is not None
                self.transport.write(data)
                await self.room(self._seconds(want.stage))
            case Receive(stage, more):
                if not more:
                    self._patience = monotonic() + self._listener.terms.limits.seconds(stage)
                left = min(self._patience, self._deadline) - monotonic()
                if left <= 0:
                    raise TimeoutError  # also for a client that sends without pause
                await self.arrival(left)
                return self.take()
            case ReceivePending():
                # One loop iteration, so that data already in the socket is read.
                await asyncio.sleep(0)
                return self.take()
            case Secure():
                await self._secure()
            case HangUp():
                self._hang_up()
            case Ask() | Connect() | Fetch() | Probe() | AskEndGuard() | Remember():
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
                self._visit.note("*", f"no TLS: {broken}")
            raise
        if secured is None:
            self._cut = True
            raise ConnectionResetError("the client hung up during the handshake")
        self.transport = secured
        self._visit.secured = True
        self._visit.tls_version = secured.get_extra_info("ssl_object").version() or ""

    # The steps.

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _seconds(self, stage: Stage) -> float:
        return max(0.001, min(self._listener.terms.limits.seconds(stage), self._deadline - monotonic()))

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


def _because(cause: OSError, error: errors.CourrielError) -> errors.CourrielError:
    error.__cause__ = cause
    return error
