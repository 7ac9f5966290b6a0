"""
Happy Eyeballs (RFC 8305): connect to the addresses of a server one after the other, each with a head start, and take
the first that answers.

An unreachable address then costs a quarter of a second, and not the whole time limit. The order is decided here;
`connecting.blocking` connects sockets by it, in one thread, and `connecting.awaiting` does so for asyncio.
"""

from __future__ import annotations

import os
from itertools import zip_longest
from time import monotonic

from courriel.network.connecting.resolve import AddressesFailed, Place

HEAD_START = 0.25  # seconds before the next address is tried, as RFC 8305 5 recommends


class HappyEyeballs:
    """Order and timing of the connection attempts to several addresses, and their errors; `ends` is monotonic."""

    def __init__(self, places: list[Place], ends: float) -> None:
        self._waiting = interleaved(places)
        self._ends = ends
        self._next = 0.0
        self._lost: list[tuple[Place, OSError]] = []

    def starter(self, running: int) -> Place | None:
        """The address to try now, if the next attempt is due while `running` attempts are pending."""
        now = monotonic()
        if not self._waiting or now >= self._ends or (running and now < self._next):
            return None
        self._next = now + HEAD_START
        return self._waiting.pop(0)

    def patience(self) -> float:
        """Seconds to wait: until the next attempt is due, or until the end; 0 when that is over."""
        return max(0.0, min(self._next if self._waiting else self._ends, self._ends) - monotonic())

    def goes_on(self, running: int) -> bool:
        """Whether an address may still answer."""
        return monotonic() < self._ends and bool(running or self._waiting)

    def lost(self, place: Place, why: OSError) -> None:
        """Record a failed address; the next attempt is due at once."""
        self._lost.append((place, why))
        self._next = 0.0

    def failure(self, running: list[Place]) -> OSError:
        """The error when no address answered, with all attempts; `running` are those still pending."""
        told = [f"{_name(place)}: {_reason(why)}" for place, why in self._lost]
        told += [f"{_name(place)}: no answer" for place in running]
        if not (told or self._waiting):
            return OSError("the name has no address")
        if running or all(isinstance(why, TimeoutError) for _, why in self._lost):
            return AddressesFailed(", ".join(told) if len(told) > 1 else "")
        # "Connection refused" says more than "unreachable".
        most_telling = max(self._lost, key=lambda lost: isinstance(lost[1], ConnectionRefusedError))[1]
        if most_telling.errno is None:
            return most_telling
        tried = f" ({', '.join(told)})" if len(told) > 1 else ""
        return OSError(most_telling.errno, f"{_reason(most_telling)}{tried}")


def interleaved(places: list[Place]) -> list[Place]:
    """The addresses, IPv6 and IPv4 alternating, first the resolver's first (RFC 8305 4); duplicates are dropped."""
    unique = list(dict.fromkeys(places))
    first = [place for place in unique if place[0] == unique[0][0]]
    others = [place for place in unique if place[0] != unique[0][0]]
    return [place for pair in zip_longest(first, others) for place in pair if place is not None]


# The steps.


def _name(place: Place) -> str:
    _, address = place
    return str(address[0] if isinstance(address, tuple) else address)


def _reason(why: OSError) -> str:
    # asyncio replaces the text by its own ("Connect call failed").
    return str(why) or type(why).__name__ if why.errno is None else os.strerror(why.errno)
