"""Addresses to ask a proxy for, and errors of the connection to it, for both colours."""

from __future__ import annotations

import socket

from courriel import errors
from courriel.dialogue.proxy.answers import refusal
from courriel.model.servers.proxy import Proxy
from courriel.network.connecting import resolve
from courriel.network.connecting.happy_eyeballs import interleaved
from courriel.network.translate import ProxySilent

GLANCE = 512
"""Octets that a Glance reads at most."""


def hosts_of(places: list[resolve.Place]) -> list[str]:
    """The addresses of a server that was resolved here, in the order in which a proxy is asked for them.

    Raises OSError when there is none.
    """
    hosts = [str(address[0]) for _, address in interleaved(places) if isinstance(address, tuple)]
    if not hosts:
        raise OSError("the name has no address")
    return hosts


def may_try_next(error: errors.ProxyError) -> bool:
    """Whether the proxy may still reach another address of the same server."""
    return error.hint_id in ("PROXY-CANNOT-REACH", "PROXY-NOT-SUPPORTED")


def unreachable(proxy: Proxy, broken: OSError) -> OSError | errors.ProxyError:
    """The error for a proxy to which no connection was made; a time-out is explained by the clock of the caller."""
    if isinstance(broken, TimeoutError):
        return ProxySilent(proxy.name, asked=False)
    said = broken.strerror or str(broken) or type(broken).__name__
    lost = isinstance(broken, socket.gaierror) and broken.errno != socket.EAI_AGAIN
    return refusal(proxy, f"cannot be reached: {said}", "PROXY-NOT-FOUND" if lost else "PROXY-UNREACHABLE")


def unanswered(proxy: Proxy, broken: OSError) -> OSError | errors.ProxyError:
    """The error for a proxy that was reached, and did not answer to the end."""
    if isinstance(broken, TimeoutError):
        return ProxySilent(proxy.name, asked=True)
    return refusal(proxy, "hung up before its answer was complete", "PROXY-NO-ANSWER")
