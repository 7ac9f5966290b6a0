"""Look at a server's TLS on connections of its own: chain, cipher, and which versions it takes."""

from __future__ import annotations

import ssl

from courriel import errors
from courriel.dialogue.flow import Flow, Secure
from courriel.doctor.visit.walk import dialogue_for
from courriel.model.servers.server import Security, Server
from courriel.network.inspecting import Handshake, InspectingLine

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def look(server: Server) -> dict[str, Handshake]:
    """The handshakes that succeeded, by TLS version: "TLSv1.2", "TLSv1.3"; empty for a connection without TLS."""
    if server.security is Security.NONE:
        return {}
    found: dict[str, Handshake] = {}
    for version in VERSIONS:
        seen = _handshake(server, version)
        if seen is not None:
            found[seen.version] = seen
    return found


def longest_chain(seen: dict[str, Handshake]) -> Handshake | None:
    """The handshake with the most certificates: TLS 1.3 encrypts them, and not every Python hands them out."""
    return max(seen.values(), key=lambda each: len(each.certificates), default=None)


# The steps.


def _handshake(server: Server, version: ssl.TLSVersion) -> Handshake | None:
    line = InspectingLine(server, version, version)
    try:
        line.run(_until_secured(dialogue_for(server, None).open()), opening=True)
    except errors.CourrielError:
        pass  # seen or not, the walk has the error
    finally:
        line.hang_up()
    return line.seen


def _until_secured(flow: Flow[None]) -> Flow[None]:
    """Run the opening of a session up to its handshake, and nothing behind it."""
    try:
        want = next(flow)
        while True:
            answer = yield want
            if isinstance(want, Secure):
                return
            want = flow.send(answer)
    except StopIteration:
        return
    finally:
        flow.close()
