"""Addresses of a server: those that the system's resolver gives, and which of them take a connection."""

from __future__ import annotations

import os
import socket
from time import monotonic

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.doctor.step import NOTHING, Step, in_both, with_error
from courriel.failures import Text
from courriel.model.servers.proxy import Proxy
from courriel.model.servers.server import Server
from courriel.network.connecting import blocking as connecting
from courriel.network.connecting import happy_eyeballs, resolve
from courriel.network.translate import silent, translate

MOST = 4
"""Addresses of each family that are tried."""
_FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}


@dataclass(frozen=True, slots=True)
class ConnectionAttempt:
    """Connection to one address: how long it took, and the error when it failed."""

    place: resolve.Place
    seconds: float
    error: OSError | None = None

    @property
    def name(self) -> str:
        """The address, for display."""
        return _shown(self.place)


def resolve_name(server: Server, seconds: float) -> tuple[Step, list[resolve.Place]]:
    """Look the name of a server up, within these seconds; the step, and its addresses."""
    began = monotonic()
    try:
        places = list(dict.fromkeys(connecting.places_of(server, began + seconds)))
    except OSError as unknown:
        error = (
            translate(unknown, server, "connect")
            if not isinstance(unknown, TimeoutError)
            else errors.TimedOut(
                "the name service did not answer", stage="connect", server=str(server), hint_id="DNS-UNAVAILABLE"
            )
        )
        error.__cause__ = unknown
        step = Step(
            "name", "failed", in_both(error.detail), monotonic() - began, command=f"getent ahosts {server.host}"
        )
        return with_error(step, error), []
    took = monotonic() - began
    if server.host.startswith("/"):
        return Step("name", "ok", Text(f"socket local {server.host}", f"local socket {server.host}"), took), places
    return Step("name", "ok", _counted(server.host, places), took), places


def connect(server: Server, places: list[resolve.Place], seconds: float) -> tuple[Step, list[ConnectionAttempt]]:
    """Connect to each address in turn, and close the connections again."""
    tried = [_connect(place, seconds) for place in _some_of_each(places)]
    working = [attempt for attempt in tried if attempt.error is None]
    failed = [attempt for attempt in tried if attempt.error is not None]
    details = _each(failed) if len(tried) > 1 else ()
    took = sum(attempt.seconds for attempt in tried)
    if not working:
        error = _failure(server, tried)
        step = Step("connection", "failed", in_both(error.detail), took, details=details)
        return with_error(step, error), tried
    names = ", ".join(f"{_with_port(attempt.name, server.port)}" for attempt in working[:2])
    more = f" (+ {len(working) - 2})" if len(working) > 2 else ""
    finding = Text(f"{names} : ouverte{'s' if len(working) > 1 else ''}{more}", f"{names}: open{more}")
    step = Step("connection", "warning" if failed else "ok", finding, took, details=details)
    return (replace(step, fix=_one_family(failed, working)) if failed else step), tried


def connect_through(server: Server, proxy: Proxy, seconds: float) -> tuple[Step, Step]:
    """Connect through a proxy, which looks the name up itself, and close again; the steps for name and connection."""
    name = Step("name", "skipped", Text(f"cherché par le proxy {proxy.name}", f"looked up by the proxy {proxy.name}"))
    began = monotonic()
    try:
        connecting.reach(server, began + seconds).close()
    except errors.ProxyError as refused:
        return name, with_error(Step("connection", "failed", in_both(refused.detail), monotonic() - began), refused)
    except OSError as failed:
        error = (
            translate(failed, server, "connect")
            if not isinstance(failed, TimeoutError)
            else silent(server, "connect", seconds)
        )
        error.__cause__ = failed
        return name, with_error(Step("connection", "failed", in_both(error.detail), monotonic() - began), error)
    finding = Text(f"{server} : ouverte par le proxy {proxy.name}", f"{server}: open through the proxy {proxy.name}")
    return name, Step("connection", "ok", finding, monotonic() - began)


# The steps.


def _counted(host: str, places: list[resolve.Place]) -> Text:
    four, six = (
        [_shown(place) for place in places if place[0] == family] for family in (socket.AF_INET, socket.AF_INET6)
    )
    shown = ", ".join([*four[:3], *six[:2]]) + (", …" if len(four) > 3 or len(six) > 2 else "")
    if four and six:
        return Text(
            f"{host} → {shown} ({len(four)} IPv4, {len(six)} IPv6)",
            f"{host} → {shown} ({len(four)} IPv4, {len(six)} IPv6)",
        )
    if six:
        return Text(f"{host} → {shown} (IPv6), aucun IPv4", f"{host} → {shown} (IPv6), no IPv4")
    return Text(f"{host} → {shown} (IPv4), aucun IPv6", f"{host} → {shown} (IPv4), no IPv6")


def _some_of_each(places: list[resolve.Place]) -> list[resolve.Place]:
    chosen: list[resolve.Place] = []
    for place in happy_eyeballs.interleaved(places):
        if sum(other[0] == place[0] for other in chosen) < MOST:
            chosen.append(place)
    return chosen


def _connect(place: resolve.Place, seconds: float) -> ConnectionAttempt:
    began = monotonic()
    try:
        connecting.reach_one_of([place], began + seconds).close()
    except OSError as failed:
        return ConnectionAttempt(place, monotonic() - began, failed)
    return ConnectionAttempt(place, monotonic() - began)


def _failure(server: Server, tried: list[ConnectionAttempt]) -> errors.CourrielError:
    """The error that says most: a refusal before a silence."""
    causes = [attempt.error for attempt in tried if attempt.error is not None]
    said = next((each for each in causes if not isinstance(each, TimeoutError)), None)
    if said is None:
        error: errors.CourrielError = silent(server, "connect", max((each.seconds for each in tried), default=0.0))
        error.__cause__ = causes[0] if causes else None
        return error
    error = translate(said, server, "connect")
    error.__cause__ = said
    return error


def _each(failed: list[ConnectionAttempt]) -> tuple[Text, ...]:
    told = [(each.name, in_both(_why(each.error))) for each in failed]
    return tuple(Text(f"{name} : {why.fr}", f"{name}: {why.en}") for name, why in told)


def _why(error: OSError | None) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return os.strerror(error.errno) if error is not None and error.errno else str(error)


def _one_family(failed: list[ConnectionAttempt], working: list[ConnectionAttempt]) -> Text:
    """Remedy for an address family that does not work: programs wait for it, or fail now and then."""
    lost = {_FAMILIES.get(socket.AddressFamily(each.place[0]), "") for each in failed}
    fine = {_FAMILIES.get(socket.AddressFamily(each.place[0]), "") for each in working}
    if lost & fine or not lost:
        return NOTHING
    family = "/".join(sorted(lost))
    return Text(
        f"Les programmes qui essaient {family} d'abord attendent en vain : réparez sa route ou son pare-feu.",
        f"Programs that try {family} first wait in vain: repair its route or its firewall.",
    )


def _shown(place: resolve.Place) -> str:
    _, address = place
    return str(address[0] if isinstance(address, tuple) else address)


def _with_port(name: str, port: int) -> str:
    if name.startswith("/"):
        return name
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
