"""Opening a connection from an event loop: reach the server, secure it by TLS, probe what its port speaks."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING, cast

from courriel.model.servers.server import Server
from courriel.network.connecting import resolve
from courriel.network.connecting.happy_eyeballs import HappyEyeballs
from courriel.network.receive_buffer import ReceiveBuffer

if TYPE_CHECKING:
    import ssl

    from courriel.model.servers.proxy import Proxy


async def reach(server: Server, ends: float) -> socket.socket:
    """A socket connected to the server before `ends` (monotonic), through its proxy where it has one.

    Raises OSError, TimeoutError among them, and ProxyError.
    """
    if server.proxy is not None:
        from courriel.network.connecting.proxy import awaiting, environment  # noqa: PLC0415 - most servers have none

        proxy = environment.proxy_of(server)
        if proxy is not None:
            return await awaiting.reach(server, proxy, ends, _places, _reach_directly)
    return await _reach_directly(server, ends)


async def secure(arrivals: ReceiveBuffer, server: Server, context: ssl.SSLContext, seconds: float) -> ssl.SSLObject:
    """Secure the connection by a TLS handshake; the certificate is not yet checked by `finish`.

    Raises OSError, TimeoutError among them.
    """
    from courriel.network.tls import contexts  # noqa: PLC0415 - not needed without TLS

    assert arrivals.transport is not None
    name = contexts.name_to_check(server.expected_name)
    try:
        async with asyncio.timeout(seconds):
            secured = await asyncio.get_running_loop().start_tls(
                arrivals.transport, arrivals, context, server_hostname=name
            )
    except ConnectionAbortedError as broken:
        raise TimeoutError("the handshake took too long") from broken
    if secured is None:
        raise ConnectionResetError("the server hung up during the handshake")
    arrivals.transport = secured
    return cast("ssl.SSLObject", secured.get_extra_info("ssl_object"))


async def probe(server: Server, seconds: float, *, by_tls: bool) -> bytes:
    """The TLS version (`by_tls`) or the first line that the port speaks on a connection of its own; b"" for neither."""
    from courriel.network.tls import contexts  # noqa: PLC0415

    context = contexts.probing_context() if by_tls else None
    ends = monotonic() + seconds
    try:
        async with asyncio.timeout(seconds):
            reached = await reach(server, ends)
            answer = ReceiveBuffer()
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


# The steps.


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
