"""Asyncio connection whose wait for news may be ended."""

from __future__ import annotations

from courriel.errors import Stage
from courriel.network import awaiting


class AsyncWakeableLine(awaiting.AsyncLine):
    """Asyncio connection on which `wake` ends the current wait for untagged data (ReceivePending), or the next one."""

    _woken = False

    def wake(self) -> None:
        """End the wait without data; call it in the event loop."""
        self._woken = True
        if self._arrivals is not None:
            self._arrivals.wake()

    def hush(self) -> None:
        """Reset the signal."""
        self._woken = False

    async def _listen(self, stage: Stage, seconds: float) -> bytes:
        return await super()._listen(stage, 0 if self._woken else seconds)
