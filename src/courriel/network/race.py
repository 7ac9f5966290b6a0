"""
A server with several addresses: they are called one after the other, each with a head start, and the first that answers
is taken (Happy Eyeballs, RFC 8305).

A road that leads nowhere costs a quarter of a second then, and not all the time there was for connecting. Whose turn it
is, is decided here; `reach` runs the race on blocking sockets, in one thread, and `network.calling` has its own.
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

HEAD_START = 0.25  # seconds that each address has for itself: RFC 8305 5 recommends them


class Unreached(TimeoutError):
    """Nobody answered in time; the text says which addresses were called."""


class Race:
    """Whose turn it is, until which moment (monotonic), and what became of the others."""

    def __init__(self, places: list[Place], ends: float) -> None:
        self._waiting = interleaved(places)
        self._ends = ends
        self._next = 0.0
        self._lost: list[tuple[Place, OSError]] = []

    def starter(self, running: int) -> Place | None:
        """The address to call now, when it is somebody's turn while so many are being called."""
        now = monotonic()
        if not self._waiting or now >= self._ends or (running and now < self._next):
            return None
        self._next = now + HEAD_START
        return self._waiting.pop(0)

    def patience(self) -> float:
        """Seconds to wait for news: until the next one's turn, or until the end; 0 when that is over."""
        return max(0.0, min(self._next if self._waiting else self._ends, self._ends) - monotonic())

    def goes_on(self, running: int) -> bool:
        """Whether somebody may still answer."""
        return monotonic() < self._ends and bool(running or self._waiting)

    def lost(self, place: Place, why: OSError) -> None:
        """This address did not answer; the next one need not wait any longer."""
        self._lost.append((place, why))
        self._next = 0.0

    def failure(self, running: list[Place]) -> OSError:
        """What to raise when nobody won, with all that was tried; these were still being called."""
        told = [f"{_name(place)}: {_reason(why)}" for place, why in self._lost]
        told += [f"{_name(place)}: no answer" for place in running]
        if not (told or self._waiting):
            return OSError("the name has no address")
        if running or all(isinstance(why, TimeoutError) for _, why in self._lost):
            return Unreached(", ".join(told) if len(told) > 1 else "")
        # A server that says no is known better than a road that does not exist.
        most_telling = max(self._lost, key=lambda lost: isinstance(lost[1], ConnectionRefusedError))[1]
        if most_telling.errno is None:
            return most_telling
        tried = f" ({', '.join(told)})" if len(told) > 1 else ""
        return OSError(most_telling.errno, f"{_reason(most_telling)}{tried}")


def reach(places: list[Place], ends: float) -> socket.socket:
    """The line to the first address that answers. Raises OSError when none does before `ends` (monotonic)."""
    if len(places) == 1:
        return _reach_alone(places[0], ends)
    race = Race(places, ends)
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
        # Of Ctrl-C, too, which may come when one has won already.
        _close(running)
        raise


def hurry(line: socket.socket) -> socket.socket:
    """The same line, and what is written on it leaves at once (TCP_NODELAY)."""
    try:  # noqa: SIM105 - contextlib would be imported for this alone
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        pass  # a local socket has no such option, and needs none
    return line


def interleaved(places: list[Place]) -> list[Place]:
    """The same addresses, IPv6 and IPv4 by turns, beginning with the one that the name service put first (RFC 8305 4).

    An address that was named twice is called once.
    """
    unique = list(dict.fromkeys(places))
    first = [place for place in unique if place[0] == unique[0][0]]
    others = [place for place in unique if place[0] != unique[0][0]]
    return [place for pair in zip_longest(first, others) for place in pair if place is not None]


# The steps.


def _close(lines: Iterable[socket.socket]) -> None:
    for line in lines:
        line.close()


def _reach_alone(place: Place, ends: float) -> socket.socket:
    """The line to an address that has nobody to race with."""
    family, address = place
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.settimeout(max(0.001, ends - monotonic()))
        line.connect(address)  # type: ignore[arg-type]
    except TimeoutError as late:
        line.close()
        raise Unreached from late
    except BaseException:
        line.close()
        raise
    return hurry(line)


def _call(place: Place) -> socket.socket:
    """A line that is being opened. Raises OSError when it is known at once that it cannot be."""
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


# Windows says EWOULDBLOCK. Elsewhere that is EAGAIN: a busy local socket, or no free port, and nothing was begun.
_BEGUN = {errno.EINPROGRESS, errno.EWOULDBLOCK} - {errno.EAGAIN}


def _name(place: Place) -> str:
    _, address = place
    return str(address[0] if isinstance(address, tuple) else address)


def _reason(why: OSError) -> str:
    # asyncio has words of its own for it ("Connect call failed").
    return str(why) or type(why).__name__ if why.errno is None else os.strerror(why.errno)
