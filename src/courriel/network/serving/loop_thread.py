"""An event loop in a thread of its own, for blocking callers; and servers that run in one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")


class LoopThread:
    """An event loop running in a background thread; `close` ends both."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon thread, so that a program that never calls `close` can still exit.
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine in the loop, and block until it is done."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """Stop the loop and wait for the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class LoopServer:
    """Base of servers: by `async with` in the caller's event loop, by `with` in a thread called `thread_name`."""

    def __init__(self, thread_name: str) -> None:
        self._thread_name = thread_name
        self._aside: LoopThread | None = None

    async def _open(self) -> None:
        """Open the ports. After an exception none may be left open."""
        raise NotImplementedError

    async def _close(self) -> None:
        """End all sessions, and free the ports."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        aside = LoopThread(self._thread_name)
        try:
            aside.run(self._open())
        except BaseException:
            aside.close()
            raise
        self._aside = aside
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._aside is None:
            return  # closed already, or opened by the parent process, which goes on serving
        try:
            self._aside.run(self._close())
        finally:
            self._aside.close()
            self._aside = None

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()
