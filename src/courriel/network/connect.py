"""Connecting from an event loop: resolve the host, then try its addresses (Happy Eyeballs)."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

from courriel.model.server import Server
from courriel.network import resolve
from courriel.network.happy_eyeballs import HappyEyeballs

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.model.proxy import Proxy


async def reach(server: Server, ends: float) -> socket.socket:
    """A socket connected to the server before `ends` (monotonic), through its proxy where it has one.

    Raises OSError, TimeoutError among them, and ProxyError.
    """
    if server.proxy is not None:
        from courriel.network.proxy import awaiting, environment  # noqa: PLC0415 - most servers have none

        proxy = environment.proxy_of(server)
        if proxy is not None:
            return await awaiting.reach(server, proxy, ends, _places, _reach_directly)
    return await _reach_directly(server, ends)


async def _reach_directly(server: Server | Proxy, ends: float) -> socket.socket:
    return await _reach_one_of(await _places(server, ends), ends)


async def _places(server: Server | Proxy, ends: float) -> list[resolve.Place]:
    known = resolve.places_at_once(server)
    if known is not None:
        return known
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[resolve.Place] | OSError] = loop.create_future()

    def done(found: list[resolve.Place] | OSError) -> None:
        # The waiting task may be cancelled, and the loop closed.
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(found))

    resolve.ask(server, done)
    async with asyncio.timeout(max(0.001, ends - monotonic())):
        found = await answer
    if isinstance(found, OSError):
        raise found
    return found


async def _reach_one_of(places: list[resolve.Place], ends: float) -> socket.socket:
    """A socket connected to the first address that answers; see `happy_eyeballs`."""
    race = HappyEyeballs(places, ends)
    called: dict[asyncio.Task[socket.socket], resolve.Place] = {}
    try:
        while race.goes_on(len(called)):
            while place := race.starter(len(called)):
                called[asyncio.create_task(_reach(place))] = place
            if not called:
                break
            done, _ = await asyncio.wait(called, timeout=race.patience(), return_when=asyncio.FIRST_COMPLETED)
            for call in done:
                place = called.pop(call)
                try:
                    return call.result()
                except OSError as failed:
                    race.lost(place, failed)
        raise race.failure(list(called.values()))
    finally:
        # Not awaited: a cancellation meanwhile would lose the connected socket.
        for call in called:
            call.add_done_callback(_close_late)
            call.cancel()


def _close_late(call: asyncio.Task[socket.socket]) -> None:
    if not call.cancelled() and call.exception() is None:
        call.result().close()


async def _reach(place: resolve.Place) -> socket.socket:
    family, address = place
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, address)  # type: ignore[arg-type]
    except BaseException:
        line.close()
        raise
    return line
