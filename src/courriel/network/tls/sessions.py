"""TLS session resumption: the next connection to the same server needs less of a handshake.

A TLS session is kept in the context it was made with, and nowhere else: a context is made for one trust, one client
certificate and their files, so that no session is used under another trust. It is kept by the server name that was
verified, and one taken out is put back only when the dialogue succeeds: after any failure the next connection does a
full handshake. See decision 0013.
"""

from __future__ import annotations

import ssl
from time import time

from courriel._dataclass import dataclass

_LONGEST = 3600  # seconds after which a full handshake verifies the certificate again, whatever the server offers
_FRESH = 60  # seconds for which one ticket is reused; the IP address links connections of the same minute anyway
_MOST = 100  # names in one context


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A TLS session to resume, until `ends` (Unix time), when the certificate must be verified again."""

    session: ssl.SSLSession
    made: float
    ends: float


class SessionStore(ssl.SSLContext):
    """Client context that keeps its TLS sessions, one for each server name."""

    kept: dict[str, StoredSession]

    def __new__(cls) -> SessionStore:
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context.kept = {}
        context.sslsocket_class = _Socket
        context.sslobject_class = _Object
        return context

    def take(self, name: str) -> StoredSession | None:
        """Remove and return the TLS session of this server name."""
        kept = self.kept.pop(name, None)
        return kept if kept is not None and time() < kept.ends else None

    def put(self, name: str, agreement: StoredSession) -> None:
        """Keep a TLS session for the next connection to this server name."""
        self.kept[name] = agreement
        if len(self.kept) > _MOST:
            _ = self.kept.pop(next(iter(self.kept)), None)


def remember(line: ssl.SSLSocket | ssl.SSLObject) -> None:
    """Keep the TLS session of this connection; call it after a reply, since tickets arrive late (TLS 1.3).

    Does nothing where the system verifies certificates (truststore): it has to see them each time.
    """
    context, name = line.context, line.server_hostname
    if not isinstance(context, SessionStore) or not name:
        return
    now = time()
    earlier = line.agreement if isinstance(line, _Socket | _Object) and line.session_reused else None
    if earlier is not None and now - earlier.made < _FRESH:
        context.put(name, earlier)
        return
    session = line.session
    if session is not None and (session.has_ticket or session.id):
        ends = min(now + _LONGEST, _expiry(line)) if earlier is None else earlier.ends
        context.put(name, StoredSession(session, now, ends))


# The steps.


class _Socket(ssl.SSLSocket):
    """TLS socket of the blocking driver."""

    agreement: StoredSession | None = None
    begun = False

    def do_handshake(self, block: bool = False) -> None:
        _take_up(self)
        super().do_handshake(block)


class _Object(ssl.SSLObject):
    """TLS object of asyncio, which makes it from the context and calls `do_handshake` repeatedly."""

    agreement: StoredSession | None = None
    begun = False

    def do_handshake(self) -> None:
        _take_up(self)
        super().do_handshake()


def _take_up(line: _Socket | _Object) -> None:
    """Offer the stored TLS session, if there is one, at the start of a handshake."""
    context, name = line.context, line.server_hostname
    if not line.begun and isinstance(context, SessionStore) and name:
        line.agreement = context.take(name)
        if line.agreement is not None:
            line.session = line.agreement.session
    line.begun = True


def _expiry(line: ssl.SSLSocket | ssl.SSLObject) -> float:
    """Expiry of the server's certificate (Unix time); infinite where dates are not verified."""
    certificate = line.getpeercert()
    date = certificate.get("notAfter") if certificate else None
    return float(ssl.cert_time_to_seconds(date)) if isinstance(date, str) else float("inf")
