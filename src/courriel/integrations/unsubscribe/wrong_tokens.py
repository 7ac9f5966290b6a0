"""How many wrong tokens each client has shown lately, in bounded memory: past a limit it gets short answers only."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable

WRONG = 20
"""Wrong tokens that a client may show in a minute: people who copy a link in pieces need two or three."""
WINDOW = 60.0
"""Seconds in which they are counted."""
MOST_CLIENTS = 4096
"""Clients that are remembered; the one that has been silent the longest is forgotten first."""


class WrongTokens:
    """Counts of wrong tokens by client. Valid tokens never come here."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, client: str) -> bool:
        """Count one more of this client; whether that is too many."""
        network, now = _network_of(client), self._clock()
        with self._lock:
            begun, seen = self._counts.pop(network, (now, 0))
            if now - begun >= WINDOW:
                begun, seen = now, 0
            self._counts[network] = begun, min(seen + 1, WRONG + 1)
            if len(self._counts) > MOST_CLIENTS:
                self._counts.popitem(last=False)
        return seen >= WRONG

    def __len__(self) -> int:
        """Clients that are remembered."""
        return len(self._counts)


# The steps.


def _network_of(client: str) -> str:
    """The address of a client, and for IPv6 its network of 64 bits, all of which one client has."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return ""
    if address.version == 6:
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
