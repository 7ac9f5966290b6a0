"""Runs flows on an asyncio protocol of our own: every wait gives the event loop its turn.

Not asyncio's streams: the buffer that must be empty before TLS is ours here, and a burst is handled where it arrives,
in the loop's own callback. A task is woken when the flow is over, or wants what only a task can wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import iscoroutinefunction
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, cast

from courriel import errors
from courriel.dialogue.flow import (
    RECEIVE,
    Ask,
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
from courriel.network import forks, resolve
from courriel.network.arrivals import Alarm, Arrivals
from courriel.network.calling import reach
from courriel.network.line import (
    Clock,
    Turn,
    keep_line,
    prepared_tls,
    refuse_if_broken,
    refuse_if_inherited,
    token_bytes,
)
from courriel.network.transcript import Transcript
from courriel.values import dataclass

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Room:
    """What this driver wants itself: that the line takes more; what was `asked` is heard then."""

    stage: Stage
    asked: bool


Wait: TypeAlias = "Want | Room"


class Line:
    """One line to one server: run flows on it, one at a time."""

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        self.server = server
        self.broken = True  # until a flow connects
        self.inherited = False  # from the process that this one was forked from
        self.tls_version = ""
        self._transcript = transcript
        self.turn = Turn()
        self._arrivals: Arrivals | None = None
        self._clock = Clock(server)
        self._alarm = self._new_alarm()
        self._waits = False  # for a reply; its limit runs
        # While a flow hears: what it wants to hear, and the task's wait for what the loop's callback cannot do.
        self._flow: Flow[object] | None = None
        self._want = Receive("connect")
        self._over: asyncio.Future[Wait | BaseException] | None = None
        forks.renew_in_child(self, type(self)._after_fork)

    async def run(self, flow: Flow[T], *, opening: bool = False) -> T:
        """
        Run a flow to its end.

        A refusal leaves the conversation where it was. Anything else that cuts a flow short (a time-out, a
        cancellation) leaves it out of step: the line hangs up, and only a flow that opens it anew may use it again.
        """
        if not opening:
            refuse_if_broken(self)
        with self.turn:
            return await self.proceed(flow, opening=opening)

    async def proceed(self, flow: Flow[T], *, opening: bool = False) -> T:
        """Run a flow as a part of a longer talk: whoever calls this has the `turn` already."""
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
        """Do what the flow wants, hand it the answer, and so on until it returns."""
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
                    # Raised inside the flow, so that the traceback tells the whole story.
                    want = flow.throw(self._clock.explain(broken, want.stage))
                else:
                    want = RECEIVE[want.stage] if type(want) is Room and want.asked else flow.send(answer)
                want = self._advance(flow, want)
        except StopIteration as end:
            return cast("T", end.value)

    def _advance(self, flow: Flow[T], want: Wait) -> Wait:
        """Let the flow go on until it wants what has to be waited for. Raises StopIteration when it is over."""
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
        """Let the flow go on by itself as its replies arrive, until it wants something else than to speak and hear.

        Its end is returned as it came, as an exception: no coroutine can raise a StopIteration.
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
        """Something arrived, or nothing did for too long: the loop calls this itself."""
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
        except BaseException as error:  # noqa: BLE001 - raised where the flow is awaited; its end is one, too
            outcome = error
        if type(outcome) is Receive:
            self._want = outcome
        else:
            over.set_result(outcome)

    def count_as_one_call(self) -> None:
        """From the next call on all of them have one total deadline together."""
        self._clock.count_as_one_call()

    def follow(self, server: Server) -> None:
        """Bear other silences, from the next wait on: `server` is the same one in all but its time-outs."""
        self.server = server
        self._clock.follow(server)

    def hang_up(self) -> None:
        """Close the line without a word; not `close`, which is a wish and waits for what is still unwritten."""
        self.broken = True
        self._alarm.cancel()
        if self._arrivals is not None:
            self._arrivals.abort()
            self._arrivals = None
            self._note("hung up")

    @property
    def rested(self) -> bool:
        """Whether nothing was heard for so long that the line may have died unheard."""
        return self._clock.rested()

    def listen(self, transcript: Transcript | None) -> Transcript | None:
        """From now on this transcript is told what is said; returns the one that was told before."""
        before, self._transcript = self._transcript, transcript
        return before

    def _after_fork(self) -> None:
        """Drop what is our parent's; this line may be opened anew, in an event loop of our own."""
        forks.keep_for_ever(self._arrivals, self._alarm, self._flow, self._over)
        self.turn = Turn()
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
        """The answer to what needs no waiting; otherwise the want that has to be waited for."""
        kind = type(want)
        if kind is Ask:
            return self._write(cast("Ask", want)) or self._receive(want.stage, more=False)
        if kind is Receive:
            return self._receive(want.stage, cast("Receive", want).more)
        if kind is Send:
            return self._send(cast("Send", want))
        if kind is Overhear:
            return self._overhear(cast("Overhear", want))
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
            case Overhear(stage, seconds):
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
            case Permit(ask):
                return b"yes" if await _asked(ask) else b""
            case Ask() | Receive() | HangUp():
                raise AssertionError("this is done at once")
        return b""

    def _send(self, want: Send) -> bytes | Wait:
        arrivals, _ = self._connection(want.stage)
        # A server that will not take the message says so and hangs up: its words must be here before the next write
        # finds the line broken, which would throw them away.
        if want.stage == "data" and arrivals.may_hold_more():
            return want
        return self._write(want)

    def _write(self, want: Send | Ask) -> Literal[b""] | Room:
        arrivals, transport = self._connection(want.stage)
        if transport.is_closing() and (want.stage == "data" or not arrivals.data):
            # asyncio would drop what is written now, without a word.
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
                _ = self._clock.for_reply(stage, more)  # who drips never has us wait, and has a limit all the same
            self._waits = False
            return self._taken(arrivals, stage)
        if not self._waits:
            self._alarm.set(self._clock.for_reply(stage, more))
            self._waits = True
        return Receive(stage, more) if more else RECEIVE[stage]

    def _overhear(self, want: Overhear) -> bytes | Overhear:
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

    def _taken(self, arrivals: Arrivals, stage: Stage = "connect") -> bytes:
        data = arrivals.take()
        if self._transcript is not None:
            self._transcript.heard(data, stage)
        return data

    async def _probe(self, by_tls: bool, stage: Stage) -> bytes:
        from courriel.network import tls  # noqa: PLC0415

        context = tls.probing_context() if by_tls else None
        seconds = self._clock.for_probe(stage)
        ends = monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                reached = await reach(self.server, ends)
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
        reached = await reach(self.server, ends)
        loop = asyncio.get_running_loop()
        try:
            _, self._arrivals = await loop.create_connection(lambda: Arrivals(reached), sock=reached)
        except BaseException:
            reached.close()
            raise
        self.broken, self.inherited, self.tls_version = False, False, ""
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
            refuse_if_inherited(self)
            raise errors.ConnectionFailed("the line is closed", stage=stage, hint_id="SESSION-LOST")
        return self._arrivals, self._arrivals.transport

    def _note(self, text: str) -> None:
        if self._transcript is not None:
            self._transcript.noted(text)


async def _asked(ask: Callable[[], object]) -> object:
    """What it answers; a plain callable runs in a thread, because it may wait for a web server or a disk."""
    if iscoroutinefunction(ask):
        given: object = await ask()
        return given
    given = await asyncio.to_thread(ask)
    return await given if isinstance(given, Awaitable) else given
