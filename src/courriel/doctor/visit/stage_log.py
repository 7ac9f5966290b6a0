"""Log of a session's stages: how long each took, and what the server offered before TLS."""

from __future__ import annotations

from collections.abc import Callable, Collection
from time import monotonic
from typing import Protocol, TypeVar

from courriel.dialogue.flow import Flow, Secure
from courriel.errors import Stage

T = TypeVar("T")


class DialogueFacts(Protocol):
    """Facts that a dialogue has learnt of its server so far."""

    capabilities: dict[str, str]
    greeting: str
    mechanism: str


class StageLog:
    """Seconds by stage, in the order in which the stages were reached."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.seconds: dict[Stage, float] = {}
        self.in_clear: dict[str, str] = {}
        """Capabilities that were offered before TLS."""
        self._clock = clock
        self._last: Stage = ""

    @property
    def last(self) -> Stage:
        """The stage that was reached last; "" when none was."""
        return self._last

    def follow(self, flow: Flow[T], facts: DialogueFacts, *, stop_before: Collection[Stage] = ()) -> Flow[T | None]:
        """Run a flow, and note the time of each of its stages.

        It ends, with None, when it would begin one of the stages in `stop_before`.
        """
        try:
            want = next(flow)
            while True:
                if want.stage in stop_before:
                    return None
                if isinstance(want, Secure):
                    self.in_clear = dict(facts.capabilities)
                began = self._clock()
                try:
                    answer = yield want
                except Exception as failed:  # noqa: BLE001 - it belongs to the flow, whatever it is
                    self._note(want.stage, began)
                    want = flow.throw(failed)
                else:
                    self._note(want.stage, began)
                    want = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def _note(self, stage: Stage, began: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + self._clock() - began
        self._last = stage
