"""
Happy Eyeballs (RFC 8305): connect to the addresses of a server one after the other, each with a head start, and take
the first that answers.

An unreachable address then costs a quarter of a second, and not the whole time limit. The order is decided here;
`reach` connects blocking sockets, in one thread, and `network.connect` does it for asyncio.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable
from itertools import zip_longest
from selectors import EVENT_WRITE, DefaultSelector
from time import monotonic

from courriel.network.resolve import Place

HEAD_START = 0.25  # seconds before the next address is tried, as RFC 8305 5 recommends


class AddressesFailed(TimeoutError):
    """No address answered in time; the text lists the addresses tried."""


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


def reach(places: list[Place], ends: float) -> socket.socket:
    """A socket connected to the first address that answers. Raises OSError when none does before `ends` (monotonic)."""
    if len(places) == 1:
        return _reach_alone(places[0], ends)
    race = HappyEyeballs(places, ends)
    running: dict[socket.socket, Place] = {}
    try:
        with DefaultSelector() as called:
            while race.goes_on(len(running)):
                while place := race.starter(len(running)):
                    try:
                        line = _call(place)
                    except OSError as unreachable:
                        race.lost(place, unreachable)
                    else:
                        running[line] = place
                        called.register(line, EVENT_WRITE, line)
                for answer, _ in called.select(race.patience()) if running else ():
                    line = answer.data
                    called.unregister(line)
                    if not (said := line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                        _close(other for other in running if other is not line)
                        return hurry(line)
                    race.lost(running.pop(line), OSError(said, os.strerror(said)))
                    line.close()
            raise race.failure(list(running.values()))
    except BaseException:
        # Also for Ctrl-C, which may come when one is connected already.
        _close(running)
        raise


def hurry(line: socket.socket) -> socket.socket:
    """The same socket with TCP_NODELAY set: data is sent without delay."""
    try:  # noqa: SIM105 - contextlib would be imported for this alone
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        pass  # a Unix socket has no such option
    return line


def interleaved(places: list[Place]) -> list[Place]:
    """The addresses, IPv6 and IPv4 alternating, first the resolver's first (RFC 8305 4); duplicates are dropped."""
    unique = list(dict.fromkeys(places))
    first = [place for place in unique if place[0] == unique[0][0]]
    others = [place for place in unique if place[0] != unique[0][0]]
    return [place for pair in zip_longest(first, others) for place in pair if place is not None]


# The steps.


def _close(lines: Iterable[socket.socket]) -> None:
    for line in lines:
        line.close()


def _reach_alone(place: Place, ends: float) -> socket.socket:
    """A socket connected to the only address."""
    family, address = place
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.settimeout(max(0.001, ends - monotonic()))
        line.connect(address)  # type: ignore[arg-type]
    except TimeoutError as late:
        line.close()
        raise AddressesFailed from late
    except BaseException:
        line.close()
        raise
    return hurry(line)


def _call(place: Place) -> socket.socket:
    """A socket with a pending connect. Raises OSError when it fails at once."""
    family, address = place
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        said = line.connect_ex(address)  # type: ignore[arg-type]
        if said and said not in _BEGUN:
            raise OSError(said, os.strerror(said))
    except BaseException:
        line.close()
        raise
    return line


# Windows reports EWOULDBLOCK for a pending connect. Elsewhere that is EAGAIN: a busy Unix socket or no free port.
_BEGUN = {errno.EINPROGRESS, errno.EWOULDBLOCK} - {errno.EAGAIN}


def _name(place: Place) -> str:
    _, address = place
    return str(address[0] if isinstance(address, tuple) else address)


def _reason(why: OSError) -> str:
    # asyncio replaces the text by its own ("Connect call failed").
    return str(why) or type(why).__name__ if why.errno is None else os.strerror(why.errno)
