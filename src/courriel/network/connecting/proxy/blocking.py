"""Connecting through a proxy with a blocking socket."""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import monotonic

from courriel import errors
from courriel.dialogue.proxy.tunnel import open_tunnel
from courriel.dialogue.proxy.wants import Glance, Hear, Say, Tunnel
from courriel.model.servers.proxy import Proxy
from courriel.model.servers.server import Server
from courriel.network.connecting import resolve
from courriel.network.connecting.proxy.common import GLANCE, hosts_of, may_try_next, unanswered, unreachable

Resolve = Callable[[Server, float], list[resolve.Place]]
"""Resolves a host before a time (monotonic). Raises OSError."""
Reach = Callable[[Proxy, float], socket.socket]
"""Connects to a proxy before a time (monotonic). Raises OSError."""


def reach(server: Server, proxy: Proxy, ends: float, places: Resolve, connect: Reach) -> socket.socket:
    """A socket connected to the server through the proxy, before `ends`. Raises OSError, ProxyError."""
    hosts = hosts_of(places(server, ends)) if proxy.scheme == "socks5" else [server.host]
    while True:
        host = hosts.pop(0)
        line = _reach_proxy(proxy, ends, connect)
        try:
            return _tunnelled(line, proxy, host, server.port, ends)
        except errors.ProxyError as failed:
            if not (hosts and may_try_next(failed)):
                raise


# The steps.


def _reach_proxy(proxy: Proxy, ends: float, connect: Reach) -> socket.socket:
    try:
        return connect(proxy, ends)
    except OSError as broken:
        raise unreachable(proxy, broken) from broken


def _tunnelled(line: socket.socket, proxy: Proxy, host: str, port: int, ends: float) -> socket.socket:
    """The same socket, when the proxy has connected it to the host; else it is closed."""
    try:
        _converse(line, open_tunnel(proxy, host, port), ends)
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


def _converse(line: socket.socket, tunnel: Tunnel, ends: float) -> None:
    """Carry out the wants of the tunnel until it is open."""
    try:
        want = next(tunnel)
        while True:
            left = ends - monotonic()
            if left <= 0:
                raise TimeoutError
            line.settimeout(left)
            match want:
                case Say(data):
                    line.sendall(data)
                    want = tunnel.send(b"")
                case Hear(octets):
                    want = tunnel.send(_exactly(line, octets, ends))
                case Glance():
                    want = tunnel.send(_glance(line))
    except StopIteration:
        pass
    finally:
        tunnel.close()


def _exactly(line: socket.socket, octets: int, ends: float) -> bytes:
    heard = b""
    while len(heard) < octets:
        line.settimeout(max(0.001, ends - monotonic()))
        data = line.recv(octets - len(heard))
        if not data:
            raise ConnectionResetError("the proxy hung up")
        heard += data
    return heard


def _glance(line: socket.socket) -> bytes:
    line.settimeout(0)
    try:
        return line.recv(GLANCE)
    except BlockingIOError:
        return b""
