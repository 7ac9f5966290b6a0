"""Test server in the event loop of its clients: the model of test_batch_sender on real sockets, cut at any byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from courriel import AsyncSmtpPool, Envelope, Receipt, Security, Server, Timeouts
from courriel.model.content import Content
from courriel.model.submission import Submission
from session.play import PATIENCE
from session.test_batch_sender import Plan, World, body


class Mx:
    """Serves one connection at a time; `cut_after`: the first one breaks after so many bytes sent."""

    def __init__(self, world: World, cut_after: int = 1_000_000) -> None:
        self.world = world
        self.together = 0  # the most complete messages received in one read
        self.port = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.heard = asyncio.Event()  # the end of a message
        self._cut_after = cut_after
        self._server: asyncio.Server | None = None
        self.visits: set[asyncio.Task[None]] = set()

    def cut_no_more(self) -> None:
        """Stop cutting connections."""
        self._cut_after = 1_000_000

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._come, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for serve_client in self.visits:
            serve_client.cancel()
        if self.visits:
            await asyncio.wait(self.visits)

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serve_client = asyncio.current_task()
        assert serve_client is not None
        self.visits.add(serve_client)
        serve_client.add_done_callback(self.visits.discard)
        try:
            with suppress(OSError, asyncio.CancelledError):  # asyncio streams warn of a cancelled handler
                await self._converse(reader, writer)
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        world = self.world
        world.connections += 1
        me = world.connections
        world.__post_init__()
        world.closed = False
        world.output += b"220 hi\r\n"
        while world.connections == me:
            said = bytes(world.output[: self._cut_after])
            world.output.clear()
            self._cut_after -= len(said)
            if self._cut_after <= 0:
                world.closed, self._cut_after = True, 1_000_000
            for start in range(0, len(said), world.cut):
                writer.write(said[start : start + world.cut])
                await writer.drain()
            if world.closed:
                return
            data = await reader.read(1 << 20)
            if not data:
                return
            self.together = max(self.together, data.count(b"LAST\r\n"))
            if b"LAST\r\n" in data or b"\r\n.\r\n" in data:
                self.heard.set()
                await self.may_answer.wait()
            if world.connections == me:
                world.heard += data
                world.listen()


def at(port: int) -> Server:
    return Server("127.0.0.1", port, Security.NONE, ehlo_name="client.example.org", timeouts=Timeouts.silence(10))


async def send(pool: AsyncSmtpPool, number: int, plan: Plan) -> Receipt:
    """Message with this number, as the model expects it."""
    octets = body(number, plan)
    names = [f"r{number}.{place}@x.org" for place in range(len(plan.rcpts))]
    envelope = Envelope.of(f"m{number}@x.org", names)
    return await pool.submit(Submission(envelope, Content((octets,), len(octets)), f"<{number}@x.org>"))


@asynccontextmanager
async def serving(
    world: World, cut_after: int = 1_000_000, **limits: object
) -> AsyncIterator[tuple[Mx, AsyncSmtpPool]]:
    """The server and a pool of one session; checks that nothing of the pool is left at the end."""
    mx = Mx(world, cut_after)
    async with asyncio.timeout(PATIENCE):
        await mx.open()
        before = asyncio.all_tasks()
        pool = AsyncSmtpPool(at(mx.port), **{"size": 1, **limits})  # type: ignore[arg-type]
        try:
            yield mx, pool
        finally:
            mx.may_answer.set()
            await pool.hang_up()
            left = {task for task in asyncio.all_tasks() - before - mx.visits if not task.done()}
            await mx.close()
    assert (pool.in_use, pool.resting, pool.waiting) == (0, 0, 0)
    assert not left, "a task was left behind"
