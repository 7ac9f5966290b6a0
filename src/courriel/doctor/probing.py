"""Look at a server that one does not own: which ports it has open, what it offers there, and its TLS. No login."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from time import monotonic

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.doctor.step import in_both, words
from courriel.doctor.visit import certificates, tls_look
from courriel.doctor.visit.certificates import CertificateFacts
from courriel.doctor.visit.walk import walk
from courriel.failures import Language
from courriel.model.servers.server import Dialect, Security, Server, Timeouts
from courriel.model.servers.trust import Trust

DOORS: tuple[tuple[int, Dialect, Security], ...] = (
    (25, Dialect.SMTP, Security.OPPORTUNISTIC),
    (465, Dialect.SMTP, Security.TLS),
    (587, Dialect.SMTP, Security.OPPORTUNISTIC),
    (2525, Dialect.SMTP, Security.OPPORTUNISTIC),
    (110, Dialect.POP3, Security.OPPORTUNISTIC),
    (995, Dialect.POP3, Security.TLS),
    (143, Dialect.IMAP, Security.OPPORTUNISTIC),
    (993, Dialect.IMAP, Security.TLS),
)
"""The usual ports, their protocol, and how they begin; opportunistic, so that one without TLS is seen as well."""
_GUESSES = (Dialect.SMTP, Dialect.IMAP, Dialect.POP3)
_MOST_PORTS = 32
TIMEOUT = 8.0
"""Seconds for each wait at a port; all ports are looked at together."""


@dataclass(frozen=True, slots=True)
class Door:
    """One port: its protocol, what it offers before and after TLS, its TLS, or the error.

    `ends` is the end of its certificate, `versions` are the TLS versions it takes. `refused_certificate` says why its
    certificate is not accepted; the rest was seen all the same.
    """

    port: int
    dialect: Dialect
    security: Security
    seconds: float
    greeting: str = ""
    in_clear: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    cipher: str = ""
    chain: tuple[CertificateFacts, ...] = ()
    refused_certificate: errors.CourrielError | None = None
    error: errors.CourrielError | None = None

    @property
    def is_open(self) -> bool:
        """Whether a mail server answered there."""
        return self.error is None

    @property
    def ends(self) -> datetime | None:
        """The end of its certificate; None when that is not known."""
        return self.chain[0].ends if self.chain else None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """All ports of a host that were looked at."""

    host: str
    doors: tuple[Door, ...]

    @property
    def ok(self) -> bool:
        """Whether a mail server answered at one of them."""
        return any(door.is_open for door in self.doors)

    @property
    def sysexit(self) -> int:
        """Exit status: 0 when a server answered, else that of the first error."""
        return 0 if self.ok else next((door.error.sysexit for door in self.doors if door.error), 69)

    def as_object(self, language: Language | None = None) -> dict[str, object]:
        """All of it as JSON can hold it; the keys are stable, the sentences in one language (default: the current)."""
        doors = [_door(each, language) for each in self.doors]
        return {"ok": self.ok, "host": self.host, "ports": doors, "sysexit": self.sysexit}


def probe(host: str, *, ports: Sequence[int] = (), timeout: float = TIMEOUT) -> ProbeReport:
    """Look at the usual ports of a host, or at these; no login is tried, and nothing is sent.

    `timeout` is in seconds, for each wait. Raises InvalidServer for what is no host or no port.
    """
    if len(ports) > _MOST_PORTS:
        raise errors.UsageError(f"ports: {_MOST_PORTS} at most")
    limits = Timeouts.silence(timeout)
    doors = [door for port in ports for door in _doors_at(port)] if ports else list(DOORS)
    ways = [Server(host, port, mode, dialect=dialect, timeouts=limits) for port, dialect, mode in doors]
    with ThreadPoolExecutor(len(ways)) as threads:
        looked = list(threads.map(_look, ways))
    return ProbeReport(ways[0].host, tuple(_best_of_each(looked)))


# The steps.


def _doors_at(port: int) -> list[tuple[int, Dialect, Security]]:
    """Protocols and modes of a port: by its number, or all of them for an unusual one."""
    known = [door for door in DOORS if door[0] == port]
    return known or [(port, each, mode) for each in _GUESSES for mode in (Security.OPPORTUNISTIC, Security.TLS)]


def _best_of_each(looked: Sequence[Door]) -> list[Door]:
    """One door for each port: the way that worked, else the first."""
    best: dict[int, Door] = {}
    for door in looked:
        if door.port not in best or (door.is_open and not best[door.port].is_open):
            best[door.port] = door
    return list(best.values())


def _look(server: Server) -> Door:
    began = monotonic()
    seen = walk(server)
    refused = seen.error if _is_about_certificate(seen.error) else None
    handshakes = tls_look.look(server) if seen.tls_version or refused is not None else {}
    longest = tls_look.longest_chain(handshakes)
    if refused is not None and longest is not None and longest.certificates:
        # Once more, for this certificate alone: the rest of the conversation can be seen, and nothing private is said.
        pin = f"sha256:{sha256(longest.certificates[0]).hexdigest()}"
        seen = walk(replace(server, trust=Trust.pin(pin)))
    if seen.error is not None:
        return Door(server.port, server.dialect, server.security, monotonic() - began, seen.greeting, error=seen.error)
    in_clear = seen.log.in_clear if server.security is not Security.TLS else {}
    newest = handshakes[max(handshakes)] if handshakes else None
    return Door(
        server.port,
        server.dialect,
        server.security,
        monotonic() - began,
        seen.greeting,
        _listed(in_clear),
        _listed(seen.capabilities),
        tuple(sorted(handshakes)),
        newest.cipher if newest else "",
        certificates.read(longest) if longest else (),
        refused,
    )


def _is_about_certificate(error: errors.CourrielError | None) -> bool:
    known = error.failure.id if error is not None and error.failure else ""
    return known.startswith(("CERT-", "PIN-"))


def _listed(capabilities: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{name} {value}".strip() for name, value in capabilities.items())


def _door(door: Door, language: Language | None) -> dict[str, object]:
    wrong = door.error or door.refused_certificate
    return {
        "port": door.port,
        "open": door.is_open,
        "protocol": door.dialect.value,
        "tls_at_once": door.security is Security.TLS,
        "greeting": door.greeting or None,
        "in_clear": list(door.in_clear),
        "capabilities": list(door.capabilities),
        "tls_versions": list(door.versions),
        "cipher": door.cipher or None,
        "chain": [_certificate(each) for each in door.chain],
        "error": words(in_both(wrong.detail), language) if wrong is not None else None,
        "failure": wrong.failure.id if wrong is not None and wrong.failure else None,
        "milliseconds": round(door.seconds * 1000, 1),
    }


def _certificate(facts: CertificateFacts) -> dict[str, object]:
    return {
        "subject": facts.subject,
        "issuer": facts.issuer,
        "begins": facts.begins.isoformat(),
        "ends": facts.ends.isoformat(),
        "names": list(facts.names),
        "sha256": facts.fingerprint,
    }
