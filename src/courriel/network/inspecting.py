"""Look at a server's TLS without trusting it: version, cipher and certificates, for the doctor. Nothing private leaves.

The connection is a `blocking.Line` whose handshake is watched. It ends with the handshake: neither a command nor a
login ever follows on it.
"""

from __future__ import annotations

import ssl
from time import monotonic

from courriel._dataclass import dataclass
from courriel.model.servers.server import Server
from courriel.network import blocking
from courriel.network.tls import contexts
from courriel.wire import tls_records

_READ = 16 * 1024
_MOST = 1024 * 1024
"""Octets of a handshake; a chain of twenty certificates has a tenth."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """A handshake as the server showed it: TLS version, cipher, and its certificates (DER), its own first."""

    version: str
    cipher: str
    certificates: tuple[bytes, ...]


class InspectingLine(blocking.Line):
    """A connection for one look: `seen` is what the handshake showed, in at most this version of TLS."""

    def __init__(self, server: Server, most: ssl.TLSVersion, least: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> None:
        super().__init__(server)
        self._versions = least, most
        self.seen: Handshake | None = None

    def _secure(self) -> bytes:
        line = self._open_socket("secure").raw
        context = contexts.probing_context()
        context.minimum_version, context.maximum_version = self._versions
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = contexts.name_to_check(self.server.expected_name)
        tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
        until = monotonic() + self._clock.for_stage("secure")
        heard = bytearray()
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            else:
                break
            line.settimeout(max(0.001, until - monotonic()))
            line.sendall(outgoing.read())
            data = line.recv(_READ)
            if not data or len(heard) > _MOST:
                raise ConnectionResetError("the server hung up")
            heard += data
            _ = incoming.write(data)
        cipher = tls.cipher()
        self.seen = Handshake(tls.version() or "", cipher[0] if cipher else "", _certificates(tls, bytes(heard)))
        return self.seen.certificates[0] if self.seen.certificates else b""


# The steps.


def _certificates(tls: ssl.SSLObject, heard: bytes) -> tuple[bytes, ...]:
    """The chain: in clear in TLS 1.2; from Python 3.13 on, of TLS 1.3 too; before that the server's own alone."""
    if in_clear := tls_records.certificates(heard):
        return in_clear
    whole = getattr(tls, "get_unverified_chain", None)
    if whole is not None:
        return tuple(whole())
    leaf = tls.getpeercert(binary_form=True)
    return (leaf,) if leaf else ()
