"""Blocking driver: runs flows on ordinary sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from courriel import errors
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
from courriel.errors import Stage
from courriel.model.servers.server import Security, Server
from courriel.network import forks
from courriel.network.connecting import blocking as connecting
from courriel.network.connecting import resolve
from courriel.network.line import (
    BaseLine,
    BusyGuard,
    keep_line,
    prepared_tls,
    refuse_if_broken,
    refuse_if_inherited,
    token_bytes,
)
from courriel.network.timed_socket import TimedSocket
from courriel.network.transcripts.transcript import Transcript

TYPE_CHECKING = False

if TYPE_CHECKING:
    import ssl
    from typing import TypeVar

    from courriel.dialogue.script import Script
    from courriel.reply import Reply

    T = TypeVar("T")


class Line(BaseLine):
    """One blocking connection to one server; runs one flow at a time."""

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        super().__init__(server, transcript)
        self._socket: TimedSocket | None = None
        self._tls: ssl.SSLContext | None = None  # context for STARTTLS or TLS
        forks.renew_in_child(self, type(self)._after_fork)

    def run(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow to its end.

        A refusal leaves the dialogue in step. Anything else that interrupts a flow (a time-out, Ctrl-C) leaves it out
        of step: the connection is closed, and only a flow that reconnects may use it again.
        """
        if not opening:
            refuse_if_broken(self)
        with self.guard:
            return self.proceed(flow, opening=opening)

    def proceed(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow as a part of a longer call: the caller holds the `guard` already."""
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

    def run_script(self, script: Script[T]) -> T:
        """Say a script, and go on by its flow when a reply is not the usual one.

        Result, transcript, time limits and errors are those of the flow run from its beginning.
        """
        if self.broken:
            refuse_if_broken(self)
        self.guard.take()
        heard: list[bytes | Exception] = []
        flow: Flow[T] | None = None
        try:
            self._clock.start_call()
            reply = self._say(script, heard)
            if reply is not None:
                return script.end(reply)
            flow = script.flow()
            return self._converse(flow, heard)
        except BaseException as error:
            if not keep_line(error, self.server, opening=False):
                self.hang_up()
            raise
        finally:
            if flow is not None:
                flow.close()
            self.guard.release()

    def _say(self, script: Script[T], heard: list[bytes | Exception]) -> Reply | None:
        """Say a script, and return the last reply; None at the first unusual answer, which is the last one `heard`."""
        reply = None
        try:
            heard.append(self._receive_pending(0))
            if heard[0]:
                return None
            for octets, stage, codes in script.steps:
                if self._transcript is not None:
                    self._transcript.sent(Ask(octets, stage))
                self._write(octets, stage)
                heard.append(answer := self._receive(stage, more=False))
                reply = script.judge(answer, codes)
                if reply is None:
                    return None
        except (OSError, errors.CourrielError) as broken:
            heard.append(broken)
            return None
        return reply

    def _converse(self, flow: Flow[T], heard: Iterable[bytes | Exception] = ()) -> T:
        """Carry out the wants of the flow until it returns; the answers to the first ones were `heard` already."""
        try:
            want = next(flow)
            for answer in heard:
                if isinstance(answer, bytes):
                    want = flow.send(answer)
                else:
                    want = flow.throw(self._explain(answer, want.stage) if isinstance(answer, OSError) else answer)
            while True:
                try:
                    answer = self._satisfy(want)
                except errors.CourrielError as ours:
                    want = flow.throw(ours)
                except OSError as broken:
                    # Raised inside the flow, so that the traceback is complete.
                    want = flow.throw(self._explain(broken, want.stage))
                else:
                    want = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def hang_up(self) -> None:
        """Close the connection without QUIT."""
        self.broken = self._hung_up = True
        line, self._socket = self._socket, None
        if line is not None:
            line.close()
            self._note("hung up")

    def _after_fork(self) -> None:
        """Drop the parent's connection; this object may reconnect."""
        self.guard = BusyGuard()  # a thread of the parent may have held it, and does not exist here
        line, self._socket = self._socket, None
        if line is not None:
            self.broken = self.inherited = True
            forks.drop(line.raw)

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
                return connecting.probe(self.server, self._clock.for_probe(stage), by_tls=by_tls)
            case Connect():
                return self._connect()
            case Secure():
                return self._secure()
            case Compress(received, stage):
                self._compress(received, stage)
            case Remember():
                self._remember()
            case Fetch(source, refused):
                return _fetched(source.refresh(refused) if refused and source.refresh else source.fetch())
            case HangUp():
                self.hang_up()
        return b""

    def _send(self, want: Send | Ask) -> None:
        if self._transcript is not None and self._socket is not None:
            self._transcript.sent(want)
        self._write(want.data, want.stage)

    def _write(self, octets: bytes, stage: Stage) -> None:
        line = self._socket or self._open_socket(stage)
        rest: bytes | memoryview = octets
        while (sent := line.send(rest)) < len(rest):
            if sent:
                rest = memoryview(rest)[sent:]
            else:
                line.wait_for_room(self._clock.for_stage(stage))

    def _receive(self, stage: Stage, more: bool) -> bytes:
        line = self._socket or self._open_socket(stage)
        seconds = self._clock.for_reply(stage, more)  # starts the limit of a reply that has begun, too
        data = line.take_early() if line.early else line.receive(seconds)
        while data is None:
            data = line.receive(self._clock.for_reply(stage, more=True))
        if self._transcript is not None:
            self._transcript.heard(data, stage)
        return data

    def _receive_pending(self, seconds: float) -> bytes:
        line = self._open_socket("connect")
        data = line.take_early() if line.early else line.receive_pending(self._clock.at_most(seconds) if seconds else 0)
        if data and self._transcript is not None:
            self._transcript.heard(data)
        return data

    def _connect(self) -> bytes:
        self.hang_up()
        self._hung_up = False
        if self.server.security is not Security.NONE:
            self._tls = prepared_tls(self.server)  # an unreadable file is reported before connecting
        line = connecting.reach(self.server, self._clock.for_connecting())
        self._socket = TimedSocket(line)
        self.broken, self.inherited, self.tls_version = False, False, ""
        self._refuse_if_hung_up()
        self._note_connected()
        return resolve.our_name(line.getsockname())

    def _secure(self) -> bytes:
        from courriel.network.tls import contexts  # noqa: PLC0415 - not needed without TLS

        line = self._open_socket("secure")
        if line.early:
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage="secure")
        context = self._tls or prepared_tls(self.server)
        secured = connecting.begin_tls(line.raw, self.server, context)
        self._socket = TimedSocket(secured, secured=True)  # the handshake can be ended by `hang_up`, too
        self._refuse_if_hung_up()
        connecting.shake_hands(secured, self._clock.for_stage("secure"))
        self.tls_version = secured.version() or ""
        self._note(f"secured by {self.tls_version}")
        return contexts.finish(secured, self.server.trust, str(self.server))

    def _compress(self, received: bytes, stage: Stage) -> None:
        from courriel.network.deflated import DeflatedSocket  # noqa: PLC0415 - by option only

        self._socket = DeflatedSocket(self._open_socket(stage), received)
        self._note("compressed by DEFLATE")

    def _remember(self) -> None:
        from courriel.network.tls import contexts  # noqa: PLC0415

        secured: ssl.SSLSocket = self._open_socket("secure").raw  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        contexts.remember(secured)

    # The steps.

    def _open_socket(self, stage: Stage) -> TimedSocket:
        if self._socket is None:
            refuse_if_inherited(self)
            raise errors.ConnectionFailed("the line is closed", stage=stage, hint_id="SESSION-LOST")
        return self._socket


def _fetched(given: object) -> bytes:
    return token_bytes(_plain(given, "token source"))


def _plain(given: object, what: str) -> object:
    if isinstance(given, Awaitable):
        close = getattr(given, "close", None)
        if close is not None:
            close()  # a coroutine that is never awaited
        raise errors.UsageError(f"an async {what} needs AsyncSmtpSession")
    return given
