"""
Search for the servers of a mail address, by the first of four sources that knows them.

In order: the provider table, by the domain; the MX records, where they are those of a provider of the table; SRV
records of the domain; its autoconfiguration. The first two name servers of our own table, the others any host: those
outside the domain are in `Proposal.foreign`.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from courriel import errors
from courriel.delivery.discovery import autoconfig, fetch, records
from courriel.delivery.discovery.proposal import Proposal, by_provider, by_servers
from courriel.delivery.urls import providers
from courriel.model.address import Address
from courriel.model.servers.trust import Trust

TOTAL = 20.0
"""Seconds for all questions together."""


def discover(address: Address | str, *, total: float = TOTAL, trust: Trust | None = None) -> Proposal | None:
    """Propose servers for an address, or return None when no source knows any; `total` is in seconds.

    Only TLS servers are proposed; none of them is contacted. `trust` is for the HTTPS server of the autoconfiguration.
    Raises InvalidAddress; and, when no source answered, the first error of one: TimedOut or ConnectionFailed of the
    name service, TlsFailed or RemoteProtocolError of the autoconfiguration, MissingExtra without dnspython.
    """
    parsed = Address.parse(address) if isinstance(address, str) else address
    if known := providers.by_domain(parsed.domain):
        return by_provider(parsed, "provider", known.title, known)
    until = monotonic() + total
    sources: tuple[Callable[[], Proposal | None], ...] = (
        lambda: _by_mail_exchangers(parsed, until),
        lambda: by_servers(parsed, "srv", f"SRV {parsed.domain}", records.services(parsed, until)),
        lambda: _by_autoconfig(parsed, until, trust),
    )
    trouble: errors.CourrielError | None = None
    for ask in sources:
        try:
            if found := ask():
                return found
        except errors.CourrielError as failed:
            trouble = trouble or failed
    if trouble is not None:
        raise trouble
    return None


# The steps.


def _by_mail_exchangers(address: Address, until: float) -> Proposal | None:
    for host in records.exchangers(address.domain, until):
        if known := providers.by_exchanger(host):
            return by_provider(address, "mx", f"MX {host}", known)
    return None


def _by_autoconfig(address: Address, until: float, trust: Trust | None) -> Proposal | None:
    for url in (
        f"https://autoconfig.{address.domain}/mail/config-v1.1.xml",
        f"https://{address.domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    ):
        xml = fetch.get(url, until, trust)
        if xml is not None and (found := by_servers(address, "autoconfig", url, autoconfig.servers(xml, address))):
            return found
    return None
