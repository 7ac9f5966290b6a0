"""Blocking driver: runs flows on ordinary sockets."""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Awaitable
from struct import pack
from time import monotonic

from courriel import errors
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
from courriel.errors import Stage
from courriel.model.server import Security, Server
from courriel.network import forks, happy_eyeballs, resolve
from courriel.network.line import (
    BusyGuard,
    Deadlines,
    keep_line,
    prepared_tls,
    refuse_if_broken,
    refuse_if_inherited,
    token_bytes,
)
from courriel.network.transcripts.transcript import Transcript

TYPE_CHECKING = False

if TYPE_CHECKING:
    import ssl
    from typing import TypeVar

    T = TypeVar("T")

_READ = 16 * 1024  # bytes per read; a larger buffer costs more, used or not
_OFTEN = 4  # times one wait may wake up early, so that SO_RCVTIMEO need not be set for each stage
_READ_MORE = 256 * 1024  # bytes per read after a full one
_EARLY = 1024 * 1024  # bytes read ahead while writing; then the server has to wait

# With SO_RCVTIMEO a read is one system call; with a Python time-out there is a poll before each.
_KERNEL_KEEPS_TIME = sys.platform == "linux" and sys.maxsize > 2**32


class Line:
    """One blocking connection to one server; runs one flow at a time."""

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        self.server = server
        self.broken = True  # until a flow connects
        self.inherited = False  # from the parent process, by a fork
        self.tls_version = ""
        self._transcript = transcript
        self.turn = BusyGuard()
        self._socket: socket.socket | None = None
        self._early = bytearray()  # data received while writing
        self._clock = Deadlines(server)
        self._tls: ssl.SSLContext | None = None  # context for STARTTLS or TLS
        self._kernel_keeps_time = False  # SO_RCVTIMEO in use: without TLS, on Linux
        self._room = _READ
        self._kernel_waits = 0.0  # seconds: the current SO_RCVTIMEO
        forks.renew_in_child(self, type(self)._after_fork)

    def run(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow to its end.

        A refusal leaves the dialogue in step. Anything else that interrupts a flow (a time-out, Ctrl-C) leaves it out
        of step: the connection is closed, and only a flow that reconnects may use it again.
        """
        if not opening:
            refuse_if_broken(self)
        with self.turn:
            return self.proceed(flow, opening=opening)

    def proceed(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow as a part of a longer call: the caller holds the `turn` lock already."""
        if self.inherited and not opening:
            refuse_if_inherited(self)
        self._clock.start_call()
        try:
            return self._converse(flow)
        except BaseException as error:
            if not keep_line(error, self.server, opening=opening):
                self.hang_up()
            raise
        finally:
            flow.close()

    def _converse(self, flow: Flow[T]) -> T:
        """Carry out the wants of the flow until it returns."""
        try:
            want = next(flow)
            while True:
                try:
                    answer = self._satisfy(want)
                except errors.CourrielError as ours:
                    want = flow.throw(ours)
                except OSError as broken:
                    # Raised inside the flow, so that the traceback is complete.
                    want = flow.throw(self._clock.explain(broken, want.stage))
                else:
                    want = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def count_as_one_call(self) -> None:
        """Put all calls from the next one on under one total deadline."""
        self._clock.count_as_one_call()

    def follow(self, server: Server) -> None:
        """Replace the time limits, from the next wait on; `server` differs in its time-outs only."""
        self.server = server
        self._clock.follow(server)

    @property
    def maybe_stale(self) -> bool:
        """Whether the last reply is so long ago that the connection may be dead."""
        return self._clock.maybe_stale()

    def hang_up(self) -> None:
        """Close the connection without QUIT."""
        self.broken = True
        line, self._socket = self._socket, None
        self._early.clear()
        if line is not None:
            try:  # noqa: SIM105 - contextlib would be imported for this alone
                # Closing alone would not wake another thread that reads from this socket.
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            line.close()
            self._note("hung up")

    def listen(self, transcript: Transcript | None) -> Transcript | None:
        """Set the transcript; returns the previous one."""
        before, self._transcript = self._transcript, transcript
        return before

    def _after_fork(self) -> None:
        """Drop the parent's connection; this object may reconnect."""
        self.turn = BusyGuard()  # a thread of the parent may have held it, and does not exist here
        self._early = bytearray()
        line, self._socket = self._socket, None
        if line is not None:
            self.broken = self.inherited = True
            forks.drop(line)

    # Wants.

    def _satisfy(self, want: Want) -> bytes:
        match want:
            case Ask():
                self._send(want)
                return self._receive(want.stage, more=False)
            case Receive():
                return self._receive(want.stage, want.more)
            case Send():
                self._send(want)
            case AskEndGuard(ask):  # for each mail of an outbox
                return b"yes" if _plain(ask(), "permit") else b""
            case ReceivePending(stage, seconds):
                return self._receive_pending(
                    self._clock.for_greeting(seconds) if seconds and stage == "greeting" else seconds
                )
            case Probe(by_tls, stage):
                return self._probe(by_tls, stage)
            case Connect():
                return self._connect()
            case Secure():
                return self._secure()
            case Remember():
                self._remember()
            case Fetch(source, refused):
                return _fetched(source.refresh(refused) if refused and source.refresh else source.fetch())
            case HangUp():
                self.hang_up()
        return b""

    def _send(self, want: Send | Ask) -> None:
        line = self._open_socket(want.stage)
        if self._transcript is not None:
            self._transcript.sent(want)
        at_once = 0
        if self._kernel_keeps_time:
            at_once = socket.MSG_DONTWAIT
        else:
            line.settimeout(0)
        rest: bytes | memoryview = want.data
        while True:
            try:
                sent = line.send(rest, at_once)
            except OSError as full:
                if not isinstance(full, BlockingIOError) and not _only_asks_to_wait(full):
                    raise
                self._wait_for_room(line, self._clock.for_stage(want.stage))
            else:
                if sent == len(rest):
                    return
                rest = memoryview(rest)[sent:]

    def _wait_for_room(self, line: socket.socket, seconds: float) -> None:
        """Wait until the socket is writable, reading meanwhile: else both sides might wait for each other.

        The limit applies to each wait, not to the whole: a large message on a slow connection does not fail while it
        progresses.
        """
        if _says_something(line, seconds, listening=len(self._early) < _EARLY):
            try:  # noqa: SIM105 - contextlib would be imported for this alone
                self._early += self._heard(line)
            except BlockingIOError:
                pass

    def _is_silent(self, line: socket.socket) -> bool:
        """Whether no data has arrived on a TLS connection; asks the socket, since an exception each time costs more."""
        secured: ssl.SSLSocket = line  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        return not secured.pending() and not _is_readable(line)

    def _heard(self, line: socket.socket) -> bytes:
        """Read octets without waiting. Raises BlockingIOError without data, ConnectionResetError at the end."""
        try:
            data = line.recv(_READ, socket.MSG_DONTWAIT) if self._kernel_keeps_time else line.recv(_READ)
        except OSError as broken:
            if _only_asks_to_wait(broken):
                raise BlockingIOError from broken
            raise
        if not data:
            raise ConnectionResetError("the server hung up")
        return data

    def _wait_at_most(self, line: socket.socket, seconds: float) -> None:
        """Set the time limit of the next read; SO_RCVTIMEO may be shorter, and is changed seldom."""
        if not self._kernel_keeps_time:
            line.settimeout(seconds)
            return
        if not self._kernel_waits <= seconds <= self._kernel_waits * _OFTEN:
            self._kernel_waits = wait = max(0.001, seconds)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, pack("@ll", int(wait), int(wait % 1 * 1_000_000)))

    def _receive(self, stage: Stage, more: bool) -> bytes:
        line = self._open_socket(stage)
        if self._early:
            return self._take_early(stage)
        self._wait_at_most(line, self._clock.for_reply(stage, more))
        data: bytes | None = None
        while data is None:
            try:
                data = line.recv(self._room)
            except BlockingIOError:
                # SO_RCVTIMEO may be shorter than our limit: wait for the rest of it.
                self._wait_at_most(line, self._clock.for_reply(stage, more=True))
        self._room = _READ if len(data) < self._room else _READ_MORE
        if self._transcript is not None:
            self._transcript.heard(data, stage)
        return data

    def _receive_pending(self, seconds: float) -> bytes:
        line = self._open_socket("connect")
        if self._early:
            return self._take_early("")
        seconds = self._clock.at_most(seconds)
        try:
            if seconds:
                _ = _says_something(line, seconds, listening=True, writing=False)
            elif self.tls_version and self._is_silent(line):
                return b""
            elif not self._kernel_keeps_time:
                line.settimeout(0)
            data = self._heard(line)
        except (BlockingIOError, TimeoutError):
            return b""
        if self._transcript is not None:
            self._transcript.heard(data)
        return data

    def _probe(self, by_tls: bool, stage: Stage) -> bytes:
        ends = monotonic() + self._clock.for_probe(stage)
        try:
            with happy_eyeballs.reach(_places(self.server, ends), ends) as line:
                line.settimeout(max(0.001, ends - monotonic()))
                if not by_tls:
                    with line.makefile("rb") as heard:
                        return heard.readline(512).rstrip()
                from courriel.network.tls import contexts  # noqa: PLC0415

                with contexts.probing_context().wrap_socket(line) as secured:
                    return (secured.version() or "").encode()
        except OSError:
            return b""

    def _connect(self) -> bytes:
        self.hang_up()
        if self.server.security is not Security.NONE:
            self._tls = prepared_tls(self.server)  # an unreadable file is reported before connecting
        ends = self._clock.for_connecting()
        places = _places(self.server, ends)
        self._socket = line = happy_eyeballs.reach(places, ends)
        line.settimeout(None)
        self._kernel_keeps_time, self._kernel_waits = _KERNEL_KEEPS_TIME, 0
        self.broken, self.inherited, self.tls_version = False, False, ""
        self._note(f"connected to {self.server}")
        return resolve.our_name(line.getsockname())

    def _secure(self) -> bytes:
        from courriel.network.tls import contexts  # noqa: PLC0415 - not needed without TLS

        line = self._open_socket("secure")
        if self._early:
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage="secure")
        context = self._tls or prepared_tls(self.server)
        line.settimeout(self._clock.for_stage("secure"))
        self._kernel_keeps_time = False
        # From here on a failed handshake closes the plain socket too.
        secured = context.wrap_socket(line, server_hostname=contexts.name_to_check(self.server.expected_name))
        self._socket = secured
        self.tls_version = secured.version() or ""
        self._note(f"secured by {self.tls_version}")
        return contexts.finish(secured, self.server.trust, str(self.server))

    def _remember(self) -> None:
        from courriel.network.tls import contexts  # noqa: PLC0415

        secured: ssl.SSLSocket = self._open_socket("secure")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        contexts.remember(secured)

    # The steps.

    def _take_early(self, stage: Stage) -> bytes:
        data = bytes(self._early)
        self._early.clear()
        if self._transcript is not None:
            self._transcript.heard(data, stage)
        return data

    def _open_socket(self, stage: Stage) -> socket.socket:
        if self._socket is None:
            refuse_if_inherited(self)
            raise errors.ConnectionFailed("the line is closed", stage=stage, hint_id="SESSION-LOST")
        return self._socket

    def _note(self, text: str) -> None:
        if self._transcript is not None:
            self._transcript.noted(text)


def _places(server: Server, ends: float) -> list[resolve.Place]:
    known = resolve.places_at_once(server)
    if known is not None:
        return known
    from queue import Empty, SimpleQueue  # noqa: PLC0415 - not for addresses

    answers: SimpleQueue[list[resolve.Place] | OSError] = SimpleQueue()
    resolve.ask(server, answers.put)
    try:
        answer = answers.get(timeout=max(0.001, ends - monotonic()))
    except Empty:
        raise TimeoutError("the name service did not answer") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _fetched(given: object) -> bytes:
    return token_bytes(_plain(given, "token source"))


def _plain(given: object, what: str) -> object:
    if isinstance(given, Awaitable):
        close = getattr(given, "close", None)
        if close is not None:
            close()  # a coroutine that is never awaited
        raise errors.UsageError(f"an async {what} needs AsyncSmtpSession")
    return given


def _says_something(line: socket.socket, seconds: float, *, listening: bool, writing: bool = True) -> bool:
    """Wait until the socket is writable (`writing`) or readable (`listening`); return whether it is readable.

    Raises TimeoutError.
    """
    if not hasattr(select, "poll"):  # Windows
        readable, writable, _ = select.select([line] if listening else [], [line] if writing else [], [], seconds)
        if not readable and not writable:
            raise TimeoutError
        return bool(readable)
    waiter = select.poll()
    waiter.register(line, (select.POLLOUT if writing else 0) | (select.POLLIN if listening else 0))
    events = waiter.poll(seconds * 1000)
    if not events:
        raise TimeoutError
    return any(event & ~select.POLLOUT for _, event in events)


def _is_readable(line: socket.socket) -> bool:
    """Whether a read would return data, or the end of the stream."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([line], [], [], 0)[0])
    waiter = select.poll()
    waiter.register(line, select.POLLIN)
    return bool(waiter.poll(0))


def _only_asks_to_wait(broken: OSError) -> bool:
    # An SSL socket without data raises an error of its own.
    return type(broken).__name__ in ("SSLWantReadError", "SSLWantWriteError")
