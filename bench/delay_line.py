"""A line with a delay, for loopback: what goes in comes out half a round trip later, both ways.

    delay_line.py PORT SECONDS [MBIT]   prints the port to call instead; ends when its standard input does

Reaching somebody costs a round trip of its own, as TCP's handshake does: the far side is called one and a half round
trips after the call came in, and its greeting is heard two round trips after that call. Nothing is ever lost here. The
line is as wide as one likes, or carries so many Mbit/s each way: then an octet leaves when all before it have left.
"""

from __future__ import annotations

import asyncio
import sys


class Half(asyncio.Protocol):
    """One direction of one connection: hands on what it hears, later."""

    def __init__(self, delay: float, width: float) -> None:
        self.delay = delay
        self.width = width  # octets a second; 0 for any number
        self.free = 0.0  # when all that was heard has left
        self.loop = asyncio.get_running_loop()
        self.far: asyncio.Future[asyncio.Transport] = self.loop.create_future()
        self.waiting: list[bytes] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        now = self.loop.time()
        self.free = max(self.free, now) + (len(data) / self.width if self.width else 0)
        self.loop.call_at(self.free + self.delay, self.pass_on, data)

    def pass_on(self, data: bytes) -> None:
        """Write, once there is somebody to write to, in the order in which it came."""
        if not self.far.done():
            self.waiting.append(data)
        elif not self.far.cancelled() and not self.far.result().is_closing():
            self.far.result().write(data)

    def reach(self, far: asyncio.Transport) -> None:
        self.far.set_result(far)
        for data in self.waiting:
            far.write(data)
        self.waiting.clear()

    def connection_lost(self, error: Exception | None) -> None:
        self.loop.call_at(max(self.free, self.loop.time()) + self.delay, self.end)

    def end(self) -> None:
        if not self.far.done():
            self.far.cancel()
        elif not self.far.cancelled():
            self.far.result().close()


class Near(Half):
    """The side that is called."""

    def __init__(self, port: int, delay: float, width: float) -> None:
        super().__init__(delay, width)
        self.port = port
        self.calling: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.calling = self.loop.create_task(self.call())

    async def call(self) -> None:
        await asyncio.sleep(3 * self.delay)
        if self.far.cancelled():
            return
        transport, far = await self.loop.create_connection(lambda: Half(self.delay, self.width), "127.0.0.1", self.port)
        assert self.transport is not None
        far.reach(self.transport)
        self.reach(transport)


async def serve(port: int, seconds: float, width: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Near(port, seconds / 2, width), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), float((*sys.argv, 0)[3]) * 1e6 / 8))
