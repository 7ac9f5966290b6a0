"""Certificates in the octets of a TLS handshake, as far as it is in clear: TLS 1.2 sends them so (RFC 5246 7.4.2)."""

from __future__ import annotations

_HANDSHAKE, _CERTIFICATE = 22, 11
MOST = 20
"""Certificates of a chain that are read."""


def certificates(octets: bytes) -> tuple[bytes, ...]:
    """The certificate chain (DER) that a server sent, its own first; empty when there is none in clear."""
    messages = _handshake_messages(octets)
    place = 0
    while place + 4 <= len(messages):
        length = int.from_bytes(messages[place + 1 : place + 4])
        if messages[place] == _CERTIFICATE:
            return _chain(messages[place + 7 : place + 4 + length])
        place += 4 + length
    return ()


# The steps.


def _handshake_messages(octets: bytes) -> bytes:
    """The contents of the handshake records at the beginning, joined: a message may span several records."""
    joined = bytearray()
    place = 0
    while place + 5 <= len(octets) and octets[place] == _HANDSHAKE:
        length = int.from_bytes(octets[place + 3 : place + 5])
        joined += octets[place + 5 : place + 5 + length]
        place += 5 + length
    return bytes(joined)


def _chain(listed: bytes) -> tuple[bytes, ...]:
    found: list[bytes] = []
    place = 0
    while place + 3 <= len(listed) and len(found) < MOST:
        length = int.from_bytes(listed[place : place + 3])
        der = listed[place + 3 : place + 3 + length]
        if len(der) < length or not length:
            break
        found.append(der)
        place += 3 + length
    return tuple(found)
