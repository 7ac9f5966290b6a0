"""DNS records with the mail servers of a domain: SRV (RFC 6186, RFC 8314) and MX, by dnspython (extra `doctor`)."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel.delivery.discovery.proposal import FoundServer
from courriel.model.address import Address
from courriel.model.servers.server import Dialect, Security

if TYPE_CHECKING:
    from dns.rdata import Rdata

# The better way to encrypt first, and IMAP before POP3.
_SERVICES = (
    ("_submissions._tcp", Dialect.SMTP, Security.TLS),
    ("_submission._tcp", Dialect.SMTP, Security.STARTTLS),
    ("_imaps._tcp", Dialect.IMAP, Security.TLS),
    ("_imap._tcp", Dialect.IMAP, Security.STARTTLS),
    ("_pop3s._tcp", Dialect.POP3, Security.TLS),
    ("_pop3._tcp", Dialect.POP3, Security.STARTTLS),
)
_MOST_RECORDS = 20
_LONGEST_QUESTION = 5.0
"""Seconds for one question; a name server that is down must not take the time of the others."""


def services(address: Address, until: float) -> list[FoundServer]:
    """Servers of the domain by its SRV records, the preferred one of each service; the login is the whole address.

    `until` is the end by the monotonic clock. Raises what `_ask` raises.
    """
    return [server for service in _SERVICES for server in _of_service(address, service, until)]


def exchangers(domain: str, until: float) -> list[str]:
    """Names of the mail exchangers of a domain, best first; empty when it has none. Raises what `_ask` raises."""
    answers = sorted(_ask(domain, "MX", until), key=lambda each: each.preference)  # type: ignore[attr-defined]
    return [str(each.exchange).rstrip(".") for each in answers[:_MOST_RECORDS]]  # type: ignore[attr-defined]


# The steps.


def _of_service(address: Address, service: tuple[str, Dialect, Security], until: float) -> Iterator[FoundServer]:
    name, dialect, security = service
    answers = _ask(f"{name}.{address.domain}", "SRV", until)
    best = sorted(answers, key=lambda each: (each.priority, -each.weight))  # type: ignore[attr-defined]
    for each in best[:_MOST_RECORDS]:
        host, port = str(each.target).rstrip("."), int(each.port)  # type: ignore[attr-defined]
        if not host:
            return  # RFC 6186 3.4: a dot says that the service is not offered
        try:
            yield FoundServer(dialect, host, port, security, address.spec)
        except errors.InvalidServer:
            continue
        return


def _ask(name: str, kind: str, until: float) -> list[Rdata]:
    """Ask the system's name servers; empty when there is no such record.

    Raises TimedOut and ConnectionFailed when none answers, MissingExtra without dnspython.
    """
    try:
        from dns import exception, resolver
    except ImportError as missing:
        raise errors.MissingExtra(
            'looking up the servers of a domain needs dnspython: pip install "courriel[doctor]"',
            hint_id="EXTRA-MISSING",
        ) from missing
    seconds = min(until - monotonic(), _LONGEST_QUESTION)
    try:
        if seconds <= 0:
            raise exception.Timeout
        return list(resolver.get_default_resolver().resolve(name, kind, lifetime=seconds))
    except (resolver.NXDOMAIN, resolver.NoAnswer):
        return []
    except exception.Timeout as late:
        raise errors.TimedOut(f"the name service did not answer for {name}", stage="connect") from late
    except (exception.DNSException, OSError, ValueError) as broken:
        raise errors.ConnectionFailed(f"the name service could not be asked for {name}", stage="connect") from broken
