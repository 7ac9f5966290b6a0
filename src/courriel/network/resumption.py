"""TLS sessions that are taken up again: the next line to the same server is secured with less work on both sides.

What was agreed in a handshake is kept in the context it was made with, and nowhere else: a context is made for one
trust, one client certificate and the files they stand in, so that nothing is believed on the word of another. It is
kept by the name that was asked of the certificate, and what is taken out is put back only when the conversation goes
well: whatever goes wrong, the next line begins with a whole handshake. See decision 0013.
"""

from __future__ import annotations

import ssl
from time import time

from courriel.values import dataclass

_LONGEST = 3600  # seconds after which certificate and trust are looked at again, whatever the server offers
_FRESH = 60  # seconds for which one ticket serves; lines of the same minute are known as ours by their address anyway
_MOST = 100  # names in one context


@dataclass(frozen=True, slots=True)
class Agreement:
    """A session that can be taken up again; `ends` by when the certificate must be looked at again (Unix time)."""

    session: ssl.SSLSession
    made: float
    ends: float


class Remembering(ssl.SSLContext):
    """A context for clients that remembers its sessions, one for each name."""

    _kept: dict[str, Agreement]

    def __new__(cls) -> Remembering:
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context._kept = {}
        context.sslsocket_class = _Socket
        context.sslobject_class = _Object
        return context

    def take(self, name: str) -> Agreement | None:
        """What was agreed with the server of this name; it is not here any more then."""
        kept = self._kept.pop(name, None)
        return kept if kept is not None and time() < kept.ends else None

    def put(self, name: str, agreement: Agreement) -> None:
        """Keep this for the next line to the server of this name."""
        self._kept[name] = agreement
        if len(self._kept) > _MOST:
            _ = self._kept.pop(next(iter(self._kept)), None)


def remember(line: ssl.SSLSocket | ssl.SSLObject) -> None:
    """Keep what was agreed on this line for the next one; once the server was heard, since tickets come late (TLS 1.3).

    Nothing happens where the system checks certificates (truststore), which it could not do without seeing them.
    """
    context, name = line.context, line.server_hostname
    if not isinstance(context, Remembering) or not name:
        return
    now = time()
    earlier = line.agreement if isinstance(line, _Socket | _Object) and line.session_reused else None
    if earlier is not None and now - earlier.made < _FRESH:
        context.put(name, earlier)
        return
    session = line.session
    if session is not None and (session.has_ticket or session.id):
        ends = min(now + _LONGEST, _expiry(line)) if earlier is None else earlier.ends
        context.put(name, Agreement(session, now, ends))


# The steps.


class _Socket(ssl.SSLSocket):
    """For those who block."""

    agreement: Agreement | None = None
    begun = False

    def do_handshake(self, block: bool = False) -> None:
        _take_up(self)
        super().do_handshake(block)


class _Object(ssl.SSLObject):
    """For asyncio, which makes it by itself out of the context, and begins its handshake again and again."""

    agreement: Agreement | None = None
    begun = False

    def do_handshake(self) -> None:
        _take_up(self)
        super().do_handshake()


def _take_up(line: _Socket | _Object) -> None:
    """A handshake begins: with what was agreed before, if there is something."""
    context, name = line.context, line.server_hostname
    if not line.begun and isinstance(context, Remembering) and name:
        line.agreement = context.take(name)
        if line.agreement is not None:
            line.session = line.agreement.session
    line.begun = True


def _expiry(line: ssl.SSLSocket | ssl.SSLObject) -> float:
    """When the server's certificate expires; without end where dates are not looked at."""
    certificate = line.getpeercert()
    date = certificate.get("notAfter") if certificate else None
    return float(ssl.cert_time_to_seconds(date)) if isinstance(date, str) else float("inf")
