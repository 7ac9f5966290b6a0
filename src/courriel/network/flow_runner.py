"""Running a flow from an event loop.

A burst of replies is handled in the loop's own callback. The task is woken only when the flow ends or wants something
that has to be awaited.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TypeAlias, TypeVar, cast

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import RECEIVE, Flow, Receive, Want
from courriel.errors import Stage
from courriel.model.servers.server import Server
from courriel.network.line import BaseLine
from courriel.network.receive_buffer import Alarm, ReceiveBuffer
from courriel.network.transcripts.transcript import Transcript

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Room:
    """Want of this driver itself: room in the write buffer; after an Ask (`asked`) its reply is read next."""

    stage: Stage
    asked: bool


Wait: TypeAlias = "Want | Room"


class FlowRunner(BaseLine):
    """Base of the asyncio connection: it runs one flow at a time; the subclass satisfies the wants."""

    def __init__(self, server: Server, transcript: Transcript | None = None) -> None:
        super().__init__(server, transcript)
        self._alarm = self._new_alarm()
        self._waits = False  # for a reply, with its time limit running
        # While a flow reads replies: its current want, and the task's wait for what the callback cannot do.
        self._flow: Flow[object] | None = None
        self._want = Receive("connect")
        self._over: asyncio.Future[Wait | BaseException] | None = None

    @abstractmethod
    def _at_once(self, want: Wait) -> bytes | Wait:
        """The answer to a want that needs no waiting; otherwise the want itself."""

    @abstractmethod
    async def _satisfy(self, want: Wait) -> bytes:
        """The answer to a want that has to be awaited."""

    @abstractmethod
    def _connection(self, stage: Stage) -> tuple[ReceiveBuffer, asyncio.Transport]:
        """The open connection. Raises ConnectionFailed when there is none."""

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
                    want = flow.throw(self._explain(broken, want.stage))
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
                want = flow.throw(self._explain(broken, want.stage))
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
                outcome = self._advance(flow, flow.throw(self._explain(late, want.stage)))
            else:
                outcome = self._advance(flow, want)
        except BaseException as error:  # noqa: BLE001 - raised where the flow is awaited; includes StopIteration
            outcome = error
        if type(outcome) is Receive:
            self._want = outcome
        else:
            over.set_result(outcome)

    def _new_alarm(self) -> Alarm:
        return Alarm(lambda: self._go_on(TimeoutError()))
