"""Connecting through a proxy from an event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from time import monotonic

from courriel import errors
from courriel.dialogue.proxy.tunnel import open_tunnel
from courriel.dialogue.proxy.wants import Glance, Hear, Say, Tunnel
from courriel.model.servers.proxy import Proxy
from courriel.model.servers.server import Server
from courriel.network.connecting import resolve
from courriel.network.connecting.proxy.common import GLANCE, hosts_of, may_try_next, unanswered, unreachable

Resolve = Callable[[Server, float], Awaitable[list[resolve.Place]]]
"""Resolves a host before a time (monotonic). Raises OSError."""
Reach = Callable[[Proxy, float], Awaitable[socket.socket]]
"""Connects to a proxy before a time (monotonic). Raises OSError."""


async def reach(server: Server, proxy: Proxy, ends: float, places: Resolve, connect: Reach) -> socket.socket:
    """A socket connected to the server through the proxy, before `ends`. Raises OSError, ProxyError."""
    hosts = hosts_of(await places(server, ends)) if proxy.scheme == "socks5" else [server.host]
    while True:
        host = hosts.pop(0)
        line = await _reach_proxy(proxy, ends, connect)
        try:
            return await _tunnelled(line, proxy, host, server.port, ends)
        except errors.ProxyError as failed:
            if not (hosts and may_try_next(failed)):
                raise


# The steps.


async def _reach_proxy(proxy: Proxy, ends: float, connect: Reach) -> socket.socket:
    try:
        return await connect(proxy, ends)
    except OSError as broken:
        raise unreachable(proxy, broken) from broken


async def _tunnelled(line: socket.socket, proxy: Proxy, host: str, port: int, ends: float) -> socket.socket:
    """The same socket, when the proxy has connected it to the host; else it is closed."""
    try:
        async with asyncio.timeout(ends - monotonic()):
            await _converse(line, open_tunnel(proxy, host, port))
    except errors.CourrielError:
        line.close()
        raise
    except OSError as broken:
        line.close()
        raise unanswered(proxy, broken) from broken
    except BaseException:
        line.close()
        raise
    return line


async def _converse(line: socket.socket, tunnel: Tunnel) -> None:
    """Carry out the wants of the tunnel until it is open."""
    loop = asyncio.get_running_loop()
    try:
        want = next(tunnel)
        while True:
            match want:
                case Say(data):
                    await loop.sock_sendall(line, data)
                    want = tunnel.send(b"")
                case Hear(octets):
                    want = tunnel.send(await _exactly(line, octets))
                case Glance():
                    want = tunnel.send(_glance(line))
    except StopIteration:
        pass
    finally:
        tunnel.close()


async def _exactly(line: socket.socket, octets: int) -> bytes:
    loop = asyncio.get_running_loop()
    heard = b""
    while len(heard) < octets:
        data = await loop.sock_recv(line, octets - len(heard))
        if not data:
            raise ConnectionResetError("the proxy hung up")
        heard += data
    return heard


def _glance(line: socket.socket) -> bytes:
    try:
        return line.recv(GLANCE)
    except BlockingIOError:
        return b""
